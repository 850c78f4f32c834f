"""Times of a table: what they are (dates, naive, aware), and where they stand on the UTC axis.

Times are *dates* where they have no time of day: those of a date type, and a column of which all is
midnight in its own zone, however it is written. Midnights of UTC are both: the dates, and the
instants at which these begin in UTC, which are one until somebody says when dates are complete.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import pyarrow as pa

from ml4t.backtest.data.arrays import Int64s
from ml4t.backtest.data.errors import (
    DAY_NS,
    SHOWN,
    DataError,
    MixedZonesError,
    count_rows,
)
from ml4t.backtest.data.tables.arrow import eight_bytes, is_text, single
from ml4t.backtest.data.tables.epochs import UNITS, from_epochs, is_number
from ml4t.backtest.data.tables.midnights import Strays, is_utc, whole_days
from ml4t.backtest.data.tables.raw_columns import RawColumn
from ml4t.backtest.data.tables.written_times import parse_times

Unit = Literal["D", "s", "ms", "us", "ns"]

# Whole years that int64 nanoseconds reach, so that a lag or a zone leads beyond none of them.
FIRST_DAY, LAST_DAY = (
    int(np.datetime64(day, "D").astype(np.int64)) for day in ("1678-01-01", "2261-12-31")
)


@dataclass(frozen=True)
class Stamps:
    """Times as a table has them.

    Attributes
    ----------
    kind : {"date", "utc_date", "naive", "aware"}
        ``utc_date`` are midnights of UTC.
    values : int64 array
        Days since 1970 for dates of both kinds, else nanoseconds.
    zone : str or None
        Zone of the column.
    strays : Strays or None
        The few that keep times from being dates.
    counted : bool
        Whether they were numbers.
    """

    kind: str
    values: Int64s
    zone: str | None = None
    strays: Strays | None = None
    counted: bool = False

    @property
    def in_days(self) -> bool:
        """Whether values are days."""
        return self.kind in ("date", "utc_date")

    @property
    def nanoseconds(self) -> Int64s:
        """The values in nanoseconds, dates at their midnight."""
        return self.values * DAY_NS if self.in_days else self.values

    def take(self, rows: Int64s) -> Stamps:
        return replace(self, values=self.values[rows])

    def followed_by(self, later: Stamps) -> Stamps:
        return replace(self, values=np.concatenate([self.values, later.values]))

    def __len__(self) -> int:
        return len(self.values)


def read_stamps(
    column: Any,
    table_name: str,
    column_name: str,
    kind: str | None = None,
    time_unit: str | None = None,
) -> Stamps:
    """Read a column of times.

    Parameters
    ----------
    column : pyarrow array of dates, timestamps of any unit, ISO 8601 text, or numbers
    kind : {"date", "utc_date", "naive", "aware"}, optional
        What the times of the whole table are, where this is a part of it: a part may be all midnights
        by chance.
    time_unit : {"s", "ms", "us", "ns"}, optional
        What numbers count since 1970.

    Returns
    -------
    Stamps

    Raises
    ------
    DataError
        If the column holds something else, is null somewhere, or cannot be given in nanoseconds.
    """
    where = f"{table_name}: column {column_name!r}"
    if isinstance(column, RawColumn) and getattr(column.type, "unit", "") == "ns":
        _refuse_far(column.values, "ns", where)
        return _stamps(column.values, column.type.tz, kind, where)
    array = plain_times(column, table_name, column_name)
    counted = is_number(array.type)
    if counted:
        array = from_epochs(array, time_unit, where)
    if array.null_count:
        raise DataError(f"{where} has no time in {count_rows(array.null_count)}; fill or drop them")
    if pa.types.is_date(array.type):
        return Stamps("date", _days(array, where))
    if not pa.types.is_timestamp(array.type):
        raise DataError(
            f"{where} holds {array.type}, must hold dates or timestamps, ISO 8601 text or numbers "
            "since 1970"
        )
    values = eight_bytes(array, np.int64)
    _refuse_far(values, array.type.unit, where)
    if array.type.unit != "ns":
        values = values * UNITS[array.type.unit]
    return replace(_stamps(values, array.type.tz, kind, where), counted=counted)


def _days(array: pa.Array, where: str) -> Int64s:
    if pa.types.is_date64(array.type):
        milliseconds = eight_bytes(array, np.int64)
        _refuse_far(milliseconds, "ms", where)
        return milliseconds // (DAY_NS // UNITS["ms"])
    days = array.cast(pa.int32()).to_numpy().astype(np.int64)
    _refuse_far(days, "D", where)
    return days


def _refuse_far(values: Int64s, unit: Unit, where: str) -> None:
    """Refuse times that nanoseconds cannot hold; ``values`` count ``unit``."""
    if not len(values):
        return
    per_day = 1 if unit == "D" else DAY_NS // UNITS[unit]
    first, end = FIRST_DAY * per_day, (LAST_DAY + 1) * per_day
    if first <= values.min() and values.max() < end:
        return
    far = np.flatnonzero((values < first) | (values >= end))
    shown = ", ".join(f"row {row} ({_as_text(values[row], unit)})" for row in far[:SHOWN])
    raise DataError(
        f"{where} has times outside 1677 to 2262, which nanoseconds cannot hold, in "
        f"{count_rows(len(far))}: {shown}{', ...' if len(far) > SHOWN else ''}; correct or drop them"
    )


def _as_text(value: np.int64, unit: Unit) -> str:
    if value == np.iinfo(np.int64).min:
        return "no time"
    return str(np.datetime64(int(value), unit)).replace("T", " ")


def _stamps(values: Int64s, zone: str | None, kind: str | None, where: str) -> Stamps:
    strays = None
    if kind in (None, "date", "utc_date"):
        try:
            days, strays = whole_days(values, zone)
        except (KeyError, ValueError) as error:
            raise DataError(f"{where} names the time zone {zone!r}, which is not known") from error
        if days is not None:
            return Stamps("utc_date" if is_utc(zone) else "date", days, zone)
    return Stamps("naive" if zone is None else "aware", values, zone, strays)


def plain_times(column: Any, table_name: str, column_name: str) -> pa.Array:
    """Return a column of times as one array, dictionaries and ISO 8601 text as what they say."""
    array = single(column)
    while pa.types.is_dictionary(array.type):  # categories in a level of an index are two of them
        array = array.dictionary_decode()
    if not is_text(array.type):
        return array
    try:
        return parse_times(array, f"{table_name}: column {column_name!r}")
    except MixedZonesError as error:
        error.table, error.column = table_name, column_name
        raise
