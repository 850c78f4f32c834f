"""What a table holds, found before its values are read: in the metadata, or in its times and assets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from ml4t.backtest.data.arrays import Int64s
from ml4t.backtest.data.errors import DAY_NS, SHOWN, DataError, count_rows, first_times
from ml4t.backtest.data.stream.row_groups import row_groups
from ml4t.backtest.data.stream.stored_times import stored_times
from ml4t.backtest.data.stream.table_source import TIME_ROLES, TableSource
from ml4t.backtest.data.tables.asset_codes import encode, used_names
from ml4t.backtest.data.tables.midnights import MOSTLY, Strays
from ml4t.backtest.data.tables.stamps import Stamps, read_stamps


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
    stamps: Stamps
    """The first and the last of the times that decide when a row is seen."""

    @property
    def times(self) -> dict[str, Stamps]:
        """The times of each role as far as their kinds go."""
        return {role: replace(self.stamps, kind=kind) for role, kind in self.kinds.items()}


def survey_metadata(source: TableSource) -> Survey | None:
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
    kind = _kind(source, groups.first)
    if kind is None or (groups.first[1:] <= groups.last[:-1]).any():
        return None
    days = np.arange(groups.first[0] // DAY_NS, groups.last[-1] // DAY_NS + 1)
    n_rows = int(groups.n_rows.sum())
    first_and_last = np.array([groups.first[0], groups.last[-1]])
    ends = Stamps(kind, first_and_last // (DAY_NS if kind == "date" else 1), _zone(source))
    return Survey(n_rows, n_rows, {"timestamp": kind}, frozenset(), days, None, ends)


def _kind(source: TableSource, times: Int64s) -> str | None:
    """Kind of the times of a table, where some of them, as they are stored, say it."""
    kind = source.dataset.schema.field(source.time).type
    if pa.types.is_date(kind):
        return "date"
    some = pa.array(times).view(pa.timestamp("ns", kind.tz))
    stamps = read_stamps(some, source.name, source.time)
    return None if stamps.in_days or stamps.strays else stamps.kind


def _zone(source: TableSource) -> str | None:
    return getattr(source.dataset.schema.field(source.time).type, "tz", None)


def survey_rows(source: TableSource, must_be_in_order: bool = False) -> Survey:
    """Read times and assets of a table, some rows at a time.

    Parameters
    ----------
    source : TableSource
    must_be_in_order : bool
        Refuse a row whose time is before that of an earlier one: those of a single asset are in order.

    Raises
    ------
    DataError
        If there is no row, or a row without a time or asset, or one that runs backwards and must not.
    """
    times = {role: source.roles[role] for role in TIME_ROLES if role in source.roles}
    asset = source.roles.get("asset")
    kinds = {role: _Kinds() for role in times}
    days: Counter[int] = Counter()
    assets: set[Any] = set()
    steps = _Steps(must_be_in_order)
    for batch in source.batches([*times.values(), *([asset] if asset else [])]):
        for role, column in times.items():
            kinds[role].add(read_stamps(batch[column], source.name, column))
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
    decides = next(role for role, column in times.items() if column == source.time)
    return Survey(
        int(counts.sum()),
        steps.n_times,
        {role: found.kind for role, found in kinds.items()},
        frozenset(assets),
        np.array(in_order),
        counts,
        replace(kinds[decides].ends, counted=source.counted),
    )


class _Kinds:
    """What the times of a column are, found from some rows at a time: dates only where all are."""

    def __init__(self) -> None:
        self._last: Stamps | None = None
        self._n_midnights = 0
        self._n_times = 0
        self._first_time = ""
        self._ends = [np.iinfo(np.int64).max, np.iinfo(np.int64).min]

    def add(self, stamps: Stamps) -> None:
        if not len(stamps):
            return
        n_times = 0 if stamps.in_days else len(stamps)
        if stamps.strays is not None:
            n_times = stamps.strays.n_times
        if n_times and not self._n_times:
            self._first_time = (
                stamps.strays.first if stamps.strays else first_times(stamps.values[:1])
            )
        self._n_times += n_times
        self._n_midnights += len(stamps) - n_times
        if self._last is None or not stamps.in_days:
            self._last = replace(stamps, values=stamps.values[:0])
        times = stamps.nanoseconds
        self._ends = [min(self._ends[0], int(times.min())), max(self._ends[1], int(times.max()))]

    @property
    def kind(self) -> str:
        return self.ends.kind

    @property
    def ends(self) -> Stamps:
        """The first and the last time, of the kind that all are together."""
        stamps = Stamps("date", np.empty(0, np.int64)) if self._last is None else self._last
        values = np.array(self._ends) // (DAY_NS if stamps.in_days else 1)
        strays = None
        if 0 < MOSTLY * self._n_times <= self._n_midnights:
            strays = Strays(self._n_midnights, self._n_times, self._first_time)
        return replace(stamps, values=values, strays=strays)


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
