"""CombinatorialPurged: every choice of k of n groups is tested once, and the tests make up paths."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from math import comb
from typing import Any

import numpy as np

from ml4t.backtest.data.arrays import Int64s, Marks
from ml4t.backtest.walk_forward.errors import WalkForwardError
from ml4t.backtest.walk_forward.lengths import Length, read_length
from ml4t.backtest.walk_forward.splitter import Part, Splitter
from ml4t.backtest.walk_forward.timed_rows import TimedRows

MOST_SPLITS = 100_000


class CombinatorialPurged(Splitter):
    """Every choice of ``k`` of ``n_groups`` groups of sessions as the test part, the others as the train part.

    Parameters
    ----------
    n_groups : int
        Consecutive groups of about as many sessions each.
    k : int
        Groups of a test part.
    embargo : int or length of time
        What is left out of the train part behind each test group, counted from where its last label ends: sessions, or
        time as for :class:`WalkForward`.
    times : array, Series, Index or str, optional
        When each row is known, as for :class:`WalkForward`.
    label_ends : likewise, optional
        When the label of each row is known. Rows of a train part whose time from row to label end meets that of a
        test group are left out: purged.

    Attributes
    ----------
    n_paths : int
        C(n, k) k/n: in so many ways all of time is tested once.

    Raises
    ------
    WalkForwardError
        If there are fewer than two groups, or k is not from 1 to ``n_groups`` - 1.

    Notes
    -----
    López de Prado, *Advances in Financial Machine Learning*, Wiley 2018, chapters 7 and 12. Each row is tested in
    C(n - 1, k - 1) splits, which ``cross_val_predict`` of scikit-learn cannot hold; it takes :meth:`path`, in which each
    is tested once. :func:`predict_out_of_sample` predicts all paths, fitting each split once.

    Examples
    --------
    >>> splits = CombinatorialPurged(6, 2)
    >>> splits.get_n_splits(), splits.n_paths
    (15, 5)
    """

    def __init__(
        self,
        n_groups: int,
        k: int,
        embargo: Length = 0,
        *,
        times: Any = None,
        label_ends: Any = None,
    ) -> None:
        self.n_groups = _whole("n_groups", n_groups, 2)
        self.k = _whole("k", k, 1)
        if self.k >= self.n_groups:
            raise WalkForwardError(
                f"k must be below n_groups, so that something is left to train on; were {k} and {n_groups}"
            )
        if comb(self.n_groups, self.k) > MOST_SPLITS:
            raise WalkForwardError(
                f"{n_groups} groups have {comb(self.n_groups, self.k):,} choices of {k}, at most {MOST_SPLITS:,} are "
                "made; give fewer groups"
            )
        self.embargo = read_length("embargo", embargo, may_be_zero=True)
        self.times = times
        self.label_ends = label_ends

    @property
    def n_paths(self) -> int:
        """In how many ways all of time is tested once: C(n, k) k/n."""
        return comb(self.n_groups, self.k) * self.k // self.n_groups

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Return the number of splits, C(n, k).

        Parameters
        ----------
        X, y, groups : ignored
        """
        return comb(self.n_groups, self.k)

    def chosen(self) -> list[tuple[int, ...]]:
        """Return the test groups of each split."""
        return list(combinations(range(self.n_groups), self.k))

    def paths(self) -> Int64s:
        """Return by which split each path is made up.

        Returns
        -------
        int64 array, shape (n_paths, n_groups)
            The number of the split that tests the group; of the splits that test it, each is of another path.
        """
        made = np.empty((self.n_paths, self.n_groups), np.int64)
        filled = [0] * self.n_groups
        for split, tested in enumerate(self.chosen()):
            for group in tested:
                made[filled[group], group] = split
                filled[group] += 1
        return made

    def path(self, number: int) -> CombinatorialPath:
        """Return the splitter of one path, which tests every row once: ``cross_val_predict`` takes it.

        Parameters
        ----------
        number : int
            From 0 to ``n_paths`` - 1.
        """
        is_whole = isinstance(number, int | np.integer) and not isinstance(number, bool)
        if not is_whole or not 0 <= number < self.n_paths:
            raise WalkForwardError(
                f"there are the paths 0 to {self.n_paths - 1}, asked for was {number!r}"
            )
        return CombinatorialPath(self, int(number))

    def bounds_of(self, rows: TimedRows) -> Int64s:
        """Return the first row of each group, and behind them the number of rows."""
        return _Groups(self, rows).bounds

    def parts_of(self, rows: TimedRows) -> Iterator[Part]:
        """Yield the parts of rows whose times are known."""
        cut = _Groups(self, rows)
        for number, tested in enumerate(self.chosen()):
            yield Part(cut.train(number, tested), cut.test(tested))


