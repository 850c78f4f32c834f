"""What a table holds, found before its values are read: in the metadata, or in its times and assets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from ml4t.backtest.data.arrays import Int64s
from ml4t.backtest.data.errors import DAY_NS, SHOWN, DataError, count_rows
from ml4t.backtest.data.stream.table_source import TIME_ROLES, Source, row_groups, stored_times
from ml4t.backtest.data.tables.asset_codes import encode, used_names
from ml4t.backtest.data.tables.stamps import read_stamps

# The first chunk is this part of the others, and each is by half larger than the one before: reading
# it then takes no longer than the run over that one.
FIRST_PART = 8
SPANS = {"day": "M8[D]", "month": "M8[M]", "year": "M8[Y]"}


@dataclass(frozen=True)
class Survey:
    """What a table holds.

    ``days`` are the stored days since 1970 that have rows, ``counts`` how many. Without counts every row
    has a time of its own, and ``days`` are all from the first to the last.
    """

    n_rows: int
    n_times: int | None
    """Number of distinct times; None where rows are not in order of time."""
    kinds: dict[str, str]
    """Kind of times by role."""
    assets: frozenset[Any]
    days: Int64s
    counts: Int64s | None

    def groups(self, n_rows: int) -> Int64s:
        """Return the last day of each group of days with up to ``n_rows`` rows, or one day."""
        if self.counts is None:
            raise ValueError("the rows were not counted by day")
        return self.days[group_ends(self.counts, n_rows)]


def look(source: Source) -> Survey | None:
    """Return what the metadata of files say of a table of one asset; None where that is not enough.

    The rows of one asset must be in order of time. Where no two row groups overlap, what the metadata
    leave open, the order within them, is seen when they are read.
    """
    is_whole = source.after is None and source.until is None
    if not is_whole or "asset" in source.roles or "available_at" in source.roles:
        return None
    groups = row_groups(source.dataset, source.time)
    if groups is None:
        return None
    stamps = _kind(source, groups.first)
    if stamps is None or (groups.first[1:] <= groups.last[:-1]).any():
        return None
    days = np.arange(groups.first[0] // DAY_NS, groups.last[-1] // DAY_NS + 1)
    n_rows = int(groups.n_rows.sum())
    return Survey(n_rows, n_rows, {"timestamp": stamps}, frozenset(), days, None)


def _kind(source: Source, times: Int64s) -> str | None:
    """Kind of the times of a table, where some of them, as they are stored, say it."""
    kind = source.dataset.schema.field(source.time).type
    if pa.types.is_date(kind):
        return "date"
    some = pa.array(times).view(pa.timestamp("ns", kind.tz))
    stamps = read_stamps(some, source.name, source.time)
    return None if stamps.kind == "date" else stamps.kind


def survey(source: Source, must_be_in_order: bool = False) -> Survey:
    """Read times and assets of a table, some rows at a time.

    Parameters
    ----------
    source : Source
    must_be_in_order : bool
        Refuse a row whose time is before that of an earlier one: those of a single asset are in order.

    Raises
    ------
    DataError
        If there is no row, or a row without a time or asset, or one that runs backwards and must not.
    """
    times = {role: source.roles[role] for role in TIME_ROLES if role in source.roles}
    asset = source.roles.get("asset")
    kinds: dict[str, str] = {}
    days: Counter[int] = Counter()
    assets: set[Any] = set()
    steps = _Steps(must_be_in_order)
    for batch in source.batches([*times.values(), *([asset] if asset else [])]):
        for role, column in times.items():
            kind = read_stamps(batch[column], source.name, column, kinds.get(role)).kind
            kinds[role] = kind
        values = stored_times(batch[source.time])
        steps.add(values)
        for day, count in _runs_of_days(values):
            days[day] += count
        if asset:
            assets.update(used_names(*encode(batch[asset], source.name, asset)))
    if not days:
        chosen = source.assets or source.after or source.until
        raise DataError(
            f"{source.name}: {'no row is of the assets and dates asked for' if chosen else 'the table has no rows'}"
        )
    steps.refuse_backwards(source.name)
    in_order = sorted(days)
    counts = np.array([days[day] for day in in_order], np.int64)
    return Survey(
        int(counts.sum()), steps.n_times, kinds, frozenset(assets), np.array(in_order), counts
    )


def chunk_ends(found: Survey, source: Source, chunk: str | int) -> list[int] | None:
    """Return the last stored time that belongs to each chunk; a time is never split.

    None where chunks are so many rows, as every row has a time of its own.

    Parameters
    ----------
    found : Survey
    source : Source
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


def _times_of_day(source: Source, day: int) -> tuple[Int64s, Int64s]:
    """Return the distinct times of a day, in order, and how many rows have each."""
    found: list[tuple[Int64s, Int64s]] = []
    for batch in source.batches([source.time], day * DAY_NS - 1, (day + 1) * DAY_NS - 1):
        found.append(np.unique(stored_times(batch[source.time]), return_counts=True))
        # Each is kept less than half as long as the one before: together they are never longer than
        # twice the distinct times, and no time is merged often.
        while len(found) > 1 and 2 * len(found[-1][0]) > len(found[-2][0]):
            found.append(_merged(found.pop(), found.pop()))
    return reduce(_merged, found)


def _merged(one: tuple[Int64s, Int64s], other: tuple[Int64s, Int64s]) -> tuple[Int64s, Int64s]:
    """Return the distinct times of two, in order, and the sums of their counts."""
    times, place = np.unique(np.concatenate([one[0], other[0]]), return_inverse=True)
    counts = np.zeros(len(times), np.int64)
    np.add.at(counts, place, np.concatenate([one[1], other[1]]))
    return times, counts


def _runs_of_days(values: Int64s) -> Iterator[tuple[int, int]]:
    """Yield days and how many rows of each stand together."""
    days = values // DAY_NS
    starts = np.flatnonzero(np.diff(days, prepend=days[0] - 1))
    lengths = np.diff(starts, append=len(days))
    return zip(days[starts].tolist(), lengths.tolist(), strict=True)


class _Steps:
    """Counts distinct times while they do not go back, and from then on, if asked to, what does."""

    def __init__(self, counts_backwards: bool) -> None:
        self.n_times: int | None = 0
        self._last: npt.NDArray[np.int64] = np.empty(0, np.int64)
        self._counts_backwards = counts_backwards
        self._latest = np.iinfo(np.int64).min
        self._n_backwards = 0
        self._first: list[int] = []

    def add(self, values: Int64s) -> None:
        if self._counts_backwards:
            self._look_back(values)
        if self.n_times is None:
            return
        steps = np.diff(np.concatenate([self._last, values]))
        new = int(np.count_nonzero(steps)) + (len(self._last) == 0)
        self.n_times = None if (steps < 0).any() else self.n_times + new
        self._last = values[-1:]

    def _look_back(self, values: Int64s) -> None:
        latest = np.maximum.accumulate(np.concatenate([[self._latest], values]))
        backwards = values[values < latest[:-1]]
        self._latest = int(latest[-1])
        self._n_backwards += len(backwards)
        self._first += backwards[: SHOWN - len(self._first)].tolist()

    def refuse_backwards(self, name: str) -> None:
        if self._n_backwards:
            shown = ", ".join(str(pd.Timestamp(time)) for time in self._first)
            more = ", ..." if self._n_backwards > len(self._first) else ""
            raise DataError(
                f"{name}: times run backwards within an asset in {count_rows(self._n_backwards)}: "
                f"{shown}{more}; sort the table, or pass sort=True if the order means nothing"
            )
