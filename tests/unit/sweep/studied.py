"""A small market and what is swept over it; importable by workers."""

from functools import partial

import numpy as np

from ml4t.backtest import BacktestConfig, MarketData, SignalStrategy, Strategy
from ml4t.backtest.risk import PriceBasedStopLoss, PriceBasedTakeProfit
from ml4t.backtest.sweep import grid, param

DAY = 86_400_000_000_000
RUNS = []  # what was run, for tests that count
STOPS, TARGETS = [0.01, 0.02, 0.05], [0.02, 0.04, 0.08, 0.3]


def market(n=120, seed=5, step=DAY):
    draw = np.random.default_rng(seed)
    close = 100.0 * np.exp(np.cumsum(draw.normal(0.0, 0.01, n)))
    return MarketData.from_arrays(
        ["A"],
        1_700_000_000_000_000_000 + step * np.arange(n),
        np.arange(n + 1),
        np.zeros(n, np.int32),
        close,
        close * 1.01,
        close * 0.99,
        close,
        features={"up": (np.arange(n) % 10 == 0).astype(float)},
        signal_names=["up"],
    )


TEMPLATE = {
    "strategy": SignalStrategy("up"),
    "rules": [
        partial(PriceBasedStopLoss, pct=param("stop")),
        partial(PriceBasedTakeProfit, pct=param("target")),
    ],
}
PAIRS = grid(stop=STOPS, target=TARGETS)


class Dips(Strategy):
    """Buys after a fall, sells after so many bars; counts its calls, which no run may see of another."""

    def __init__(self, fall, hold=5):
        self.fall, self.hold = fall, hold
        self.seen = 0
        self.last = None

    def on_market_data(self, event):
        self.seen += 1
        if self.position("A"):
            if self.position("A").bars_held >= self.hold:
                self.close("A")
        elif self.last is not None and event.close < self.last * (1.0 - self.fall):
            self.order_target_percent("A", 0.9)
        self.last = event.close


def dips(fall, hold=5):
    """What a run takes."""
    return {"strategy": Dips(fall, hold), "config": BacktestConfig(commission=0.001)}


def now_and_then(fall):
    """Raises for some parameters."""
    if fall > 0.015:
        raise ValueError(f"{fall} is too much")
    return dips(fall)


def plain(result):
    """The table without what differs from run to run."""
    return result.table.drop(columns="seconds")
