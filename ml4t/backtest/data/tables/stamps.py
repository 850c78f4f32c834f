"""Times of a table: what they are (dates, naive, aware), and where they stand on the UTC axis.

A *date* is a stamp without a time of day: a date type, or naive stamps that are all at midnight, or
stamps that are all at midnight of their own zone other than UTC (daily bars as some vendors give
them). Midnight UTC is an instant like any other.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from ml4t.backtest.data.arrays import Int64s
from ml4t.backtest.data.errors import (
    DAY_NS,
    SHOWN,
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
    """Times as a table has them; ``values`` are days since 1970 for dates, else nanoseconds."""

    kind: str
    values: Int64s

    def take(self, rows: Int64s) -> Stamps:
        return Stamps(self.kind, self.values[rows])

    def followed_by(self, later: Stamps) -> Stamps:
        return Stamps(self.kind, np.concatenate([self.values, later.values]))

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
            return Stamps("date", days)
    return Stamps("naive" if zone is None else "aware", values)


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


@dataclass(frozen=True)
class Clock:
    """What the user said about times that leave something open.

    ``time_of_day`` is nanoseconds after local midnight for dates (None: not said), ``bar_zone`` its
    zone, ``naive_zone`` the zone of stamps that name none. A zone of None means it was not said, and
    UTC is taken.
    """

    time_of_day: int | None = None
    bar_zone: ZoneInfo | None = None
    naive_zone: ZoneInfo | None = None

    def instants(self, stamps: Stamps, table_name: str, extra_days: int = 0) -> Int64s:
        """Return nanoseconds UTC; ``extra_days`` are added to dates before their time of day."""
        if stamps.kind == "aware":
            return stamps.values
        if stamps.kind == "naive":
            if self.naive_zone is None:
                return stamps.values
            return _to_utc(stamps.values, self.naive_zone, table_name, strict=True)
        return self._place(stamps.values + extra_days, self.time_of_day or 0, table_name)

    def day_starts(self, stamps: Stamps, table_name: str) -> Int64s:
        """Return the earliest instants the stamps can mean: for dates, the start of the date."""
        if stamps.kind != "date":
            return self.instants(stamps, table_name)
        return self._place(stamps.values, 0, table_name)

    def _place(self, days: Int64s, time_of_day: int, table_name: str) -> Int64s:
        zone = self.bar_zone or self.naive_zone
        if zone is None or not len(days):
            return days * DAY_NS + time_of_day
        # Each day is placed once: tables have far fewer days than rows.
        first = days.min()
        calendar = np.arange(first, days.max() + 1) * DAY_NS + time_of_day
        return _to_utc(calendar, zone, table_name, strict=False)[days - first]


def _to_utc(values: Int64s, zone: ZoneInfo, table_name: str, strict: bool) -> Int64s:
    index = pd.DatetimeIndex(values)
    if strict:
        # Stamps of the user's own must be clear.
        placed = index.tz_localize(zone, ambiguous="NaT", nonexistent="NaT")
        bad = np.asarray(placed.isna())
        if bad.any():
            shown = ", ".join(map(str, index[bad][:SHOWN]))
            raise DataError(
                f"{table_name}: {count_rows(bad.sum())} at a time that occurs twice or never in {zone.key} because "
                f"clocks change ({shown}{', ...' if bad.sum() > SHOWN else ''}); give times with their zone"
            )
    else:
        # A time of day that occurs twice is the later one, and one that does not occur the next that
        # does: a bar is never known too early.
        later = np.zeros(len(index), bool)
        placed = index.tz_localize(zone, ambiguous=later, nonexistent="shift_forward")
    return placed.as_unit("ns").asi8


def make_clock(bar_time: str | None = None, timezone: str | None = None) -> Clock:
    """Read ``bar_time`` ("16:00 America/New_York", "16:00") and ``timezone`` ("America/New_York").

    Raises
    ------
    DataError
        If one cannot be read.
    """
    naive_zone = None if timezone is None else _zone(timezone, "timezone")
    if bar_time is None:
        return Clock(naive_zone=naive_zone)
    match = re.fullmatch(r"(\d{1,2}:\d{2}(?::\d{2})?)(?:\s+(\S+))?", str(bar_time).strip())
    try:
        clock_time = _time_of_day(match[1] if match else "")
    except ValueError as error:
        raise DataError(
            f"bar_time must read like '16:00 America/New_York', was {bar_time!r}"
        ) from error
    zone = match[2] if match else None
    seconds = clock_time.hour * 3600 + clock_time.minute * 60 + clock_time.second
    return Clock(
        time_of_day=seconds * 1_000_000_000,
        bar_zone=_zone(zone, "bar_time") if zone else naive_zone,
        naive_zone=naive_zone,
    )


def _time_of_day(text: str) -> datetime.time:
    return datetime.time.fromisoformat(text.rjust(5 if len(text) < 6 else 8, "0"))


def _zone(name: str, argument: str) -> ZoneInfo:
    try:
        return ZoneInfo(str(name))
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise DataError(f"{argument} names the time zone {name!r}, which is not known") from error


def check_kinds(tables: Mapping[str, Stamps], clock: Clock) -> None:
    """Refuse tables whose times cannot be compared.

    Parameters
    ----------
    tables : mapping of table name to Stamps
    clock : Clock

    Raises
    ------
    DataError
        If dates stand beside times of day and no ``bar_time`` was given, or times with a zone
        beside times without one and no ``timezone``.
    """
    kinds = {
        kind: [n for n, s in tables.items() if s.kind == kind]
        for kind in ("date", "naive", "aware")
    }
    timed = kinds["naive"] + kinds["aware"]
    if kinds["date"] and timed and clock.time_of_day is None:
        raise DataError(
            f"{_names(kinds['date'])} only dates, {_names(timed)} times of day: say when the dates are "
            "complete, with bar_time='16:00 America/New_York', say"
        )
    zoned = kinds["aware"] or (["bar_time"] if kinds["date"] and clock.bar_zone is not None else [])
    if kinds["naive"] and zoned and clock.naive_zone is None:
        raise DataError(
            f"{_names(kinds['naive'])} times without a zone, {_names(zoned)} times with one: give the zone "
            "of the former with timezone='America/New_York', say"
        )


def _names(names: list[str]) -> str:
    return f"{', '.join(names)} {'has' if len(names) == 1 else 'have'}"
