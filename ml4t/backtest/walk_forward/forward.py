"""A walk forward: each part flat at its end, or positions carried from one to the next."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from ml4t.backtest.backtest.over_tables import run_backtest
from ml4t.backtest.market.cut import cut
from ml4t.backtest.market.market_data import MarketData
from ml4t.backtest.result import BacktestResult
from ml4t.backtest.walk_forward.carried import check_same, one_strategy
from ml4t.backtest.walk_forward.errors import WalkForwardError
from ml4t.backtest.walk_forward.measured import measured
from ml4t.backtest.walk_forward.parts_table import parts_table
from ml4t.backtest.walk_forward.put_together import put_together
from ml4t.backtest.walk_forward.result import WalkForwardResult
from ml4t.backtest.walk_forward.stitched import stitched
from ml4t.backtest.walk_forward.walking import FittedPart, Test, Walk, told


def forward(walk: Walk, positions: str) -> WalkForwardResult:
    """Fit and run all parts of a walk.

    Parameters
    ----------
    walk : Walk
    positions : {"flat", "carried"}
    """
    tests = [(int(part.test[0]), int(part.test[-1]) + 1) for part in walk.parts]
    _check_in_turn(tests, positions)
    if positions == "carried":
        fits, results = _carried(walk, tests)
        result = results[0]
    else:
        fits, results = _flat(walk, tests)
        result = _stitched(walk, fits, results, tests)
    stamps = walk.data.timestamps
    ends = [(int(stamps[first]), int(stamps[last - 1])) for first, last in tests]
    parts = parts_table(walk, fits, tests, measured(result, ends, walk.measure))
    fitted = tuple(one.fitted for one in fits)
    return WalkForwardResult(result, tuple(results), fitted, walk.measure, positions, parts)


def _check_in_turn(tests: Sequence[Test], positions: str) -> None:
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


def _stitched(
    walk: Walk,
    fits: Sequence[FittedPart],
    results: Sequence[BacktestResult],
    tests: Sequence[Test],
) -> BacktestResult:
    names = dict.fromkeys(type(one.fitted.strategy).__name__ for one in fits)
    settings = walk.settings(fits[0].fitted).replace(close_at_end=True)
    data = _tested(walk.data, tests)
    return stitched(
        results, data, settings, f"walk-forward of {', '.join(names)}", n_gaps=_n_gaps(tests)
    )


def _n_gaps(tests: Sequence[Test]) -> int:
    return sum(first > end for (_, end), (first, _) in pairwise(tests))


def _tested(data: MarketData, tests: Sequence[Test]) -> MarketData:
    """Return the bars of all test parts; without a copy where they follow one another."""
    if not _n_gaps(tests):
        return cut(data, tests[0][0], tests[-1][1])
    return put_together([cut(data, *test) for test in tests])


def _flat(walk: Walk, tests: Sequence[Test]) -> tuple[list[FittedPart], list[BacktestResult]]:
    fits: list[FittedPart] = []
    results: list[BacktestResult] = []
    cash: float | None = None
    for number, test in enumerate(tests):
        fits.append(walk.fitted(number, [test]))
        with told("the run", number, fits[-1].train):
            results.append(walk.run(fits[-1].fitted, *test, cash))
        cash = float(results[-1].measure(only=["final_equity"])["final_equity"] or 0.0)
        if not cash > 0.0 and number + 1 < len(tests):
            raise WalkForwardError(
                f"equity is {cash:,.2f} at the end of test part {number}: there is nothing left to go on with"
            )
    return fits, results


def _carried(walk: Walk, tests: Sequence[Test]) -> tuple[list[FittedPart], list[BacktestResult]]:
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
