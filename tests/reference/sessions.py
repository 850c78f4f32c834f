"""The sessions of a calendar (semantics 1): plain data, and which of them a time belongs to."""

from __future__ import annotations

from bisect import bisect_left
from datetime import date, datetime, timedelta
from functools import cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

SECOND = 1_000_000_000
DAY = 86_400 * SECOND


class Session(NamedTuple):
    """Its date, in days since 1970, and when it opens and closes."""

    day: int
    open: int
    close: int

    @property
    def month(self) -> tuple[int, int]:
        day = date(1970, 1, 1) + timedelta(days=self.day)
        return day.year, day.month


class Calendar(NamedTuple):
    sessions: tuple[Session, ...]
    zone: str
    after_hours: bool = True  # sessions go on until midnight

    def at(self, time: int) -> int:
        """The place of the session of a time: the first one that ends at or after it."""
        return bisect_left(ends(self), time)

    def session(self, time: int) -> Session:
        return self.sessions[self.at(time)]

    def end(self, time: int) -> int:
        return ends(self)[self.at(time)]


@cache
def ends(calendar: Calendar) -> list[int]:
    """When sessions end: at the midnight from their close on, or where the next one opens."""
    if not calendar.after_hours:
        return [one.close for one in calendar.sessions]
    midnights = [midnight(one.close, calendar.zone) for one in calendar.sessions]
    opens = [one.open for one in calendar.sessions[1:]]
    return [*map(min, midnights, opens), midnights[-1]]


def midnight(time: int, name: str) -> int:
    """The next midnight of a zone, the time itself where it is one."""
    zone, second = ZoneInfo(name), -(-time // SECOND)
    day = datetime.fromtimestamp(second - 1, zone).date() + timedelta(days=1)
    return round(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp()) * SECOND
