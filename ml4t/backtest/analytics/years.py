"""The length of a time axis in years, and how many returns make one."""

import numpy as np

DAY = 86_400_000_000_000
YEAR = 365.25 * DAY


def elapsed_years(timestamps: np.ndarray) -> float:
    """Return the time from the first to the last of ``timestamps`` in years of 365.25 days.

    Parameters
    ----------
    timestamps : int64 array, nanoseconds UTC, increasing

    Returns
    -------
    float
        NaN without two of them.
    """
    if len(timestamps) < 2:
        return np.nan
    return (timestamps.item(-1) - timestamps.item(0)) / YEAR


def periods_per_year(timestamps: np.ndarray) -> float:
    """Return how many returns make a year, counted: those behind the first, over the years they took.

    Parameters
    ----------
    timestamps : int64 array, nanoseconds UTC, increasing
        The ends of the returns. The first return ends where the time begins that is measured.

    Returns
    -------
    float
        NaN without two returns.
    """
    return periods_between(timestamps, np.arange(len(timestamps)))


def periods_between(timestamps: np.ndarray, ends: np.ndarray) -> float:
    """Return :func:`periods_per_year` of the timestamps at these positions."""
    if len(ends) < 2:
        return np.nan
    # Numbers of Python's, not of NumPy's: a short run is measured in little more time than those take.
    took = timestamps.item(ends.item(-1)) - timestamps.item(ends.item(0))
    return (len(ends) - 1) / (took / YEAR)
