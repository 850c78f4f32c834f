"""The data of a walk, what is fitted on its train parts, and the runs over its test parts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from ml4t.backtest.backtest.over_tables import run_backtest
from ml4t.backtest.config import BacktestConfig
from ml4t.backtest.data.arrays import Int64s
from ml4t.backtest.market.cut import cut
from ml4t.backtest.market.market_data import MarketData
from ml4t.backtest.market.session_times import session_days
from ml4t.backtest.market.sessions import session_zone
from ml4t.backtest.result import BacktestResult
from ml4t.backtest.walk_forward.combinatorial import CombinatorialPurged
from ml4t.backtest.walk_forward.fitted import Fit, Fitted, as_fitted
from ml4t.backtest.walk_forward.measured import as_number
from ml4t.backtest.walk_forward.splitter import WalkForward
from ml4t.backtest.walk_forward.table_rows import TableRows
from ml4t.backtest.walk_forward.timed_rows import TimedRows
from ml4t.backtest.walk_forward.train_and_test import Piece

Test = tuple[int, int]
"""The timestamps of a test part: the first one, and the one behind its last."""


@dataclass(frozen=True)
class FittedPart:
    """A train part and what it led to."""

    train: Piece
    fitted: Fitted
    in_sample: float


class Walk:
    """The data of a walk, and the runs over its parts.

    Attributes
    ----------
    rows : TimedRows
        The timestamps of the data.
    parts : list of Part
        As numbers of timestamps.
    """

    def __init__(
        self,
        fit: Fit,
        data: MarketData,
        splits: WalkForward | CombinatorialPurged,
        table: TableRows,
        config: BacktestConfig,
        measure: str,
    ) -> None:
        self.fit = fit
        self.data = data
        self.table = table
        self.config = config
        self.measure = measure
        times = np.asarray(data.timestamps)
        days = None if config.calendar is None else session_days(config.calendar, times, data.info)
        self.rows = TimedRows(times, zone=session_zone(data.info), days=days)
        self.parts = list(splits.parts_of(self.rows))

    def fitted(self, number: int, tested: Sequence[Test]) -> FittedPart:
        """Fit on a train part, whose test parts are given."""
        train = self.parts[number].train
        stretches = [(int(one[0]), int(one[-1]) + 1) for one in _stretches(train)]
        pieces = tuple(cut(self.data, *one) for one in stretches)
        rows = self.table.to_train_on(self.rows, stretches, tested)
        piece = Piece(pieces, rows, self.config)
        with told("fit", number, piece):
            fitted = as_fitted(self.fit(piece), f"fit of train part {number}")
        return FittedPart(piece, fitted, self._in_sample(fitted, piece, stretches))

    def _in_sample(self, fitted: Fitted, piece: Piece, stretches: Sequence[Test]) -> float:
        if not fitted.is_known_before or len(stretches) > 1:
            return float("nan")
        joined = fitted.joined(piece.pieces[0], piece, 0, piece.pieces[0].n_times)
        run = run_backtest(joined, config=self.settings(fitted), **fitted.arguments())
        return as_number(run.measure(only=[self.measure])[self.measure])

    def settings(self, fitted: Fitted) -> BacktestConfig:
        """Return the settings of what was fitted."""
        return fitted.config or self.config

    def joined(self, fitted: Fitted, first: int, last: int) -> MarketData:
        """Return the bars of a test part, with what was fitted joined."""
        rows = self.table.to_test_on(self.rows, first, last)
        piece = Piece((cut(self.data, first, last),), rows, self.config)
        return fitted.joined(self.data, piece, first, last)

    def run(
        self, fitted: Fitted, first: int, last: int, initial_cash: float | None
    ) -> BacktestResult:
        """Run over a test part, flat at its end."""
        settings = self.settings(fitted).replace(close_at_end=True)
        if initial_cash is not None:
            settings = settings.replace(initial_cash=initial_cash)
        return run_backtest(self.joined(fitted, first, last), config=settings, **fitted.arguments())


def _stretches(rows: Int64s) -> list[Int64s]:
    """Return rows that follow one another."""
    return np.split(rows, np.flatnonzero(np.diff(rows) != 1) + 1)


@contextmanager
def told(what: str, number: int, train: Piece) -> Iterator[None]:
    """Let what is raised inside say in which part it was."""
    try:
        yield
    except Exception as error:
        error.add_note(f"in {what} of part {number}, trained on {train}")
        raise
