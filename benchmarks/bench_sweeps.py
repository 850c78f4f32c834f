"""W5 and what a run costs beside its bars; and what a second core is worth."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from functools import partial

import numpy as np

from benchmarks import outcomes
from benchmarks.harness import Comparison, Run, garbage_collection_off
from benchmarks.markets import DAY, alternating_signals, market, random_walk
from benchmarks.strategies import Dips
from benchmarks.workloads import Benchmark, signal_market
from ml4t.backtest import BacktestConfig, MarketData, SignalStrategy, run_backtest
from ml4t.backtest.risk import PriceBasedStopLoss, PriceBasedTakeProfit
from ml4t.backtest.sweep import SweepResult, grid, param, sweep

N_BARS = 5_000
STOPS = [n / 200 for n in range(2, 27)]
TARGETS = [n / 200 for n in range(2, 42)]
MEASURES = ("total_return", "trades", "sharpe")
CALLS = 1_000
RUNS = 20
"""Of a tenth of a millisecond each: of one alone the clock would be a part."""
PAIRS = {
    "strategy": SignalStrategy("entry", "exit", quantity=10.0),
    "rules": [
        partial(PriceBasedStopLoss, pct=param("stop")),
        partial(PriceBasedTakeProfit, pct=param("target")),
    ],
    "config": BacktestConfig(initial_cash=1e6, commission=0.001),
}
LONG_RUNS, LONG_BARS = 96, 500_000
CALLBACK_RUNS = 200


def pairs_market(n_times: int, seed: int = 0) -> MarketData:
    """Return the market of W5: days of one asset, entries and exits by turns, 50 bars apart on average."""
    return market(
        random_walk(n_times, 1, seed=100 * seed + 7, volatility=0.01),
        DAY,
        signals=alternating_signals(n_times, mean_gap=50, seed=100 * seed + 8),
    )


def pairs(n_times: int, seed: int = 0) -> Comparison:
    """W5: a run for each stop and target, with total return, trades and Sharpe ratio, by ``sweep`` in two processes.

    On the clock, beside as many thousands of calls: what a short run costs is Python, and so are they.
    """
    data = pairs_market(n_times, seed)
    space = grid(stop=STOPS, target=TARGETS)

    def swept() -> SweepResult:
        return sweep(
            PAIRS, space, data, measures=MEASURES, workers=2, backend="processes", progress=False
        )

    return Comparison(
        lambda: partial(_calls, len(space)), lambda: swept, _made_for(len(space)), _all_differ
    )


def _all_differ(result: SweepResult) -> None:
    table = result.table
    outcomes.require(table["status"].eq("done").all(), "a run of the sweep was not done")
    outcomes.require(table["trades"].min() > 10, "a run of the sweep has hardly a trade")
    outcomes.require(table["sharpe"].nunique() > len(table) // 2, "the runs of the sweep are alike")


class _Called:
    def step(self, first: int, second: int) -> int:
        return first


def _calls(runs: int) -> int:
    """Call a method of Python, over and over: what a run does between its bars is of the same stuff."""
    called, last = _Called(), 0
    for number in range(runs * CALLS):
        last = called.step(number, CALLS)
    return last


def _made_for(runs: int) -> Callable[[int], None]:
    def check(last: int) -> None:
        outcomes.require(last == runs * CALLS - 1, "the calls of the yardstick were not made")

    return check


def short_runs(n_times: int, seed: int = 0) -> Comparison:
    """B10: runs of 100 bars, whose bars take a microsecond."""
    data = signal_market(n_times, seed)
    config = BacktestConfig(initial_cash=1e6)
    strategy = SignalStrategy("entry", "exit", quantity=10.0)

    def run() -> int:
        return sum(len(run_backtest(data, strategy, config=config).rules) for _ in range(RUNS))

    return Comparison(
        lambda: partial(_calls, RUNS),
        lambda: run,
        _made_for(RUNS),
        lambda n_rules: outcomes.require(n_rules == 0, "a run has rules"),
    )


def metrics(n_times: int, seed: int = 0) -> Comparison:
    """B11: all measures of runs with about 60 trades."""
    data = pairs_market(n_times, seed)
    rules = [PriceBasedStopLoss(pct=0.05), PriceBasedTakeProfit(pct=0.1)]

    def prepare() -> Run:
        results = [
            run_backtest(data, PAIRS["strategy"], rules=rules, config=PAIRS["config"])
            for _ in range(RUNS)
        ]
        return lambda: [result.metrics for result in results]

    def check(measured: list[dict]) -> None:
        outcomes.require(
            all(40 <= one["trades"] <= 80 for one in measured), f"{measured[0]['trades']} trades"
        )

    return Comparison(lambda: partial(_calls, RUNS), prepare, _made_for(RUNS), check)


SWEEP_BENCHMARKS = {
    benchmark.name: benchmark
    for benchmark in (
        Benchmark("W5", "1,000 stops and targets, 5,000 bars, 3 measures each", pairs, N_BARS, 1, 50 / 30, units=len(STOPS) * len(TARGETS), unit="run", clock=time.perf_counter_ns),
        Benchmark("B10", "run_backtest of 100 bars", short_runs, 100, 1, 2.0, units=RUNS, unit="run"),
        Benchmark("B11", "metrics of 5,000 bars and about 60 trades", metrics, N_BARS, 1, 3.3, units=RUNS, unit="result"),
    )
}  # fmt: skip


# ---- a second core ---------------------------------------------------------------------------------


def compiled_sweep(workers: int) -> Callable[[], SweepResult]:
    """Return a sweep of long compiled runs, whose loops hold no GIL."""
    data = signal_market(LONG_BARS)
    space = grid(stop=[0.001 * n for n in range(1, 9)], target=[0.001 * n for n in range(1, 13)])
    outcomes.require(len(space) == LONG_RUNS, f"{len(space)} runs, not {LONG_RUNS}")
    options = {"backend": "threads"} if workers > 1 else {}
    return partial(
        sweep, PAIRS, space, data, measures=MEASURES, workers=workers, progress=False, **options
    )


def callback_sweep(workers: int) -> Callable[[], SweepResult]:
    """Return a sweep of Python callbacks."""
    data = pairs_market(N_BARS)
    template = {"strategy": partial(Dips, param("fall")), "config": PAIRS["config"]}
    space = grid(fall=[0.005 + n / 20_000 for n in range(CALLBACK_RUNS)])
    options = {"backend": "processes"} if workers > 1 else {}
    return partial(
        sweep, template, space, data, measures=MEASURES, workers=workers, progress=False, **options
    )


SECOND_CORE = {
    "Two threads": (f"{LONG_RUNS} compiled runs of {LONG_BARS:,} bars, by two threads and by one", compiled_sweep, 1.8),
    "Two processes": (f"{CALLBACK_RUNS} runs of {N_BARS:,} Python callbacks, by two processes and by one", callback_sweep, 1.7),
}  # fmt: skip
"""Title, what makes the sweep of so many workers, and how many times as fast two of them have to be."""


def measure_second_core(name: str, n_rounds: int) -> np.ndarray:
    """Time a sweep by one worker and by two, in turn, on the clock: that two work at once is what it is about.

    Returns
    -------
    float64 array, shape (n_rounds, 2), seconds
        Of one and of two, geometric means of two each, in the order a b b a.
    """
    _, make, _ = SECOND_CORE[name]
    one, two = make(1), make(2)
    tables = [side().table.drop(columns="seconds") for side in (one, two)]  # workers are there then
    outcomes.require(tables[0].equals(tables[1]), "one worker and two must have the same table")
    outcomes.require(tables[0]["trades"].min() > 0, "a run of the sweep has no trade")
    with garbage_collection_off():
        seconds = np.array(
            [[_on_the_clock(side) for side in (one, two, two, one)] for _ in range(n_rounds)]
        )
    return np.sqrt(np.column_stack([seconds[:, 0] * seconds[:, 3], seconds[:, 1] * seconds[:, 2]]))


def _on_the_clock(side: Callable[[], SweepResult]) -> float:
    gc.collect()
    began = time.perf_counter()
    side()
    return time.perf_counter() - began
