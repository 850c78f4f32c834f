"""Where chunks end: spans of the calendar, or so many rows; a timestamp is never split."""

from __future__ import annotations

from functools import reduce

import numpy as np

from ml4t.backtest.data.arrays import Int64s
from ml4t.backtest.data.errors import DAY_NS, DataError
from ml4t.backtest.data.stream.stored_times import stored_times
from ml4t.backtest.data.stream.survey import Survey
from ml4t.backtest.data.stream.table_source import TableSource

# The first chunk is this part of the others, and each is by half larger than the one before: reading
# it then takes no longer than the run over that one.
FIRST_PART = 8


SPANS = {"day": "M8[D]", "month": "M8[M]", "year": "M8[Y]"}


def chunk_ends(found: Survey, source: TableSource, chunk: str | int) -> list[int] | None:
    """Return the last stored time that belongs to each chunk; a time is never split.

    None where chunks are so many rows, as every row has a time of its own.

    Parameters
    ----------
    found : Survey
    source : TableSource
    chunk : {"day", "month", "year"} or int
        A span of the calendar, or the number of rows that a chunk holds at most (but one timestamp).
    """
    last = (found.days + 1) * DAY_NS - 1
    if isinstance(chunk, str):
        spans = found.days.view("M8[D]").astype(SPANS[chunk])
        return last[np.append(spans[1:] != spans[:-1], True)].tolist()
    if found.counts is None:
        return None
    if found.counts.max() <= chunk:
        return last[group_ends(found.counts, chunk)].tolist()
    ends, counts = [], []
    for day, end, count in zip(found.days, last, found.counts, strict=True):
        if count <= chunk:
            ends.append(np.array([end]))
            counts.append(np.array([count]))
        else:
            times, rows = _times_of_day(source, int(day))
            ends.append(times)
            counts.append(rows)
    return np.concatenate(ends)[group_ends(np.concatenate(counts), chunk)].tolist()


def day_groups(found: Survey, n_rows: int) -> Int64s:
    """Return the last day of each group of days with up to ``n_rows`` rows, or one day."""
    if found.counts is None:
        raise ValueError("the rows were not counted by day")
    return found.days[group_ends(found.counts, n_rows)]


def row_counts(n_rows: int, chunk: int) -> list[int]:
    """Return the rows of each chunk where each row is a time of its own.

    The first chunks are smaller: a run begins on the first one while larger ones are read.
    """
    counts, size = [], max(chunk // FIRST_PART, 1)
    while n_rows > 0:
        counts.append(min(size, n_rows))
        n_rows -= size
        size = min(size + max(size // 2, 1), chunk)
    return counts


def group_ends(counts: Int64s, n_rows: int) -> list[int]:
    """Return the last position of each group of counts that add up to ``n_rows`` at most, or are one."""
    ends, total = [], 0
    for position, count in enumerate(counts.tolist()):
        if total and total + count > n_rows:
            ends.append(position - 1)
            total = 0
        total += count
    return [*ends, len(counts) - 1]


def _times_of_day(source: TableSource, day: int) -> tuple[Int64s, Int64s]:
    """Return the distinct times of a day, in order, and how many rows have each."""
    found: list[tuple[Int64s, Int64s]] = []
    for batch in source.batches([source.time], day * DAY_NS - 1, (day + 1) * DAY_NS - 1):
        found.append(np.unique(stored_times(batch[source.time]), return_counts=True))
        # Each is kept less than half as long as the one before: together they are never longer than
        # twice the distinct times, and no time is merged often.
        while len(found) > 1 and 2 * len(found[-1][0]) > len(found[-2][0]):
            found.append(_merged(found.pop(), found.pop()))
    if not found:
        raise DataError(
            f"{source.name}: no row was found on {np.datetime64(day, 'D')}, where some were counted: what the files "
            "say of their own times is not what is in them; write them anew"
        )
    return reduce(_merged, found)


def _merged(one: tuple[Int64s, Int64s], other: tuple[Int64s, Int64s]) -> tuple[Int64s, Int64s]:
    """Return the distinct times of two, in order, and the sums of their counts."""
    times, place = np.unique(np.concatenate([one[0], other[0]]), return_inverse=True)
    counts = np.zeros(len(times), np.int64)
    np.add.at(counts, place, np.concatenate([one[1], other[1]]))
    return times, counts
