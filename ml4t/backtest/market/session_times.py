"""SessionTimes: the sessions of a calendar as arrays, by its name or by its session times."""

from __future__ import annotations

import difflib
import warnings
from collections.abc import Mapping
from datetime import date, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from ml4t.backtest.calendars import WEEKDAYS, Calendar, Sessions, seconds_of
from ml4t.backtest.market.sessions import DAY, SECOND, session_zone

_MARGIN = timedelta(days=40)
"""How far around the timestamps sessions are looked up: further than any market is closed."""
_YEAR = timedelta(days=366)
_LATEST = date(2200, 1, 1)
_MONDAY = 3  # 1970-01-01, day 0, was a Thursday


class SessionTimes(NamedTuple):
    """Sessions in the order of time.

    Parameters
    ----------
    days : int64 array, shape (n,), days since 1970-01-01
    opens, closes, ends : int64 array, shape (n,), nanoseconds UTC
        A session ends at the first midnight of the zone from its close on, or where the next one opens.
    early : bool array, shape (n,)
        Whether it closes early.
    zone : str
        An IANA name.
    """

    days: np.ndarray
    opens: np.ndarray
    closes: np.ndarray
    ends: np.ndarray
    early: np.ndarray
    zone: str

    def of(self, chosen: slice) -> SessionTimes:
        """Return some of the sessions."""
        columns = ("days", "opens", "closes", "ends", "early")
        return self._replace(**{name: getattr(self, name)[chosen] for name in columns})

    @property
    def begin(self) -> int:
        """The midnight before the first open: what is stamped up to it is before all sessions."""
        opened = pd.Timestamp(int(self.opens[0]), tz="UTC").tz_convert(self.zone)
        return _ns(opened.normalize())


