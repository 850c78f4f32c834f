"""Periods of the calendar on a time axis: where sessions, weeks, months, quarters and years begin and end."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ml4t.backtest.market.sessions import session_dates, session_ends

_MONDAY = 3  # 1970-01-01, day 0, was a Thursday

PERIODS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "session": lambda days: days.astype(np.int64),
    "week": lambda days: (days.astype(np.int64) + _MONDAY) // 7,
    "month": lambda days: days.astype("M8[M]").astype(np.int64),
    "quarter": lambda days: days.astype("M8[M]").astype(np.int64) // 3,
    "year": lambda days: days.astype("M8[Y]").astype(np.int64),
}
"""What numbers the days of a period alike, by the name of the period."""

EDGES = tuple(f"{period}_{edge}" for period in PERIODS for edge in ("start", "end"))
"""First and last timestamps of periods, by the words that ``every`` takes."""


def numbers_of(period: str, timestamps: np.ndarray, time_zone: str | None) -> np.ndarray:
    """Return the number of the period that each timestamp belongs to.

    Parameters
    ----------
    period : str
        A key of :data:`PERIODS`.
    timestamps : int64 array, shape (n,), nanoseconds UTC, increasing
    time_zone : str, optional
        Whose days are the sessions, as for :func:`session_ends`.

    Returns
    -------
    int64 array, shape (n,)
    """
    ends = session_ends(timestamps, time_zone)
    days = session_dates(timestamps[ends], time_zone).to_numpy().astype("M8[D]")
    return np.repeat(PERIODS[period](days), np.diff(ends, prepend=-1))


def are_starts(numbers: np.ndarray, before: int | None) -> np.ndarray:
    """Tell which timestamps are the first of their period, by the numbers of the periods.

    Parameters
    ----------
    numbers : int64 array
    before : int or None
        The period of the timestamp before them; None where there is none, and the first one is a first.
    """
    return np.diff(numbers, prepend=numbers[0] - 1 if before is None else before) != 0


def are_ends(numbers: np.ndarray) -> np.ndarray:
    """Tell which timestamps are the last of their period; the last of all is none."""
    return np.diff(numbers, append=numbers[-1]) != 0
