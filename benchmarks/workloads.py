"""B1 to B5, B8 and B9: the data, the run, the yardstick and the check of each benchmark."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from benchmarks import outcomes
from benchmarks.harness import Clock, Comparison, Run, Side
from benchmarks.markets import DAY, MINUTE, alternating_signals, market, random_walk
from benchmarks.strategies import Idle, Jumps, TopWeights
from benchmarks.yardsticks.build import yardstick
from ml4t.backtest import BacktestConfig, BacktestEngine, MarketData, SignalStrategy
from ml4t.backtest.risk import (
    PriceBasedStopLoss,
    PriceBasedTakeProfit,
    RiskManager,
    RiskRule,
    TimeBasedExit,
    TrailingStop,
)

STOP = 0.01
TARGET = 0.02
JUMP = 0.024
"""|close/open - 1| of a bar that B3 trades on: at a volatility of 1%, one bar in 50."""


@dataclass(frozen=True)
class Benchmark:
    """A run and what it is compared with.

    Attributes
    ----------
    name, title : str
    build : callable
        ``build(n_times, seed=0)`` makes the data and returns the comparison: side a is the yardstick, b
        the run. Another seed is another random market.
    n_times, n_assets : int
        Full size.
    bound : float
        The median of run/yardstick must not exceed it.
    bytes_a_bar : float
        What a run may add to resident memory at its highest.
    units, unit : int, str
        What a time is told by: bars, or so many of something else.
    clock : callable
        Processor time; of what other processes do, the time on the wall.
    """

    name: str
    title: str
    build: Callable[..., Comparison]
    n_times: int
    n_assets: int
    bound: float
    bytes_a_bar: float = 64.0
    units: int = 0
    unit: str = "bar"
    clock: Clock = time.process_time_ns

    @property
    def n_bars(self) -> int:
        """Rows of the market."""
        return self.n_times * self.n_assets


def engine_side(
    data: MarketData,
    strategy: Callable[[], object],
    *,
    risk_manager: Callable[[], RiskManager] | None = None,
    **options: object,
) -> Side:
    """Return a side whose set-up makes an engine with a new strategy and manager, and whose run is its run."""

    def prepare() -> Run:
        manager = None if risk_manager is None else risk_manager()
        return BacktestEngine(data, strategy(), risk_manager=manager, **options).run

    return prepare


def scan_side(data: MarketData) -> Side:
    """Return the scan of the four price columns of ``data`` as a side."""

    def prepare() -> Run:
        scan = yardstick("scan").scan
        return partial(scan, data.open, data.high, data.low, data.close, STOP, TARGET)

    return prepare


def call_side(data: MarketData, strategy: Callable[[], object]) -> Side:
    """Return the bare calls of ``on_market_data`` for every row of ``data`` as a side."""

    def prepare() -> Run:
        return partial(yardstick("call_loop").call_loop, data, strategy())

    return prepare


def without_orders(strategy: type) -> type:
    """Return a plain class with the methods of a strategy, its orders a C function that does nothing.

    No subclass: a strategy may not define the names that orders have.
    """
    ignore = yardstick("call_loop").ignore
    methods = {name: method for name, method in vars(strategy).items() if callable(method)}
    return type(strategy.__name__, (), methods | {"buy": ignore, "sell": ignore})


def _scanned(met: object) -> None:
    outcomes.require(met > 0, "the scan met no level: its columns are not those of the run")


def _called(n_rows: int) -> Callable[[object], None]:
    return lambda calls: outcomes.require(
        calls == n_rows, f"the loop made {calls} calls, expected {n_rows}"
    )


def signal_market(n_times: int, seed: int = 0, *, n_assets: int = 1) -> MarketData:
    """Return the market of B1 and B5: entries and exits by turns, 50 bars apart on average."""
    return market(
        random_walk(n_times, n_assets, seed=100 * seed + 1, volatility=0.001),
        MINUTE,
        signals=alternating_signals(n_times, mean_gap=50, seed=100 * seed + 2),
    )


def _signal_strategy() -> SignalStrategy:
    return SignalStrategy(entry="entry", exit="exit", quantity=10.0)


def compiled_signals(n_times: int, seed: int = 0) -> Comparison:
    """B1: one asset, compiled entry and exit signals, no rules."""
    data = signal_market(n_times, seed)
    signal = np.flatnonzero(data.features["entry"] + data.features["exit"])
    fill_prices = data.open[signal[signal < n_times - 1] + 1]
    run = engine_side(data, _signal_strategy, config=BacktestConfig(initial_cash=1e6))
    return Comparison(scan_side(data), run, _scanned, outcomes.filled_at(fill_prices))


def acting_rules() -> list[RiskRule]:
    """Return the rules of B5: a stop, a target and a time exit that act."""
    return [
        PriceBasedStopLoss(pct=STOP),
        PriceBasedTakeProfit(pct=TARGET),
        TimeBasedExit(max_bars=60),
    ]


def compiled_signals_with_rules(n_times: int, seed: int = 0) -> Comparison:
    """B5: B1 with a stop, a target, a time exit and commission."""
    data = signal_market(n_times, seed)
    run = engine_side(
        data,
        _signal_strategy,
        rules=acting_rules(),
        config=BacktestConfig(initial_cash=1e6, commission=0.001),
    )
    acted = outcomes.all_rules_acted(
        "stop_loss", "take_profit", "time_exit", at_least=n_times // 50_000
    )
    return Comparison(scan_side(data), run, _scanned, acted)


def empty_callback(n_times: int, seed: int = 0, *, n_assets: int) -> Comparison:
    """B2: ``on_market_data`` with an empty body."""
    # A million days do not fit into nanoseconds of 64 bits.
    spacing = DAY if n_assets > 1 else MINUTE
    data = market(random_walk(n_times, n_assets, seed=100 * seed + 3, volatility=0.01), spacing)
    return Comparison(
        call_side(data, Idle),
        engine_side(data, Idle),
        _called(data.n_rows),
        outcomes.nothing_happened,
    )


def callback_with_orders(n_times: int, seed: int = 0, *, n_assets: int) -> Comparison:
    """B3: two attributes read a bar, an order about once in 50 bars."""
    data = market(random_walk(n_times, n_assets, seed=100 * seed + 3, volatility=0.01), DAY)
    change = data.close / data.open
    ordered = np.flatnonzero((change > 1.0 + JUMP) | (change < 1.0 - JUMP))
    fill_prices = data.open[ordered[ordered < data.n_rows - n_assets] + n_assets]
    run = engine_side(
        data, partial(Jumps, JUMP), config=BacktestConfig(initial_cash=1e9, account="margin")
    )
    return Comparison(
        call_side(data, partial(without_orders(Jumps), JUMP)),
        run,
        _called(data.n_rows),
        outcomes.filled_at(fill_prices),
    )


def top_weights(n_times: int, seed: int = 0, *, n_assets: int) -> Comparison:
    """B4: batch mode, every five days equal weights in the top 50 of a signal."""
    data = rank_market(n_times, seed, n_assets=n_assets)
    run = engine_side(data, TopWeights, config=BacktestConfig(initial_cash=1e7))
    return Comparison(
        scan_side(data), run, _scanned, outcomes.rebalanced(TopWeights.n_held, n_times)
    )


def rank_market(n_times: int, seed: int = 0, *, n_assets: int) -> MarketData:
    """Return the market of B4: a fresh random signal at every bar."""
    prediction = np.random.default_rng(100 * seed + 5).normal(size=(n_times, n_assets))
    return market(
        random_walk(n_times, n_assets, seed=100 * seed + 4, volatility=0.02),
        DAY,
        signals={"prediction": prediction},
    )


def many_orders(n_times: int, seed: int = 0, *, n_assets: int) -> Comparison:
    """B8: a market order of every asset at every bar but the last: bought, and sold at the next one."""
    data = order_market(n_times, seed, n_assets=n_assets)
    run = engine_side(
        data,
        partial(SignalStrategy, entry="entry", exit="exit", quantity=1.0),
        config=BacktestConfig(initial_cash=1e9),
    )
    sizes = outcomes.bytes_of_records(run()())
    return Comparison(
        partial(_filling, sizes),
        run,
        outcomes.has_bytes(sizes),
        outcomes.filled_at(data.open[n_assets:]),
    )


def order_market(n_times: int, seed: int = 0, *, n_assets: int) -> MarketData:
    """Return the market of B8: entries and exits by turns, at all bars but the last."""
    enters = np.zeros((n_times, n_assets))
    leaves = np.zeros((n_times, n_assets))
    enters[:-1:2] = leaves[1:-1:2] = 1.0
    return market(
        random_walk(n_times, n_assets, seed=100 * seed + 6, volatility=0.01),
        DAY,
        signals={"entry": enters, "exit": leaves},
    )


def _filling(sizes: list[int]) -> Run:
    return lambda: [np.full(size, 1, np.uint8) for size in sizes]


def top_k(n_times: int, seed: int = 0, *, n_assets: int) -> Comparison:
    """B9: every five days the top 50 of a signal, compiled, each position with a stop and a trail."""
    from ml4t.backtest import TopK  # not there in older revisions, which `compare` measures too

    data = rank_market(n_times, seed, n_assets=n_assets)
    run = engine_side(
        data,
        partial(TopK, "prediction", 50, every=5),
        rules=[PriceBasedStopLoss(pct=0.06), TrailingStop(0.08)],
        config=BacktestConfig(initial_cash=1e7),
    )
    acted = outcomes.all_rules_acted("stop_loss", "trailing_stop", at_least=n_times // 10)
    return Comparison(scan_side(data), run, _scanned, acted)


BENCHMARKS = {
    benchmark.name: benchmark
    for benchmark in (
        Benchmark("B1", "compiled signals, no rules", compiled_signals, 1_000_000, 1, 4.0),
        Benchmark("B2", "empty callback", partial(empty_callback, n_assets=250), 5_040, 250, 1.15),
        Benchmark("B2 one", "empty callback, one asset", partial(empty_callback, n_assets=1), 1_000_000, 1, 1.3),
        Benchmark("B3", "callback with orders", partial(callback_with_orders, n_assets=250), 5_040, 250, 1.15),
        Benchmark("B4", "batch, top 50 of 500 every 5 days", partial(top_weights, n_assets=500), 2_520, 500, 8.0),
        Benchmark("B5", "B1 with three rules and commission", compiled_signals_with_rules, 1_000_000, 1, 4.0),
        Benchmark("B8", "1,000,000 orders of 1,000 assets", partial(many_orders, n_assets=1_000), 1_001, 1_000, 2.0, 512.0),
        Benchmark("B9", "top 50 of 500 every 5 days, stop and trail", partial(top_k, n_assets=500), 2_520, 500, 6.0),
    )
}  # fmt: skip
