"""Times of a table: what they are (dates, naive, aware), and where they stand on the UTC axis.

A *date* is a stamp without a time of day: a date type, or naive stamps that are all at midnight, or
stamps that are all at midnight of their own zone other than UTC (daily bars as some vendors give
them). Midnight UTC is an instant like any other.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from ml4t.backtest.data.arrays import Int64s
from ml4t.backtest.data.errors import (
    DAY_NS,
    DataError,
    MixedZonesError,
    count_rows,
    mixed_zones,
)
from ml4t.backtest.data.tables.arrow import eight_bytes, is_text, single
from ml4t.backtest.data.tables.raw_columns import RawColumn

LAST_DAY = 106_750
"""Days from 1970 that int64 nanoseconds reach, both ways."""


WITH_ZONE = r"^.{11,}(Z|[+-]\d{2}(:?\d{2})?)$"
"""ISO 8601 text of a time, not of a date, that ends in its zone."""


@dataclass(frozen=True)
class Stamps:
    """Times as a table has them; ``values`` are days since 1970 for dates, else nanoseconds.

    ``zone`` is that of the column, of dates as well; None where it has none.
    """

    kind: str
    values: Int64s
    zone: str | None = None

    def take(self, rows: Int64s) -> Stamps:
        return replace(self, values=self.values[rows])

    def followed_by(self, later: Stamps) -> Stamps:
        return replace(self, values=np.concatenate([self.values, later.values]))

    def __len__(self) -> int:
        return len(self.values)


def read_stamps(column: Any, table_name: str, column_name: str, kind: str | None = None) -> Stamps:
    """Read a column of times.

    Parameters
    ----------
    column : pyarrow array of dates, timestamps of any unit, or ISO 8601 text
    kind : {"date", "naive", "aware"}, optional
        What the times of the whole table are, where this is a part of it: a part may be all midnights
        by chance.

    Returns
    -------
    Stamps

    Raises
    ------
    DataError
        If the column holds something else, is null somewhere, or cannot be given in nanoseconds.
    """
    if isinstance(column, RawColumn) and getattr(column.type, "unit", "") == "ns":
        return _stamps(column.values, column.type.tz, kind)
    where = f"{table_name}: column {column_name!r}"
    array = plain_times(column, table_name, column_name)
    if array.null_count:
        raise DataError(f"{where} has no time in {count_rows(array.null_count)}; fill or drop them")
    if pa.types.is_date(array.type):
        days = array.cast(pa.date32()).cast(pa.int32()).to_numpy().astype(np.int64)
        if len(days) and (days.min() < -LAST_DAY or days.max() > LAST_DAY):
            raise DataError(
                f"{where} has dates outside 1677 to 2262, which nanoseconds cannot hold"
            )
        return Stamps("date", days)
    if not pa.types.is_timestamp(array.type):
        raise DataError(
            f"{where} holds {array.type}, must hold dates or timestamps; say what the numbers count with "
            "pandas.to_datetime(..., unit=...), say"
        )
    try:
        if array.type.unit != "ns":
            array = array.cast(pa.timestamp("ns", array.type.tz))
    except pa.ArrowInvalid as error:
        raise DataError(f"{where} has times outside 1677 to 2262: {error}") from error
    return _stamps(eight_bytes(array, np.int64), array.type.tz, kind)


def _stamps(values: Int64s, zone: str | None, kind: str | None) -> Stamps:
    if kind in (None, "date") and zone not in ("UTC", "Etc/UTC", "+00:00", "Z"):
        days = _whole_days(values if zone is None else _local(values, zone))
        if days is not None:
            return Stamps("date", days, zone)
    return Stamps("naive" if zone is None else "aware", values, zone)


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


def parse_times(array: pa.Array, where: str) -> pa.Array:
    """Return ISO 8601 text as timestamps; ``where`` is the table and column for messages."""
    text = array.cast(pa.large_string())
    for kind in (pa.timestamp("ns"), pa.timestamp("ns", "UTC")):
        try:
            return text.cast(kind)
        except pa.ArrowInvalid as error:
            reason = error
    _refuse_mixed_zones(text, where)
    raise DataError(
        f"{where} must hold ISO 8601 times (2024-01-31 16:00:00, all with or all without a zone): {reason}"
    )


def _refuse_mixed_zones(text: pa.Array, where: str) -> None:
    aware = pc.fill_null(pc.match_substring_regex(text, WITH_ZONE), False)
    try:
        text.filter(aware).cast(pa.timestamp("ns", "UTC"))
        text.filter(pc.invert(aware)).cast(pa.timestamp("ns"))
    except pa.ArrowInvalid:
        return  # something among them is no time at all
    naive = pc.and_(pc.invert(aware), text.is_valid())
    raise mixed_zones(
        where, aware.to_numpy(zero_copy_only=False), naive.to_numpy(zero_copy_only=False), text
    )


def _whole_days(values: Int64s) -> Int64s | None:
    # A look at the first rows spares intraday tables the division of all.
    if np.any(values[:1000] % DAY_NS):
        return None
    days = values // DAY_NS
    return days if np.array_equal(days * DAY_NS, values) else None


def _local(values: Int64s, zone: str) -> Int64s:
    index = pd.DatetimeIndex(values, tz="UTC").tz_convert(zone).tz_localize(None)
    return index.as_unit("ns").asi8