class Dates(NamedTuple):
    """How timestamps stand for dates.

    Parameters
    ----------
    zones : tuple of str
        Whose midnights they are: of several, as London and UTC in winter, all that nothing has contradicted.
    after : int
        What lies between such a midnight and the timestamp, by the clock of the zone (nanoseconds): of bars stamped at
        their start, a bar.
    """

    zones: tuple[str, ...]
    after: int

    def stamps(self, days: np.ndarray) -> np.ndarray:
        """Return the timestamps that dates have, days since 1970-01-01."""
        return _instants(days, np.int64(self.after // SECOND), self.zones[0])

    def of_more(self, timestamps: np.ndarray) -> Dates | None:
        """Return how these timestamps stand for dates, too; None where they are times of day."""
        zones = tuple(zone for zone in self.zones if are_midnights(timestamps, zone))
        return Dates(zones, self.after) if zones else None


def dates_of(timestamps: np.ndarray, info: Mapping[str, Any], of_one: bool = False) -> Dates | None:
    """Return how the timestamps of a run stand for dates; None where they are times of day.

    They are dates where all are midnights of UTC or of the prices' zone, and there are several of them or a table had
    dates; `of_one`: or if one alone may be.
    """
    if len(timestamps) <= (0 if of_one or info.get("dates_only") else 1):
        return None
    zones = tuple(dict.fromkeys(("UTC", session_zone(info) or "UTC")))
    return Dates(zones, info.get("complete_after") or 0).of_more(timestamps)


def are_midnights(timestamps: np.ndarray, zone: str) -> bool:
    """Tell whether all timestamps are midnights of a zone."""
    if zone == "UTC":  # as most daily bars are
        return not bool((timestamps % DAY).any())
    for some in (timestamps[:2], timestamps):  # two tell nearly always
        local = pd.DatetimeIndex(some, tz="UTC").tz_convert(zone)
        if not bool((local == local.normalize()).all()):
            return False
    return True


def session_days(calendar: Calendar, timestamps: np.ndarray, info: Mapping[str, Any]) -> np.ndarray:
    """Return the date of the session of each timestamp of a run, shape (n,), datetime64[D]; n is at least 1.

    Raises
    ------
    ValueError
        If the calendar has not the sessions of all of them.
    """
    first, last = timestamps.min(), timestamps.max()
    times = session_times(calendar, first, last)
    dates = dates_of(timestamps, info)
    ends = times.ends if dates is None else dates.stamps(times.days)
    check_covered(calendar, times, ends, first, last, are_dates=dates is not None)
    return times.days[np.searchsorted(ends, timestamps)].astype("M8[D]")


def check_covered(
    calendar: Calendar,
    times: SessionTimes,
    ends: np.ndarray,
    first: int,
    last: int,
    *,
    are_dates: bool,
) -> None:
    """Refuse timestamps before the first session of a calendar, or after its last.

    Raises
    ------
    ValueError
        Naming the session and the timestamp.
    """
    for is_beyond, verb, place, stamp in (
        (first <= (ends[0] - 1 if are_dates else times.begin), "begins", 0, first),
        (last > ends[-1], "ends", -1, last),
    ):
        if is_beyond:
            day = times.days[place].astype("M8[D]")
            raise ValueError(
                f"{described(calendar)} {verb} with the session {day}, and the prices have a bar at "
                f"{pd.Timestamp(stamp, tz='UTC')}: a run needs the sessions of all its bars"
            )


def session_times(calendar: Calendar, first: int, last: int) -> SessionTimes:
    """Return the sessions of a calendar around two timestamps, as far as it knows them.

    Parameters
    ----------
    calendar : str or Sessions
    first, last : int
        Nanoseconds UTC.

    Raises
    ------
    ImportError
        If a name is given and exchange_calendars is not installed.
    ValueError
        If exchange_calendars has no calendar of that name, or no session there.
    """
    return _between(calendar, _day(first) - _MARGIN, _day(last) + _MARGIN)


@lru_cache(maxsize=32)
def _between(calendar: Calendar, *days: date) -> SessionTimes:
    if isinstance(calendar, str):
        found = exchange_sessions(calendar, *days)
    elif calendar.table:
        found = _of_table(calendar)
    else:
        found = _of_weekdays(calendar, *days)
    if not len(found.days):
        raise ValueError(f"{described(calendar)} has no session from {days[0]} to {days[1]}")
    return found


def described(calendar: Calendar) -> str:
    """Return what messages call a calendar."""
    return f"calendar {calendar!r}" if isinstance(calendar, str) else "the calendar of the run"


_WIDEST: dict[str, tuple[date, date, SessionTimes]] = {}
"""Of each calendar the widest range that was looked up: to make one takes as long for a month as for a decade."""


def exchange_sessions(name: str, first: date, last: date) -> SessionTimes:
    """Return the sessions of a calendar of exchange_calendars, from one date to another.

    Raises
    ------
    ImportError
        If exchange_calendars is not installed.
    ValueError
        If it has no calendar of that name, or knows nothing of those dates.
    """
    known = _WIDEST.get(name)
    if known is None or not known[0] <= first <= last <= known[1]:
        least, most = first, last
        if known is not None:
            least, most = min(first, known[0]), max(last, known[1])
            # The parts of a walk, and the chunks of a feed, go on from there: each time as far again.
            most = max(most, min(_LATEST, most + max(_YEAR, most - least)))
        known = least, most, _exchange_sessions(name, least, most)
        _WIDEST[name] = known
    times = known[2]
    bounds = np.array([first, last + timedelta(days=1)], "M8[D]").astype(np.int64)
    return times.of(slice(*np.searchsorted(times.days, bounds)))


def _exchange_sessions(name: str, first: date, last: date) -> SessionTimes:
    """Look up the sessions of a calendar of exchange_calendars, from one date to another.

    Raises
    ------
    ImportError
        If exchange_calendars is not installed.
    ValueError
        If it has no calendar of that name, or knows nothing of those dates.
    """
    try:
        import exchange_calendars
    except ImportError as error:
        raise ImportError(
            f"calendar={name!r} needs exchange_calendars; install it with: pip install 'ml4t-backtest[calendars]'"
        ) from error
    names = exchange_calendars.get_calendar_names(include_aliases=True)
    if name not in names:
        near = difflib.get_close_matches(name, names, 1, cutoff=0.5)
        meant = f"; did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"calendar {name!r} is not one of exchange_calendars{meant}")
    with warnings.catch_warnings():
        # It reads what the newest pandas deprecates, which is none of the user's business.
        warnings.filterwarnings("ignore", "Series.values returning")
        known = _known(name, first, last)
        early = np.isin(known.sessions, known.early_closes)
        opens, closes = (
            pd.DatetimeIndex(one).as_unit("ns").asi8 for one in (known.opens, known.closes)
        )
    days = known.sessions.to_numpy().astype("M8[D]").astype(np.int64)
    return _with_ends(days, opens, closes, early, str(known.tz))


def _known(name: str, first: date, last: date) -> Any:
    """Return the calendar of a range of dates, of those among them that it can tell of."""
    from exchange_calendars import get_calendar

    try:
        return get_calendar(name, start=first.isoformat(), end=last.isoformat())
    except ValueError:
        calendar = get_calendar(name)
    least, most = type(calendar).bound_min(), type(calendar).bound_max()
    first = first if least is None else max(first, least.date())
    last = last if most is None else min(last, most.date())
    if first >= last:
        raise ValueError(f"calendar {name!r} knows no sessions before {least} or after {most}")
    try:
        return get_calendar(name, start=first.isoformat(), end=last.isoformat())
    except ValueError:  # one that was registered as it is, with dates of its own
        return calendar


def _of_table(sessions: Sessions) -> SessionTimes:
    days = np.array([day for day, _, _ in sessions.table], "M8[D]").astype(np.int64)
    opens, closes = (
        pd.DatetimeIndex([row[i] for row in sessions.table]).as_unit("ns").asi8 for i in (1, 2)
    )
    lengths = closes - opens
    return _with_ends(days, opens, closes, lengths < np.median(lengths), sessions.tz)


def _of_weekdays(sessions: Sessions, first: date, last: date) -> SessionTimes:
    days = np.arange(np.datetime64(first), np.datetime64(last) + 1).astype(np.int64)
    days = days[np.isin((days + _MONDAY) % 7, [WEEKDAYS.index(one) for one in sessions.weekdays])]
    holidays = np.array(sessions.holidays, "M8[D]").astype(np.int64)
    days = days[~np.isin(days, holidays)]
    assert sessions.open is not None
    assert sessions.close is not None
    usual = seconds_of(sessions.close)
    closing = np.full(len(days), usual, np.int64)
    for day, time in sessions.early_closes.items():
        closing[days == np.datetime64(day).astype(np.int64)] = seconds_of(time)
    opens = _instants(
        days - sessions.is_overnight, np.int64(seconds_of(sessions.open)), sessions.tz
    )
    closes = _instants(days, closing, sessions.tz)
    there = closes > opens  # all of a session may lie in the hour that clocks leave out
    early = closing < usual
    return _with_ends(days[there], opens[there], closes[there], early[there], sessions.tz)


def _instants(days: np.ndarray, seconds: np.ndarray | np.int64, zone: str) -> np.ndarray:
    """Return nanoseconds UTC of times of day; one that clocks leave out comes later, of one they repeat it is the first."""
    if zone == "UTC":
        return (days.astype(np.int64) * (DAY // SECOND) + seconds) * SECOND
    local = pd.DatetimeIndex(days.astype("M8[D]").astype("M8[s]")) + pd.to_timedelta(
        seconds, unit="s"
    )
    there = local.tz_localize(
        zone, nonexistent="shift_forward", ambiguous=np.ones(len(local), bool)
    )
    return there.as_unit("ns").asi8


def _with_ends(
    days: np.ndarray, opens: np.ndarray, closes: np.ndarray, early: np.ndarray, zone: str
) -> SessionTimes:
    seconds = -(-closes // SECOND) - 1
    day = pd.DatetimeIndex(seconds.astype("M8[s]"), tz="UTC").tz_convert(zone).tz_localize(None)
    after = day.normalize().to_numpy().astype("M8[D]").astype(np.int64) + 1
    ends = _instants(after, np.int64(0), zone)
    ends[:-1] = np.minimum(ends[:-1], opens[1:])
    # A close in the hour that clocks repeat, or the pause of a market at midnight: no session ends before its close.
    return SessionTimes(days, opens, closes, np.maximum(ends, closes), early, zone)


def _day(time: int) -> date:
    return np.datetime64(int(time) // DAY, "D").item()


def _ns(time: Any) -> int:
    return pd.Timestamp(time).tz_convert("UTC").as_unit("ns").value