class CombinatorialPath(Splitter):
    """One path of a :class:`CombinatorialPurged`: every row is tested once, each by a split of its own."""

    def __init__(self, splits: CombinatorialPurged, number: int) -> None:
        self.splits = splits
        self.number = number
        self.times = splits.times
        self.label_ends = splits.label_ends

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Return the number of splits that make up the path.

        Parameters
        ----------
        X, y, groups : ignored
        """
        return len(self._by_split())

    def parts_of(self, rows: TimedRows) -> Iterator[Part]:
        """Yield the parts of rows whose times are known: of each split, the groups of this path."""
        cut, tested = _Groups(self.splits, rows), self.splits.chosen()
        for split, groups in self._by_split().items():
            yield Part(cut.train(split, tested[split]), cut.test(tuple(groups)))

    def _by_split(self) -> dict[int, list[int]]:
        groups: dict[int, list[int]] = {}
        for group, split in enumerate(self.splits.paths()[self.number].tolist()):
            groups.setdefault(split, []).append(group)
        return groups

    def __repr__(self) -> str:
        return f"{self.splits!r}.path({self.number})"


class _Groups:
    """Rows cut into groups, and what of them may be trained on beside some."""

    def __init__(self, splits: CombinatorialPurged, rows: TimedRows) -> None:
        n = splits.n_groups
        if rows.n_sessions < n:
            raise WalkForwardError(
                f"{rows.n_sessions:,} sessions cannot be cut into {n} groups: give fewer groups"
            )
        self._rows = rows
        self._embargo = splits.embargo
        # As numpy.array_split: the first groups are one session longer.
        sessions = np.arange(n + 1) * (rows.n_sessions // n)
        sessions += np.minimum(np.arange(n + 1), rows.n_sessions % n)
        self.bounds = rows.first_rows[sessions]
        self._label_ends = np.maximum.reduceat(rows.ends, self.bounds[:-1])

    def test(self, tested: tuple[int, ...]) -> Int64s:
        """Return the rows of some groups."""
        return np.concatenate([np.arange(*self.bounds[one : one + 2]) for one in tested])

    def train(self, number: int, tested: tuple[int, ...]) -> Int64s:
        """Return the rows that may be trained on beside some groups: neither tested, purged nor in an embargo."""
        kept: Marks = np.ones(self._rows.n, bool)
        for first, last in _stretches(tested):
            begin, end = self.bounds[first], self.bounds[last + 1]
            kept[begin:end] = False
            start = int(self._rows.times[begin])
            known = int(self._label_ends[first : last + 1].max())
            free = self._rows.row_after(self._rows.after(known, self._embargo))
            kept[end:free] = False
            kept[:begin] &= self._rows.ends[:begin] < start
        train = np.flatnonzero(kept)
        if not len(train):
            raise WalkForwardError(
                f"train part {number} has no row left beside its test groups {', '.join(map(str, tested))}: labels and "
                "embargo reach over all of it; give fewer or larger groups"
            )
        return train


def _stretches(tested: tuple[int, ...]) -> Iterator[tuple[int, int]]:
    """Yield the first and the last of each stretch of neighbours."""
    first = last = tested[0]
    for group in tested[1:]:
        if group != last + 1:
            yield first, last
            first = group
        last = group
    yield first, last


def _whole(name: str, value: Any, least: int) -> int:
    is_whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not is_whole or value < least:
        raise WalkForwardError(f"{name} must be a whole number of at least {least}, was {value!r}")
    return int(value)
