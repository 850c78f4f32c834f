"""walk_forward: fit on each train part, run on its test part, and put the tests together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal, overload

import numpy as np
import pandas as pd

from ml4t.backtest.backtest.over_tables import run_backtest
from ml4t.backtest.config import BacktestConfig
from ml4t.backtest.data.arrays import Int64s
from ml4t.backtest.data.stream.feed import DataFeed
from ml4t.backtest.market.market_data import MarketData
from ml4t.backtest.market.sessions import session_zone
from ml4t.backtest.records.shown_times import ShownTimes
from ml4t.backtest.result import BacktestResult
from ml4t.backtest.walk_forward.carried import check_same, one_strategy
from ml4t.backtest.walk_forward.combinatorial import CombinatorialPurged
from ml4t.backtest.walk_forward.cut import cut, put_together
from ml4t.backtest.walk_forward.errors import WalkForwardError
from ml4t.backtest.walk_forward.fitted import Fit, Fitted, as_fitted
from ml4t.backtest.walk_forward.measured import as_number, check_measure, measured, of_returns
from ml4t.backtest.walk_forward.result import CombinatorialResult, WalkForwardResult
from ml4t.backtest.walk_forward.splitter import WalkForward
from ml4t.backtest.walk_forward.stitched import stitched
from ml4t.backtest.walk_forward.table_rows import TableRows
from ml4t.backtest.walk_forward.timed_rows import TimedRows
from ml4t.backtest.walk_forward.train_and_test import Piece

OF_PARTS = ("split", "group", "path", "train_start", "train_end", "test_start", "test_end", "in_sample", "out_of_sample")  # fmt: skip
Positions = Literal["flat", "carried"]


@overload
def walk_forward(
    fit: Fit,
    data: Any,
    splits: WalkForward,
    *,
    table: Any = ...,
    positions: Positions = ...,
    config: BacktestConfig | None = ...,
    measure: str = ...,
) -> WalkForwardResult: ...


@overload
def walk_forward(
    fit: Fit,
    data: Any,
    splits: CombinatorialPurged,
    *,
    table: Any = ...,
    positions: Positions = ...,
    config: BacktestConfig | None = ...,
    measure: str = ...,
) -> CombinatorialResult: ...


def walk_forward(
    fit: Fit,
    data: Any,
    splits: WalkForward | CombinatorialPurged,
    *,
    table: Any = None,
    positions: Positions = "flat",
    config: BacktestConfig | None = None,
    measure: str = "sharpe",
) -> WalkForwardResult | CombinatorialResult:
    """Fit on each train part, run what came of it on the test part, and put the tests together.

    Parameters
    ----------
    fit : callable
        ``fit(train)`` is handed a :class:`Piece` with the bars of the train part alone, and returns a strategy, or a
        mapping or :class:`Fitted` with ``strategy``, ``rules``, ``signals`` and what else it takes.
        :func:`best_of` makes one of a sweep.
    data : MarketData or table
        All of it. A table is read once.
    splits : WalkForward or CombinatorialPurged
        Its sessions and times are those of the data.
    table : DataFrame, optional
        Rows to train on and to predict, with ``times`` and ``label_ends`` as the splits name them: ``train.rows`` are
        those of the train part whose labels end before it is over, and a function for ``signals`` gets those of the
        test part, from the bar before it on.
    positions : {"flat", "carried"}
        Flat: each part is a run of its own, begins with the equity of the one before, and closes all at its last
        close, costs included. Carried: one run over all test parts; a part takes over positions and orders from the
        one before, and its strategy is told of their fills from its first timestamp on.
    config : BacktestConfig, optional
        Of all runs where ``fit`` gives none, the sweeps of :func:`best_of` among them.
    measure : str
        What the parts are measured by, of ``BacktestResult.metrics``.

    Returns
    -------
    WalkForwardResult, or CombinatorialResult of a :class:`CombinatorialPurged`

    Raises
    ------
    WalkForwardError
        If the parts overlap or a part is empty; if positions are to be carried and cannot be: between parts that leave
        a gap, other rules or settings, or other strategies that are compiled.
    Exception
        What ``fit`` raises, with a note that says in which part.

    Notes
    -----
    A strategy decides at the first close of its test part at the earliest, and so trades at the second bar. Signals and
    features join as of time: indicators that ``fit`` gives begin before the part and see nothing behind it.
    ``in_sample`` is another run over the train part, where what was fitted can be run there.
    """
    data = _checked(fit, data, splits, positions, config, measure)
    walk = _Walk(fit, data, splits, TableRows(table, splits), config or BacktestConfig(), measure)
    if isinstance(splits, CombinatorialPurged):
        if positions != "flat":
            raise WalkForwardError(
                "groups of combinations are tested on their own: positions cannot be carried"
            )
        return _over_combinations(walk, splits)
    return _forward(walk, positions)


@dataclass(frozen=True)
class _Fit:
    """A train part and what it led to."""

    train: Piece
    fitted: Fitted
    in_sample: float


class _Walk:
    """The data of a walk, and the runs over its parts."""

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
        self.rows = TimedRows(np.asarray(data.timestamps), zone=session_zone(data.info))
        self.parts = list(splits.parts_of(self.rows))

    def fitted(self, number: int, tested: Sequence[tuple[int, int]]) -> _Fit:
        """Fit on a train part."""
        train = self.parts[number].train
        stretches = [(int(one[0]), int(one[-1]) + 1) for one in _stretches(train)]
        pieces = tuple(cut(self.data, *one) for one in stretches)
        rows = self.table.to_train_on(self.rows, stretches, tested)
        piece = Piece(pieces, rows, self.config)
        with _told("fit", number, piece):
            fitted = as_fitted(self.fit(piece), f"fit of train part {number}")
        return _Fit(piece, fitted, self._in_sample(fitted, piece, stretches))

    def _in_sample(
        self, fitted: Fitted, piece: Piece, stretches: Sequence[tuple[int, int]]
    ) -> float:
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


# ---- forward -----------------------------------------------------------------------------------------


def _forward(walk: _Walk, positions: str) -> WalkForwardResult:
    tests = [(int(part.test[0]), int(part.test[-1]) + 1) for part in walk.parts]
    for number, ((_, end), (first, _)) in enumerate(pairwise(tests), 1):
        if first < end:
            raise WalkForwardError(
                f"test part {number} begins before the one before it ends, and one result has each time once: let step "
                "be at least test"
            )
        if first > end and positions == "carried":
            raise WalkForwardError(
                f"test part {number} begins {first - end:,} timestamps after the one before it ends: nobody runs in "
                'between, so that no position can be carried; let step be test, or take positions="flat"'
            )
    run = _carried if positions == "carried" else _flat
    fits, results = run(walk, tests)
    fitted = tuple(one.fitted for one in fits)
    names = list(dict.fromkeys(type(one.strategy).__name__ for one in fitted))
    first_settings = walk.settings(fitted[0]).replace(close_at_end=positions == "flat")
    joined = (
        results[0]
        if positions == "carried"
        else stitched(
            results,
            _tested(walk.data, tests),
            first_settings,
            f"walk-forward of {', '.join(names)}",
        )
    )
    stamps = walk.data.timestamps
    ends = [(int(stamps[first]), int(stamps[last - 1])) for first, last in tests]
    outside = measured(joined, ends, walk.measure)
    parts = _table(walk, fits, tests, outside)
    return WalkForwardResult(joined, tuple(results), fitted, walk.measure, positions, parts)


def _tested(data: MarketData, tests: Sequence[tuple[int, int]]) -> MarketData:
    """Return the bars of all test parts; without a copy where they follow one another."""
    if all(end == first for (_, end), (first, _) in pairwise(tests)):
        return cut(data, tests[0][0], tests[-1][1])
    return put_together([cut(data, *test) for test in tests])


def _flat(walk: _Walk, tests: Sequence[tuple[int, int]]) -> tuple[list[_Fit], list[BacktestResult]]:
    fits: list[_Fit] = []
    results: list[BacktestResult] = []
    cash: float | None = None
    for number, test in enumerate(tests):
        fits.append(walk.fitted(number, [test]))
        with _told("the run", number, fits[-1].train):
            results.append(walk.run(fits[-1].fitted, *test, cash))
        cash = float(results[-1].measure(only=["final_equity"])["final_equity"] or 0.0)
        if not cash > 0.0 and number + 1 < len(tests):
            raise WalkForwardError(
                f"equity is {cash:,.2f} at the end of test part {number}: there is nothing left to go on with"
            )
    return fits, results


def _carried(
    walk: _Walk, tests: Sequence[tuple[int, int]]
) -> tuple[list[_Fit], list[BacktestResult]]:
    fits = [walk.fitted(number, [test]) for number, test in enumerate(tests)]
    fitted = [one.fitted for one in fits]
    check_same("settings", [walk.settings(one) for one in fitted])
    check_same("rules", [one.rules for one in fitted])
    check_same("risk manager", [one.risk_manager for one in fitted])
    given = [one.arguments() for one in fitted]
    starts = [int(walk.data.timestamps[first]) for first, _ in tests]
    strategy = one_strategy([one.pop("strategy") for one in given], starts)
    pieces = [walk.joined(one, *test) for one, test in zip(fitted, tests, strict=True)]
    result = run_backtest(
        put_together(pieces), strategy, config=walk.settings(fitted[0]), **given[0]
    )
    return fits, [result]


# ---- combinations ------------------------------------------------------------------------------------


def _over_combinations(walk: _Walk, splits: CombinatorialPurged) -> CombinatorialResult:
    paths, chosen = splits.paths(), splits.chosen()
    bounds = splits.bounds_of(walk.rows)
    fits: list[_Fit] = []
    rows: list[dict[str, Any]] = []
    outside: list[float] = []
    pieces: dict[tuple[int, int], pd.Series] = {}
    for number, tested in enumerate(chosen):
        tests = [(int(bounds[group]), int(bounds[group + 1])) for group in tested]
        fit = walk.fitted(number, tests)
        for group, test in zip(tested, tests, strict=True):
            with _told("the run", number, fit.train):
                result = walk.run(fit.fitted, *test, None)
            path = int(np.flatnonzero(paths[:, group] == number)[0])
            pieces[path, group] = result.returns
            rows.append({"split": number, "group": group, "path": path, "test": test})
            outside.append(as_number(result.measure(only=[walk.measure])[walk.measure]))
            fits.append(fit)
    columns = {
        path: pd.concat([pieces[path, group] for group in range(splits.n_groups)])
        for path in range(splits.n_paths)
    }
    returns = pd.DataFrame(columns).rename_axis(columns="path")
    table = _table(walk, fits, [row.pop("test") for row in rows], outside)
    parts = pd.concat([pd.DataFrame(rows), table], axis=1)
    measures = pd.DataFrame([of_returns(returns[path]) for path in returns]).rename_axis("path")
    distinct = tuple(dict(zip((row["split"] for row in rows), fits, strict=True)).values())
    return CombinatorialResult(
        tuple(one.fitted for one in distinct), walk.measure, returns, measures, parts
    )


# ---- shared ------------------------------------------------------------------------------------------


def _table(
    walk: _Walk,
    fits: Sequence[_Fit],
    tests: Sequence[tuple[int, int]],
    outside: Sequence[float],
) -> pd.DataFrame:
    chosen = [one.fitted.parameters for one in fits]
    names = list(dict.fromkeys(name for one in chosen for name in one))
    for name in names:
        if name in OF_PARTS:
            raise WalkForwardError(
                f"the parameter {name} has the name of another column of the parts: call it otherwise"
            )
    shown = ShownTimes.of_prices(walk.data.info)
    times = shown.shown(pd.DatetimeIndex(walk.data.timestamps, tz="UTC"))
    return pd.DataFrame(
        {
            "train_start": shown.shown(pd.DatetimeIndex([one.train.start for one in fits])),
            "train_end": shown.shown(pd.DatetimeIndex([one.train.end for one in fits])),
            "test_start": times[[first for first, _ in tests]],
            "test_end": times[[last - 1 for _, last in tests]],
            **{name: [one.get(name) for one in chosen] for name in names},
            "in_sample": [one.in_sample for one in fits],
            "out_of_sample": list(outside),
        }
    ).rename_axis("part")


def _stretches(rows: Int64s) -> list[Int64s]:
    return np.split(rows, np.flatnonzero(np.diff(rows) != 1) + 1)


@contextmanager
def _told(what: str, number: int, train: Piece) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        error.add_note(f"in {what} of part {number}, trained on {train}")
        raise


def _checked(
    fit: Any, data: Any, splits: Any, positions: Any, config: Any, measure: Any
) -> MarketData:
    if not callable(fit):
        raise WalkForwardError(
            f"fit must be a function of a train part, was {type(fit).__name__}; best_of(...) makes one of a sweep"
        )
    if not isinstance(splits, WalkForward | CombinatorialPurged):
        raise WalkForwardError(
            f"splits must be WalkForward or CombinatorialPurged, was {type(splits).__name__}"
        )
    if positions not in ("flat", "carried"):
        raise WalkForwardError(f'positions must be "flat" or "carried", was {positions!r}')
    if config is not None and not isinstance(config, BacktestConfig):
        raise WalkForwardError(f"config must be a BacktestConfig, was {type(config).__name__}")
    check_measure(measure)
    if isinstance(data, DataFeed):
        raise WalkForwardError(
            "a walk goes over its data more than once, and a feed is not held in memory: give MarketData"
        )
    return data if isinstance(data, MarketData) else MarketData.from_tables(data)
