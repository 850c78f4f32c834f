"""WalkForward: train on what came before, test on what follows, and walk on."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from ml4t.backtest.data.arrays import Int64s
from ml4t.backtest.walk_forward.errors import WalkForwardError
from ml4t.backtest.walk_forward.lengths import Length, is_time, read_length
from ml4t.backtest.walk_forward.timed_rows import TimedRows, timed_rows

MOST_PARTS = 100_000


class Part(NamedTuple):
    """A train part and its test part, as rows of the table."""

    train: Int64s
    test: Int64s


class Splitter(ABC):
    """What scikit-learn asks of a splitter, and what the parts are cut by.

    Attributes
    ----------
    times, label_ends : array, Series, Index, str or None
        As they were given.
    """

    times: Any
    label_ends: Any

    def split(self, X: Any = None, y: Any = None, groups: Any = None) -> Iterator[Part]:
        """Yield the rows of each train part and of its test part.

        Parameters
        ----------
        X : table or array, optional
            Its rows are split; not needed where ``times`` are an array.
        y, groups : ignored
            There because scikit-learn gives them.

        Yields
        ------
        train, test : int64 array
            Numbers of rows, in the order of time.

        Raises
        ------
        WalkForwardError
            If times are not in order, a label ends before its row, or a train part has no row left.
        """
        yield from self.parts_of(self.rows_of(X))

    def rows_of(self, X: Any) -> TimedRows:
        """Return when the rows of a table are, and when their labels end."""
        return timed_rows(X, self.times, self.label_ends)

    @abstractmethod
    def parts_of(self, rows: TimedRows) -> Iterator[Part]:
        """Yield the parts of rows whose times are known."""

    def __repr__(self) -> str:
        given = ", ".join(
            f"{name}={value!r}" if isinstance(value, int | str | bool) else f"{name}=..."
            for name, value in vars(self).items()
            if not name.startswith("_") and value is not None
        )
        return f"{type(self).__name__}({given})"


class WalkForward(Splitter):
    """Train parts, each followed by its test part.

    Parameters
    ----------
    train, test : int or length of time
        Of each part: a number of sessions, which are days with rows in the zone of the times; or time: a timedelta,
        ``"365D"``, ``pandas.DateOffset(years=2)``. Time begins at the midnight before the first row.
    step : optional
        From one test part to the next; by default ``test``, so that each row behind the first train part is tested
        once.
    anchored : bool
        Begin all train parts at the first row: they grow. Otherwise each is ``train`` long.
    purge : optional
        What is left out at the end of a train part, as its labels or features reach into the test part.
    embargo : optional
        What is left out beside, between train part and test part: no label may end within it.
    times : array, Series, Index or str, optional
        When each row is known: dates or times, as text too; a name is a column, or a level of the index. By default
        the times in the index of the table; where that counts the rows, each is a session.
    label_ends : likewise, optional
        When the label of each row is known: rows of a train part whose label ends in the embargo or later are left
        out.

    Raises
    ------
    WalkForwardError
        If a length is none, or sessions and time are mixed among train, test and step.

    Notes
    -----
    The last test part is shorter where the rows end within it. A test part without a row, over a weekend say, is
    passed over.

    ``cross_val_predict`` of scikit-learn takes only splitters that test every row: no walk does, as nothing is known
    before the first train part. :func:`predict_out_of_sample` leaves these rows NaN; ``cross_validate``,
    ``cross_val_score`` and searches take it as it is.

    Examples
    --------
    >>> import numpy as np
    >>> for train, test in WalkForward(4, 2, purge=1).split(np.zeros(8)):
    ...     print(train, test)
    [0 1 2] [4 5]
    [2 3 4] [6 7]
    """

    def __init__(
        self,
        train: Length,
        test: Length,
        step: Length | None = None,
        anchored: bool = False,
        purge: Length = 0,
        embargo: Length = 0,
        *,
        times: Any = None,
        label_ends: Any = None,
    ) -> None:
        self.train = read_length("train", train)
        self.test = read_length("test", test)
        self.step = self.test if step is None else read_length("step", step)
        self.anchored = anchored
        self.purge = read_length("purge", purge, may_be_zero=True)
        self.embargo = read_length("embargo", embargo, may_be_zero=True)
        self.times = times
        self.label_ends = label_ends
        if not isinstance(anchored, bool | np.bool_):
            raise WalkForwardError(f"anchored must be True or False, was {anchored!r}")
        if len({is_time(one) for one in (self.train, self.test, self.step)}) > 1:
            raise WalkForwardError(
                "train, test and step must all be sessions, or all be lengths of time"
            )

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Return the number of parts, which depends on the rows.

        Parameters
        ----------
        X : table or array, optional
            As for :meth:`split`.
        y, groups : ignored
        """
        return sum(1 for _ in self._bounds(self.rows_of(X)))

    def parts_of(self, rows: TimedRows) -> Iterator[Part]:
        """Yield the parts of rows whose times are known."""
        for number, (begin, first, last) in enumerate(self._bounds(rows)):
            start = int(rows.times[first])
            free = rows.before(start, self.embargo)
            end = min(rows.row_at(rows.before(free, self.purge)), first)
            train = np.arange(begin, max(begin, end))
            if rows.has_labels:
                train = train[rows.ends[train] < free]
            if not len(train):
                raise WalkForwardError(
                    f"train part {number} has no row left before its test part at {rows.shown(start)}: give a longer "
                    "train, or a smaller purge or embargo"
                )
            yield Part(train, np.arange(first, last))

    def _bounds(self, rows: TimedRows) -> Iterator[tuple[int, int, int]]:
        """Yield the first row of each train part, and the first row of its test part and the one behind its last."""
        any_ = False
        for begin, first, last in (
            self._of_time(rows) if is_time(self.train) else self._of_sessions(rows)
        ):
            if last > first:
                any_ = True
                yield 0 if self.anchored else begin, first, last
        if not any_:
            raise WalkForwardError(
                f"the rows end before the first train part does: {rows.n_sessions:,} sessions, from "
                f"{rows.shown(int(rows.times[0]))} to {rows.shown(int(rows.times[-1]))}"
            )

    def _of_sessions(self, rows: TimedRows) -> Iterator[tuple[int, int, int]]:
        lengths: list[Any] = [self.train, self.test, self.step]
        train, test, step = map(int, lengths)
        for first in range(train, rows.n_sessions, step):
            end = min(first + test, rows.n_sessions)
            yield (
                int(rows.first_rows[first - train]),
                int(rows.first_rows[first]),
                int(rows.first_rows[end]),
            )
            if end == rows.n_sessions:
                return

    def _of_time(self, rows: TimedRows) -> Iterator[tuple[int, int, int]]:
        if not rows.has_times:
            raise WalkForwardError(
                "train is a length of time, and the rows have no times: give times, or an index of them"
            )
        origin = rows.midnight_before(int(rows.times[0]))
        behind = rows.moved(origin, 1, self.train)
        for number in range(MOST_PARTS):
            start = rows.moved(behind, number, self.step)
            end = rows.moved(start, 1, self.test)
            begin = rows.moved(origin, number, self.step)
            first, last = rows.row_at(start), rows.row_at(end)
            if first == rows.n:
                return
            yield rows.row_at(begin), first, last
            if last == rows.n:
                return
        raise WalkForwardError(f"there are more than {MOST_PARTS:,} parts: give a larger step")
