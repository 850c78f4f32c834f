"""Times of several tables that become one: those of each asset, in the zone of its own exchange."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from ml4t.backtest.data.errors import DataError
from ml4t.backtest.data.tables.midnights import is_utc
from ml4t.backtest.data.tables.stamps import Stamps, plain_times, read_stamps


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
        stamps = {name: read_stamps(array, name, column) for name, array in times.items()}
        times = {name: _common(array, stamps, name) for name, array in times.items()}
    return {
        name: part.set_column(part.column_names.index(column), column, times[name])
        if name in times
        else part
        for name, part in parts.items()
    }


def _common(array: pa.Array, stamps: Mapping[str, Stamps], name: str) -> pa.Array:
    own = stamps[name]
    if all(other.in_days for other in stamps.values()):
        return pa.array(own.values.astype(np.int32)).cast(pa.date32())
    if own.strays is not None and not is_utc(own.zone or "UTC"):
        own.strays.refuse(name)
    for other_name, other in stamps.items():
        if (own.zone is None) == (other.zone is None):
            continue
        first, second = (own, other) if own.zone is None else (other, own)
        names = (name, other_name) if first is own else (other_name, name)
        what = "only dates" if first.in_days else "times without a zone"
        raise DataError(
            f"{names[0]} has {what}, {names[1]} {'dates of ' + str(second.zone) if second.in_days else 'times with a zone'}: "
            "give all of them dates, or all of them times with a zone"
        )
    return array.cast(pa.timestamp("ns", None if own.zone is None else "UTC"))
