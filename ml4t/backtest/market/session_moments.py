"""Where a moment of a run stands in its session, as events, contexts and strategies say it."""

from __future__ import annotations

import datetime
from math import nan

import pandas as pd

from ml4t.backtest.market.market_data import MarketData
from ml4t.backtest.market.run_sessions import RunSessions
from ml4t.backtest.market.sessions import DAY, SECOND, session_zone

MINUTE = 6e10
DAY_SECONDS = DAY // SECOND
EPOCH = datetime.date(1970, 1, 1)


def session_of(sessions: RunSessions | None, time: int, data: MarketData) -> datetime.date:
    """Return the date of the session of a time; without a calendar the day of the zone of the prices."""
    if sessions is not None:
        return sessions.day(sessions.place(time))
    # As session_dates has it, of one time: a midnight closes the day before.
    seconds = -(-time // SECOND) - 1
    zone = session_zone(data.info or {})
    if zone in (None, "UTC"):
        return EPOCH + datetime.timedelta(days=seconds // DAY_SECONDS)
    return pd.Timestamp(seconds, unit="s", tz="UTC").tz_convert(zone).date()


def minutes_since_open(sessions: RunSessions | None, time: int) -> float:
    """Return the minutes from the open of its session to a time: below 0 before it; NaN without a calendar."""
    if sessions is None:
        return nan
    return float(sessions.moment(time) - sessions.times.opens[sessions.place(time)]) / MINUTE


def minutes_to_close(sessions: RunSessions | None, time: int) -> float:
    """Return the minutes from a time to the close of its session: below 0 after it; NaN without a calendar."""
    return nan if sessions is None else sessions.ns_to_close(time) / MINUTE


def is_early_close(sessions: RunSessions | None, time: int) -> bool:
    """Return whether the session of a time closes early; never without a calendar."""
    return sessions is not None and bool(sessions.times.early[sessions.place(time)])


def local_time(sessions: RunSessions | None, time: int, data: MarketData) -> pd.Timestamp:
    """Return a time in the zone of the calendar; without one in that of the prices, or UTC."""
    if sessions is not None:
        return pd.Timestamp(sessions.moment(time), tz="UTC").tz_convert(sessions.times.zone)
    return pd.Timestamp(time, tz="UTC").tz_convert(session_zone(data.info or {}) or "UTC")
