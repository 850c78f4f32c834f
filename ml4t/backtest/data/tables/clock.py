"""Where the times of tables stand on the UTC axis: what the user said of dates and of missing zones."""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import pandas as pd

from ml4t.backtest.data.arrays import Int32s, Int64s
from ml4t.backtest.data.errors import (
    DAY_NS,
    SHOWN,
    DataError,
    count_rows,
)
from ml4t.backtest.data.tables.midnights import is_utc
from ml4t.backtest.data.tables.stamps import LAST_DAY, Stamps

BarTime = str | Mapping[Any, str] | None
"""When dates are complete: one time of day, or one for each asset."""


class Owners(NamedTuple):
    """Whose rows they are: a code for each row, and the names that codes stand for."""

    codes: Int32s
    names: tuple[Any, ...]


@dataclass(frozen=True)
class Clock:
    """What the user said about times that leave something open.

    Parameters
    ----------
    time_of_day : int or None
        Nanoseconds after local midnight at which dates are complete; None if it was not said.
    bar_zone : ZoneInfo or None
        Its zone. A zone of None means it was not said, and UTC is taken.
    naive_zone : ZoneInfo or None
        Zone of stamps that name none.
    by_asset : mapping of asset to Clock
        What was said of the dates of each asset, in place of one time of day for all.
    bar_length : int or None
        Nanoseconds from a stamp to the end of its bar, where stamps are the starts of bars.
    """

    time_of_day: int | None = None
    bar_zone: ZoneInfo | None = None
    naive_zone: ZoneInfo | None = None
    by_asset: Mapping[Any, Clock] = field(default_factory=dict, hash=False)
    bar_length: int | None = None

    @property
    def knows_dates(self) -> bool:
        """Whether it was said when dates are complete."""
        return self.time_of_day is not None or bool(self.by_asset)

    @property
    def without_length(self) -> Clock:
        """The clock of stamps that are no starts of bars: of publications, of corporate actions."""
        return replace(self, bar_length=None)

    @property
    def has_zone(self) -> bool:
        """Whether a zone of dates was said."""
        clocks = [*self.by_asset.values()] or [self]
        return any(clock.bar_zone is not None for clock in clocks)

    @property
    def has_no_zone(self) -> bool:
        """Whether a time of day was said, and nowhere in which zone it is."""
        return self.knows_dates and not self.has_zone and self.naive_zone is None

    def kind(self, stamps: Stamps) -> str:
        """Return whether stamps are dates, naive or aware: midnights of UTC are dates where those have a time."""
        if stamps.kind != "utc_date":
            return stamps.kind
        return "date" if self.knows_dates and self.bar_length is None else "aware"

    def comparable(self, stamps: Stamps) -> Stamps:
        """Return stamps as what they are beside others."""
        if stamps.kind == "utc_date" and (self.knows_dates or self.bar_length is not None):
            stamps = replace(stamps, kind=self.kind(stamps))
        if stamps.kind == "date" and self.bar_length is not None:
            zoned = self.has_zone or self.naive_zone is not None
            stamps = replace(stamps, kind="aware" if zoned else "naive")
        if not self.knows_dates and (stamps.zone is None or is_utc(stamps.zone)):
            # Nobody says when dates are complete: midnights are what they would be as dates, too.
            stamps = replace(stamps, strays=None)
        return stamps

    def zone(self, stamps: Stamps) -> str | None:
        """Return the zone in whose days the stamps are told apart, None for UTC."""
        kind = self.kind(stamps)
        if kind == "aware" and not is_utc(stamps.zone):
            return stamps.zone
        zones = {clock.bar_zone for clock in self.by_asset.values()} or {self.bar_zone}
        said = zones.pop() if len(zones) == 1 else None
        if kind == "naive" or said is None:
            said = self.naive_zone
        return None if said is None else said.key

    def complete_after(self, stamps: Stamps) -> int | None:
        """Return the nanoseconds from a stamp to the end of its bar, by the clock; None if they differ by asset."""
        is_date = self.kind(stamps) == "date"
        if is_date and self.by_asset:
            return None
        if self.bar_length is not None:
            return self.bar_length
        return (self.time_of_day or 0) if is_date else 0

    def instants(
        self,
        stamps: Stamps,
        table_name: str,
        extra_days: int = 0,
        owners: Owners | None = None,
    ) -> Int64s:
        """Return nanoseconds UTC at which what is stamped is complete.

        Parameters
        ----------
        stamps : Stamps
        table_name : str
        extra_days : int
            Added to dates before their time of day.
        owners : Owners, optional
            Whose the rows are; needed for dates where each asset has a time of day of its own.
        """
        if stamps.in_days:
            return self._complete(stamps, table_name, extra_days, owners)
        values = stamps.values
        if stamps.kind == "naive" and self.naive_zone is not None:
            values = _to_utc(values, self.naive_zone, table_name, strict=True)
        return values if self.bar_length is None else later(values, self.bar_length, table_name)

    def day_starts(self, stamps: Stamps, table_name: str, owners: Owners | None = None) -> Int64s:
        """Return the earliest instants the stamps can mean: for dates, the start of the date."""
        if self.kind(stamps) != "date":
            return self.without_length.instants(stamps, table_name)
        return self._at_midnight._place(stamps.values, 0, table_name, owners)

    @property
    def _at_midnight(self) -> Clock:
        by_asset = {name: replace(clock, time_of_day=0) for name, clock in self.by_asset.items()}
        return replace(self, by_asset=by_asset)

    def _complete(
        self, stamps: Stamps, table_name: str, extra_days: int, owners: Owners | None
    ) -> Int64s:
        # The length of a bar and a lag are at most a hundred years each.
        if (
            len(stamps)
            and stamps.values.max() + extra_days + (self.bar_length or 0) // DAY_NS > LAST_DAY
        ):
            refuse_late(table_name)
        days = stamps.values + extra_days
        if self.bar_length is not None:
            # A day that begins at its stamp ends at a midnight of the same zone.
            n_days, rest = divmod(self.bar_length, DAY_NS)
            if rest and stamps.kind == "date":
                raise DataError(
                    f"{table_name}: has only dates, whose bars last whole days: bar_length= must be "
                    "'1d', '7d', ..."
                )
            if stamps.kind == "utc_date":
                return days * DAY_NS + self.bar_length
            return self._at_midnight._place(days + n_days, 0, table_name, owners)
        if self.kind(stamps) == "aware":
            return days * DAY_NS
        return self._place(days, self.time_of_day or 0, table_name, owners)

    def _place(
        self, days: Int64s, time_of_day: int, table_name: str, owners: Owners | None
    ) -> Int64s:
        if self.by_asset:
            return self._place_by_asset(days, table_name, owners)
        zone = self.bar_zone or self.naive_zone
        if zone is None or not len(days):
            return days * DAY_NS + time_of_day
        # Each day is placed once: tables have far fewer days than rows.
        first = days.min()
        calendar = np.arange(first, days.max() + 1) * DAY_NS + time_of_day
        return _to_utc(calendar, zone, table_name, strict=False)[days - first]

    def _place_by_asset(self, days: Int64s, table_name: str, owners: Owners | None) -> Int64s:
        if owners is None or not owners.names:
            raise DataError(
                f"{table_name}: bar_time= goes by asset, and this table has none; give it its own with "
                "Table(..., bar_time='16:00 America/New_York'), say"
            )
        clocks = list(dict.fromkeys(self.by_asset.values()))
        # Rows of assets that the run does not have are refused elsewhere.
        clock_of = np.array(
            [clocks.index(self.by_asset.get(name, clocks[0])) for name in owners.names], np.int64
        )
        placed = np.empty(len(days), np.int64)
        for number, clock in enumerate(clocks):
            rows = np.flatnonzero(clock_of[owners.codes] == number)
            placed[rows] = clock._place(days[rows], clock.time_of_day or 0, table_name, None)
        return placed


