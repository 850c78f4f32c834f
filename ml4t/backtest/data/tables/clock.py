"""Where the times of tables stand on the UTC axis: what the user said of dates and of missing zones."""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import pandas as pd

from ml4t.backtest.data.arrays import Int64s
from ml4t.backtest.data.errors import (
    DAY_NS,
    SHOWN,
    DataError,
    count_rows,
)
from ml4t.backtest.data.tables.stamps import Stamps


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

    def zone(self, stamps: Stamps) -> str | None:
        """Return the zone of the clock that stamps were read off, None for UTC."""
        if stamps.kind == "aware":
            return stamps.zone
        said = self.bar_zone if stamps.kind == "date" else None
        zone = said or self.naive_zone
        return None if zone is None else zone.key

    def facts(self, stamps: Stamps) -> dict[str, Any]:
        """Return how a table writes its times, as ``MarketData.info`` holds it of the prices."""
        return {
            "dates_only": stamps.kind == "date",
            "times": stamps.kind,
            "zone": self.zone(stamps),
            "written_zone": stamps.zone,
        }

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
