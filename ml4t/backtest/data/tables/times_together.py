"""Times of several tables that become one: those of each asset, in the zone of its own exchange."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from ml4t.backtest.data.errors import DataError
from ml4t.backtest.data.tables.midnights import is_utc
from ml4t.backtest.data.tables.stamps import plain_times, read_stamps


def with_common_times(parts: Mapping[str, pa.Table], column: str) -> dict[str, pa.Table]:
    """Return tables whose times in a column can be put below each other.

    Where zones differ, midnights are dates, each of its own exchange; anything else is instants.

    Parameters
    ----------
    parts : mapping of name in messages to table
    column : str
        Not all tables need to have it.

    Raises
    ------
    DataError
        If some have dates and others times of day, or some zones and others none.
    """
    times = {
        name: plain_times(part[column], name, column)
        for name, part in parts.items()
        if column in part.column_names
    }
    zones = {getattr(array.type, "tz", None) for array in times.values()}
    dates = {pa.types.is_date(array.type) for array in times.values()}
    temporal = all(pa.types.is_temporal(array.type) for array in times.values())
    if temporal and (len(zones) > 1 or len(dates) > 1):
        times = _common(times, column)
    return {
        name: part.set_column(part.column_names.index(column), column, times[name])
        if name in times
        else part
        for name, part in parts.items()
    }


def _common(times: Mapping[str, pa.Array], column: str) -> dict[str, pa.Array]:
    stamps = {name: read_stamps(array, name, column) for name, array in times.items()}
    if all(own.in_days for own in stamps.values()):
        return {
            name: pa.array(own.values.astype(np.int32)).cast(pa.date32())
            for name, own in stamps.items()
        }
    for name, own in stamps.items():
        if own.strays is not None and not is_utc(own.zone or "UTC"):
            own.strays.refuse(name)
    dated = next((name for name, array in times.items() if pa.types.is_date(array.type)), None)
    timed = next((name for name, own in stamps.items() if not own.in_days), None)
    if dated is not None and timed is not None:
        raise DataError(
            f"{dated} has only dates, {timed} times of day: give all of them dates, or all of them times"
        )
    naive = next((name for name, own in stamps.items() if own.zone is None), None)
    aware = next((name for name, own in stamps.items() if own.zone is not None), None)
    if naive is not None and aware is not None:
        first = "only dates" if stamps[naive].in_days else "times without a zone"
        second = (
            f"only dates of {stamps[aware].zone}" if stamps[aware].in_days else "times with a zone"
        )
        raise DataError(
            f"{naive} has {first}, {aware} {second}: give all of them dates, or all of them times with a zone"
        )
    kind = pa.timestamp("ns", None if aware is None else "UTC")
    return {name: array.cast(kind) for name, array in times.items()}
