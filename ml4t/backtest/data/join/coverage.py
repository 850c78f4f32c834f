"""Whether tables speak of the time that the bars are of: how they lie to each other, and how far apart."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from ml4t.backtest.data.arrays import Int64s
from ml4t.backtest.data.errors import DAY_NS, DataError, count_rows, first_times, format_time, warn
from ml4t.backtest.data.join.as_of import publication_times
from ml4t.backtest.data.tables.bar_grid import grid_steps
from ml4t.backtest.data.tables.clock import Clock
from ml4t.backtest.data.tables.series_table import SeriesTable
from ml4t.backtest.data.tables.stamps import Stamps

LITTLE = 0.1
"""Share of the shorter of two spans below which the part that both have is little."""
USUAL = tuple(pd.Timestamp(day).value for day in ("1900-01-01", "2201-01-01"))
BEGINNING_NS = 31 * DAY_NS
LONG_GAP_NS = 20 * 365 * DAY_NS
MANY_STEPS = 100
LONG_AGO_NS = 31 * DAY_NS
"""From the last value of a table to the first bar: what came before is longer ago, and no value of the bars."""


class Span(NamedTuple):
    """First and last of some times, nanoseconds UTC."""

    first: int
    last: int

    def __str__(self) -> str:
        return f"{format_time(self.first)} to {format_time(self.last)}"

    @classmethod
    def of(cls, times: Int64s) -> Span:
        """Return that of times in any order, one at least."""
        return cls(int(times.min()), int(times.max()))


def published_span(series: SeriesTable, clock: Clock) -> Span | None:
    """Return when the first and the last row of a table are published, None for a table without rows."""
    if not len(series):
        return None
    values = series.stamps.values
    ends = np.array([values.argmin(), values.argmax()])
    return Span.of(publication_times(series.take(ends), clock)[0])


def find_apart(table: Span, bars: Span, must_begin_within: bool) -> str | None:
    """Return what is wrong with a table of which no bar sees a value, or only the last; None if nothing is.

    Parameters
    ----------
    table, bars : Span
    must_begin_within : bool
        One value that was known before the first bar, and holds, is not meant.
    """
    if table.first > bars.last:
        return f"all values are published after the last bar, and never seen ({_both(table, bars)})"
    if must_begin_within and bars.first - table.last > LONG_AGO_NS:
        return (
            "all values are published before the first bar, and each bar sees the last of them "
            f"({_both(table, bars)})"
        )
    return None


def find_little(table: Span, bars: Span) -> str | None:
    """Return what is said of a table that has little time in common with the bars; None for the others."""
    spans = table.last - table.first, bars.last - bars.first
    common = min(table.last, bars.last) - max(table.first, bars.first)
    # What was known before, be it a single time, holds from then on.
    if -LONG_AGO_NS <= common <= 0 or (common > 0 and common >= LITTLE * min(spans)):
        return None
    return f"values and bars have little time in common ({_both(table, bars)})"


def _both(table: Span, bars: Span) -> str:
    return f"values {table}, bars {bars}"


def check_coverage(name: str, table: Span, bars: Span, must_begin_within: bool) -> None:
    """Refuse a table that has nothing to do with the bars, and warn of one that has little.

    Raises
    ------
    DataError
        If no value is published within the bars, and one before them is not meant.
    """
    apart = find_apart(table, bars, must_begin_within)
    if apart is not None:
        raise DataError(
            f"{name}: {apart}; correct the times (the unit of numbers, the zone, the year), or leave the table out"
        )
    little = find_little(table, bars)
    if little is not None:
        warn(f"{name}: {little}; are the times right?")


def find_other_stamping(
    table: SeriesTable, clock: Clock, span: Span, timestamps: Int64s, only_longer: bool = False
) -> str | None:
    """Return what the grids of a table and of the bars say of their stamps; None if they agree.

    Where a table covers the time of the bars in steps as long or longer, its first value begins where the
    first bar does. If only its *stamp* lies there, it is a start; if its last stamp lies a step after the
    last bar's, that is where the last bar ends, and those of the bars are starts.

    Parameters
    ----------
    table : SeriesTable
    clock : Clock
        Of the table.
    span : Span
        When its first and last value are published.
    timestamps : int64 array, shape (n_times,), nanoseconds UTC, increasing
        Of the bars.
    only_longer : bool
        Leave out tables of steps as long as those of the bars: their values may be those of the bar before.
    """
    says_it = clock.bar_length is not None or clock.kind(table.own) == "date"
    lags = table.published is not None or table.options.available_after is not None
    if says_it or lags or len(timestamps) < 2:
        return None
    bars = Span(int(timestamps[0]), int(timestamps[-1]))
    is_earlier = span.first < bars.first and span.last < bars.last
    is_later = span.first > bars.first and span.last > bars.last
    if not (is_earlier or is_later):
        return None
    step = int(np.diff(timestamps).min())
    starts_with_bars = is_earlier and span.first == bars.first - step
    ends_with_bars = is_later and span.last == bars.last + step
    if not (starts_with_bars or ends_with_bars):
        return None
    steps = grid_steps(table.own.nanoseconds, table.codes)
    if not len(steps):
        return None
    own = int(steps.min())
    if only_longer and own <= step:
        return None
    if starts_with_bars and own >= step and span.last + own >= bars.last:
        return (
            f"the first value is stamped {format_time(span.first)}, where the first bar begins, and the last before "
            f"the last bar ends: are they stamped at their start? Then say Table(..., stamps='start')"
        )
    if ends_with_bars and own >= step and span.first - own <= bars.first:
        return (
            f"the last value is stamped {format_time(span.last)}, where the last bar ends if bars are stamped at "
            "their start: are they? Then say stamps='start'"
        )
    return None


def warn_of_stamping(table: SeriesTable, clock: Clock, span: Span, timestamps: Int64s) -> None:
    """Warn of a table that is stamped at its start beside bars that are not, or the other way round."""
    what = find_other_stamping(table, clock, span, timestamps, only_longer=True)
    if what is not None:
        warn(f"{table.name}: {what}")


def find_far(stamps: Stamps) -> Int64s:
    """Return the rows whose times are before 1900 or after 2200."""
    times = stamps.values
    first, end = (time // DAY_NS if stamps.in_days else time for time in USUAL)
    if not len(times) or (first <= times.min() and times.max() < end):
        return np.empty(0, np.int64)
    return np.flatnonzero((times < first) | (times >= end))


def warn_of_far(name: str, stamps: Stamps, span: Span) -> None:
    """Warn of times before 1900 or after 2200: most are numbers that were read in a wrong unit.

    Where those of ``span``, which is that of the stamps or what is made of them, are usual, no other is looked at.
    """
    if USUAL[0] <= span.first and span.last < USUAL[1]:
        return
    far = find_far(stamps)
    if len(far):
        shown = first_times(stamps.nanoseconds[far])
        warn(
            f"{name}: times are outside 1900 to 2200 in {count_rows(len(far))} ({shown}); are they right?"
        )


def find_beginning(stamps: Stamps) -> str | None:
    """Return what is said of bars that all lie where numbers do that are read in too small a unit."""
    times = stamps.values
    if stamps.in_days or not len(times) or times.min() < 0 or times.max() >= BEGINNING_NS:
        return None
    return f"times are all in January 1970 ({first_times(stamps.nanoseconds)})"


def warn_of_beginning(name: str, stamps: Stamps, span: Span) -> None:
    """Warn of bars that all lie there; where those of ``span``, the same as instants, do not, none is looked at."""
    what = None if span.first > BEGINNING_NS + DAY_NS else find_beginning(stamps)
    if what is not None:
        warn(f"{name}: {what}; are they in the right unit?")


def find_gap(timestamps: Int64s) -> int | None:
    """Return the position before the longest gap, if it is one of years among bars that are close; else None."""
    if len(timestamps) < 3 or int(timestamps[-1]) - int(timestamps[0]) <= LONG_GAP_NS:
        return None
    # In float64: a step can be longer than the 292 years of an int64.
    steps = np.diff(timestamps.astype(np.float64))
    longest = int(steps.argmax())
    is_gap = steps[longest] > max(LONG_GAP_NS, MANY_STEPS * steps.min())
    return longest if is_gap else None


def gap_text(timestamps: Int64s, before: int) -> str:
    """Say how long the gap after a position is, and where."""
    first, next_ = (int(timestamps[at]) for at in (before, before + 1))
    return (
        f"no bar for {(next_ - first) / (365.25 * DAY_NS):.0f} years, from {format_time(first)} to "
        f"{format_time(next_)}"
    )


def warn_of_gap(name: str, timestamps: Int64s) -> None:
    """Warn of years without a bar: some times were read in a wrong unit, most often."""
    before = find_gap(timestamps)
    if before is not None:
        warn(f"{name}: {gap_text(timestamps, before)}; are the times right?")
