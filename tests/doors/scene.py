"""A small run in which everything is there: what is abused while it lives, and after it."""

import contextlib
import gc

import numpy as np

from ml4t.backtest import BacktestConfig, MarketData, SignalStrategy, Strategy
from ml4t.backtest.backtest import run_backtest
from ml4t.backtest.risk import PriceBasedStopLoss, RiskDecision, TimeBasedExit

N_TIMES = 12
ASSETS = ("A", "B")
DAY = 86_400_000_000_000
SPLIT, DIVIDEND = 0, 1


def market(n_assets=2):
    """Return bars with a signal, an indicator, context, quotes, a split and a dividend."""
    n_rows = N_TIMES * n_assets
    close = 100.0 + np.arange(n_rows) % 7
    return MarketData.from_arrays(
        ASSETS[:n_assets],
        np.arange(1, N_TIMES + 1) * DAY,
        np.arange(N_TIMES + 1) * n_assets,
        np.tile(np.arange(n_assets), N_TIMES),
        close,
        close + 1,
        close - 1,
        close,
        volume=np.full(n_rows, 1e6),
        bid=close - 0.1,
        ask=close + 0.1,
        features={"score": np.arange(n_rows) % 3 - 1.0, "atr": np.ones(n_rows)},
        signal_names=("score",),
        context={"fear": np.arange(N_TIMES) / 10.0},
        actions=[(4 * DAY, 0, SPLIT, 2.0), (5 * DAY, n_assets - 1, DIVIDEND, 0.1)],
    )


class Trades(Strategy):
    """Buys and sells a little, keeps all it is shown, and calls ``act`` when the run is half way."""

    def __init__(self, act):
        self.act = act
        self.kept = []

    def on_fill(self, fill):
        self.kept.append(fill)

    def on_timestamp_batch(self, timestamp, events, context):
        self.kept += [events, context, *events, *self.positions(), self.levels("A")]
        self.kept += [event.signals for event in events]
        self.kept.append(self.buy("A", 1.0))
        self.order_target_percent("B", 0.1)
        if len(events) and events.timestamp.day == N_TIMES // 2:
            self.act()


def live(act):
    """Run, and call ``act()`` half way; return what was kept."""
    contexts = []

    def rule(context):
        contexts.append(context)
        return RiskDecision.no_action()

    strategy = Trades(act)
    rules = [PriceBasedStopLoss(pct=0.2), TimeBasedExit(max_bars=3), rule]
    # A run that an abuse ended is as good as one that goes on.
    with contextlib.suppress(Exception):
        run_backtest(market(), strategy, rules=rules, config=BacktestConfig(account="margin"))
    return [strategy, *strategy.kept, *contexts]


def compiled(config=None):
    """Run a compiled strategy over one asset."""
    return run_backtest(market(1), SignalStrategy("score"), config=config or BacktestConfig())


def alive(kind):
    """Return some objects of a type that live now, those of different classes first."""
    found = {}
    for thing in gc.get_objects():
        if isinstance(thing, kind) and not isinstance(thing, type):
            found.setdefault(type(thing), []).append(thing)
    return [things[-1] for things in found.values()][:3]