def later(times: Int64s, by: int, table_name: str) -> Int64s:
    """Return times moved by some nanoseconds.

    Raises
    ------
    DataError
        If nanoseconds do not hold them.
    """
    if len(times) and times.max() > LAST_DAY * DAY_NS - by:
        refuse_late(table_name)
    return times + by


def refuse_late(table_name: str) -> None:
    """Raise the error of times that a lag or the length of a bar moves too far."""
    raise DataError(
        f"{table_name}: available_after= or bar_length= lead beyond 2261, which nanoseconds cannot hold; "
        "give shorter ones, or correct the times"
    )


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


def make_clock(bar_time: BarTime = None, timezone: str | None = None) -> Clock:
    """Read ``bar_time`` ("16:00 America/New_York", "16:00", or one for each asset) and ``timezone``.

    Raises
    ------
    DataError
        If one cannot be read.
    """
    naive_zone = None if timezone is None else _zone(timezone, "timezone")
    if isinstance(bar_time, Mapping):
        if not bar_time:
            raise DataError("bar_time names no asset; give {'AAA': '16:00 America/New_York', ...}")
        by_asset = {asset: _clock(text, naive_zone) for asset, text in bar_time.items()}
        return Clock(naive_zone=naive_zone, by_asset=by_asset)
    return Clock(naive_zone=naive_zone) if bar_time is None else _clock(bar_time, naive_zone)


