"""Trading sessions on a time axis: the days of a market."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd

DAY = 86_400_000_000_000
SECOND = 1_000_000_000
INT64 = np.iinfo(np.int64)
FIRST_DATE = pd.Timestamp.min.ceil("D")


def session_zone(info: Mapping[str, Any]) -> str | None:
    """Return the time zone whose days are the sessions of market data, None for UTC.

    It is the ``zone`` that the times of the prices have; else that of ``bar_time`` ("16:00
    America/New_York"), or of times without a zone.
    """
    if "zone" in info:
        return info["zone"]
    bar_time = str(info.get("bar_time") or "").split()
    zone = bar_time[1] if len(bar_time) == 2 else info.get("timezone")
    return str(zone) if zone else None


def session_ends(timestamps: np.ndarray, time_zone: str | None = None) -> np.ndarray:
    """Return the position of the last timestamp of each session.

    A session is a day of ``time_zone``, of UTC when there is none. A bar is stamped with its end, so
    the bar of midnight belongs to the day it closes.

    Parameters
    ----------
    timestamps : int64 array, shape (n,), nanoseconds UTC, increasing
    time_zone : str, optional
        An IANA name, ``America/New_York``, say.

    Returns
    -------
    int64 array, shape (n_sessions,), increasing; its last element is n - 1
    """
    if len(timestamps) == 0:
        return np.empty(0, np.int64)
    after = np.searchsorted(
        timestamps, midnights(timestamps[0], timestamps[-1], time_zone), "right"
    )
    return after[np.flatnonzero(np.diff(after, prepend=0))] - 1  # days without a bar add none


def session_dates(timestamps: np.ndarray, time_zone: str | None = None) -> pd.DatetimeIndex:
    """Return the day that is the session of each timestamp, at midnight and without a zone.

    Parameters
    ----------
    timestamps : int64 array, shape (n,), nanoseconds UTC
    time_zone : str, optional
        As for :func:`session_ends`.
    """
    # Rounded up before it is set back: midnight closes a day, the nanosecond after it opens the next.
    seconds = -(-timestamps // SECOND) - 1
    instants = pd.DatetimeIndex(seconds.astype("M8[s]"), tz="UTC")
    days = instants.tz_convert(time_zone or "UTC").tz_localize(None).normalize()
    # The day of the first instant that nanoseconds hold began before it: such dates stay in seconds.
    return days if len(days) and days.min() < FIRST_DATE else days.as_unit("ns")


def midnights(first: int, last: int, time_zone: str | None) -> np.ndarray:
    """Return the ends of the sessions around [first, last], from the one at or after ``first`` on.

    Parameters
    ----------
    first, last : int
        Nanoseconds UTC.
    time_zone : str, optional
        As for :func:`session_ends`.

    Returns
    -------
    int64 array, nanoseconds UTC, increasing
    """
    if time_zone is None:
        seconds = np.arange(-(-first // DAY), -(-last // DAY) + 1, dtype=np.int64) * (DAY // SECOND)
    else:
        # In seconds: a day of a zone may begin before what nanoseconds hold, or end after it.
        ends = np.array([first // SECOND, last // SECOND]).astype("M8[s]")
        zone = pd.DatetimeIndex(ends, tz="UTC").tz_convert(time_zone)
        days = pd.date_range(zone[0].date(), zone[1].date() + timedelta(days=1), unit="s")
        # Some zones have changed their clocks at midnight: that day starts when the clock goes on.
        local = days.tz_localize(
            time_zone, nonexistent="shift_forward", ambiguous=np.ones(len(days), bool)
        )
        seconds = local.as_unit("s").asi8
    # Those beyond what nanoseconds hold are before, or after, every timestamp.
    most = INT64.max // SECOND
    ends = np.select([seconds < -most, seconds > most], [INT64.min, INT64.max])
    return np.where(np.abs(seconds) > most, ends, np.clip(seconds, -most, most) * SECOND)
