"""One pass over the times and assets of a table, before its values are read: what is where."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ml4t.backtest.data.arrays import Int64s
from ml4t.backtest.data.assets import encode, used_names
from ml4t.backtest.data.errors import DAY_NS, DataError
from ml4t.backtest.data.source import TIME_ROLES, Source, stored_times
from ml4t.backtest.data.times import read_stamps

SPANS = {"day": "M8[D]", "month": "M8[M]", "year": "M8[Y]"}


@dataclass(frozen=True)
class Survey:
    """What a table holds. ``days`` are stored days since 1970 that have rows, ``counts`` how many."""

    n_rows: int
    n_times: int | None
    """Number of distinct times; None where rows are not in order of time."""
    kinds: dict[str, str]
    """Kind of times by role."""
    assets: frozenset[Any]
    days: Int64s
    counts: Int64s

    def groups(self, n_rows: int) -> Int64s:
        """Return the last day of each group of days with up to ``n_rows`` rows, or one day."""
        return self.days[group_ends(self.counts, n_rows)]


def survey(source: Source) -> Survey:
    """Read times and assets of a table, some rows at a time.

    Raises
    ------
    DataError
        If there is no row, or a row without a time or asset.
    """
    times = {role: source.roles[role] for role in TIME_ROLES if role in source.roles}
    asset = source.roles.get("asset")
    kinds: dict[str, str] = {}
    days: Counter[int] = Counter()
    assets: set[Any] = set()
    steps = _Steps()
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
    in_order = sorted(days)
    counts = np.array([days[day] for day in in_order], np.int64)
    return Survey(
        int(counts.sum()), steps.n_times, kinds, frozenset(assets), np.array(in_order), counts
    )


def chunk_ends(found: Survey, source: Source, chunk: str | int) -> list[int]:
    """Return the last stored time that belongs to each chunk; a time is never split.

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
    parts = source.batches([source.time], day * DAY_NS - 1, (day + 1) * DAY_NS - 1)
    times = np.concatenate([stored_times(batch[source.time]) for batch in parts])
    return np.unique(times, return_counts=True)


def _runs_of_days(values: Int64s) -> Iterator[tuple[int, int]]:
    """Yield days and how many rows of each stand together."""
    days = values // DAY_NS
    starts = np.flatnonzero(np.diff(days, prepend=days[0] - 1))
    lengths = np.diff(starts, append=len(days))
    return zip(days[starts].tolist(), lengths.tolist(), strict=True)


class _Steps:
    """Counts distinct times while they do not go back."""

    def __init__(self) -> None:
        self.n_times: int | None = 0
        self._last: npt.NDArray[np.int64] = np.empty(0, np.int64)

    def add(self, values: Int64s) -> None:
        if self.n_times is None:
            return
        steps = np.diff(np.concatenate([self._last, values]))
        new = int(np.count_nonzero(steps)) + (len(self._last) == 0)
        self.n_times = None if (steps < 0).any() else self.n_times + new
        self._last = values[-1:]