def _clock(bar_time: str, naive_zone: ZoneInfo | None) -> Clock:
    match = re.fullmatch(r"(\d{1,2}:\d{2}(?::\d{2})?)(?:\s+(\S+))?", str(bar_time).strip())
    try:
        seconds = _seconds(match[1] if match else "")
    except ValueError as error:
        raise DataError(
            f"bar_time must read like '16:00 America/New_York', was {bar_time!r}"
        ) from error
    zone = match[2] if match else None
    return Clock(
        time_of_day=seconds * 1_000_000_000,
        bar_zone=_zone(zone, "bar_time") if zone else naive_zone,
        naive_zone=naive_zone,
    )


def _seconds(text: str) -> int:
    if text in ("24:00", "24:00:00"):
        return 24 * 3600  # the end of the day is the midnight after it
    time = datetime.time.fromisoformat(text.rjust(5 if len(text) < 6 else 8, "0"))
    return time.hour * 3600 + time.minute * 60 + time.second


def check_assets(clock: Clock, assets: Sequence[Any], name: str | None = None) -> None:
    """Refuse a ``bar_time`` by asset that does not speak of just the assets of a run.

    ``name`` is that of the table that it was said of, if it was not said of the run.
    """
    if not clock.by_asset:
        return
    where = "" if name is None else f"{name}: "
    lacking = [asset for asset in assets if asset not in clock.by_asset]
    if lacking:
        raise DataError(
            f"{where}bar_time= says nothing of {', '.join(map(str, lacking[:SHOWN]))}"
            f"{', ...' if len(lacking) > SHOWN else ''}; give the time of each asset, or one for all"
        )
    unknown = [asset for asset in clock.by_asset if asset not in set(assets)]
    if unknown:
        raise DataError(
            f"{where}bar_time= names {', '.join(map(repr, unknown[:SHOWN]))}"
            f"{', ...' if len(unknown) > SHOWN else ''}, which the prices do not have; take it out"
        )


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
        As :meth:`Clock.comparable` has them.
    clock : Clock

    Raises
    ------
    DataError
        If dates stand beside times of day and no ``bar_time`` was given, or one without a zone where no times
        are without one; times with a zone beside times without one and no ``timezone``; or few times of day
        among midnights.
    """
    for name, stamps in tables.items():
        if stamps.strays is not None:
            stamps.strays.refuse(name)
    kinds = {
        kind: [n for n, s in tables.items() if s.kind == kind]
        for kind in ("date", "utc_date", "naive", "aware")
    }
    timed = kinds["naive"] + kinds["aware"]
    if kinds["date"] and timed and not clock.knows_dates:
        raise DataError(
            f"{_names(kinds['date'])} only dates, {_names(timed)} times of day: say when the dates are "
            "complete, with bar_time='16:00 America/New_York', say"
        )
    if kinds["date"] and clock.has_no_zone and not kinds["naive"]:
        raise DataError(
            f"bar_time= names no zone, and {_names(kinds['date'])} dates beside which no time is without one: "
            "write bar_time='16:00 America/New_York', say, or 'UTC' where that is meant"
        )
    zoned = kinds["aware"] + kinds["utc_date"]
    if not zoned and kinds["date"] and clock.has_zone:
        zoned = ["bar_time"]
    if kinds["naive"] and zoned and clock.naive_zone is None:
        raise DataError(
            f"{_names(kinds['naive'])} times without a zone, {_names(zoned)} times with one: give the zone "
            "of the former with timezone='America/New_York', say"
        )


def _names(names: list[str]) -> str:
    return f"{', '.join(names)} {'has' if len(names) == 1 else 'have'}"
