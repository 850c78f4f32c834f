"""The one rule of dates: a column of times is one of dates where all of it is midnight in its own zone."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from ml4t.backtest.data.arrays import Int64s, Marks
from ml4t.backtest.data.errors import DAY_NS, DataError, count_rows, first_times

SAMPLE = 1000
MOSTLY = 3
"""Midnights for each time of day from which on those few times look out of place."""
UTC_NAMES = ("UTC", "Etc/UTC", "GMT", "Etc/GMT", "+00:00", "Z")


class Strays(NamedTuple):
    """Times of day among midnights: how many of both, and the first of the former."""

    n_midnights: int
    n_times: int
    first: str

    def refuse(self, where: str) -> None:
        """Raise the ``DataError`` of a column of which nobody can say what its times are."""
        raise DataError(
            f"{where} has midnights, as dates have, in {count_rows(self.n_midnights)}, and times of day in "
            f"{count_rows(self.n_times)}: {self.first}; leave out days that were not over yet, and "
            "give dates alone, or times alone"
        )


def is_utc(zone: str | None) -> bool:
    """Tell whether a zone is UTC by one of its names."""
    return zone in UTC_NAMES


def whole_days(values: Int64s, zone: str | None) -> tuple[Int64s | None, Strays | None]:
    """Return the days of times that are dates, else None and what keeps them from being dates.

    Parameters
    ----------
    values : int64 array, nanoseconds UTC, or of local time where there is no zone
    zone : str or None

    Returns
    -------
    days : int64 array of days since 1970, or None
    strays : Strays or None
        Where most are midnights, but not all.
    """
    # A look at some rows spares intraday tables the division of all.
    some = values[:: len(values) // SAMPLE + 1]
    if not _are_mostly(_times_of_day(some, zone)[1]):
        return None, None
    days, timed = _times_of_day(values, zone)
    if not timed.any():
        return days, None
    if not _are_mostly(timed):
        return None, None
    n_times = int(timed.sum())
    local = values if zone is None else _local(values, zone)
    return None, Strays(len(values) - n_times, n_times, first_times(local[timed]))


def _are_mostly(timed: Marks) -> bool:
    n_times = int(np.count_nonzero(timed))
    return len(timed) - n_times >= MOSTLY * n_times


def _times_of_day(values: Int64s, zone: str | None) -> tuple[Int64s, Marks]:
    """Return the local day of each time, and whether it is later than the day's begin."""
    local = values if zone is None or is_utc(zone) else _local(values, zone)
    days = local // DAY_NS
    timed = local != days * DAY_NS
    if local is not values and timed.any() and _are_mostly(timed):
        # Where clocks go on at midnight, the day begins at one.
        at = np.flatnonzero(timed)
        begins = pd.DatetimeIndex(days[at] * DAY_NS).tz_localize(
            zone, nonexistent="shift_forward", ambiguous=np.ones(len(at), bool)
        )
        timed[at] = begins.as_unit("ns").asi8 != values[at]
    return days, timed


def _local(values: Int64s, zone: str) -> Int64s:
    index = pd.DatetimeIndex(values, tz="UTC").tz_convert(zone).tz_localize(None)
    return index.as_unit("ns").asi8
