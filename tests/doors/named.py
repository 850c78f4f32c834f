"""Abuses that ended the process once, each by its name."""

import contextlib
import functools
import sys
import threading

import numpy as np
from doors import scene

from ml4t.backtest import (
    BacktestConfig,
    BacktestEngine,
    MarketData,
    SignalStrategy,
    Strategy,
    TopK,
    run_backtest,
)
from ml4t.backtest.execution.broker import Broker
from ml4t.backtest.market.cursor import Cursor
from ml4t.backtest.portfolio.portfolio import Portfolio
from ml4t.backtest.risk import PriceBasedStopLoss, RiskDecision, RiskManager

N_ASSETS, N_TIMES, N_MINUTES = 200, 12, 60_000


class LetIn(SystemError):
    """What has to be refused was not."""


def refused(call):
    """Return a call that is in order if ``call`` is refused."""

    @functools.wraps(call)
    def attempt():
        try:
            call()
        except Exception:
            return
        raise LetIn("it was let in")

    return attempt


def wide():
    n_rows = N_ASSETS * N_TIMES
    return MarketData.from_arrays(
        [f"A{i:04}" for i in range(N_ASSETS)],
        np.arange(1, N_TIMES + 1) * scene.DAY,
        np.arange(N_TIMES + 1) * N_ASSETS,
        np.tile(np.arange(N_ASSETS), N_TIMES),
        *(np.full(n_rows, 100.0),) * 4,
    )


def long():
    close = 100.0 + np.sin(np.arange(2 * N_MINUTES) / 5)
    return MarketData.from_arrays(
        ["A", "B"],
        np.arange(1, N_MINUTES + 1) * 60_000_000_000,
        np.arange(N_MINUTES + 1) * 2,
        np.tile([0, 1], N_MINUTES),
        *(close,) * 4,
        features={"score": np.sin(np.arange(2 * N_MINUTES))},
    )


def beside(run, other):
    """Do a run while another thread calls ``other`` again and again; what both raise is their own."""
    over = threading.Event()

    def again():
        while not over.is_set():
            try:
                other()
            except Exception:
                continue

    thread = threading.Thread(target=again)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    thread.start()
    try:
        run()
    except Exception:
        pass
    finally:
        over.set()
        thread.join()
        sys.setswitchinterval(interval)


def orders_beside_a_python_run():
    made = []

    class Rebalances(Strategy):
        def on_timestamp_batch(self, timestamp, events, context):
            thread = threading.Thread(target=self.order)
            thread.start()
            for _ in range(3):
                self.order_target_weights(np.full(N_ASSETS, 1 / N_ASSETS))
            thread.join()

        def order(self):
            with contextlib.suppress(Exception):
                made.append(self.buy(self.data.assets[0], 1.0))

    run_backtest(wide(), Rebalances())
    if not made:
        raise RuntimeError("every order was refused")


def orders_beside_a_compiled_run():
    data, strategy, made = long(), SignalStrategy("score"), []
    beside(
        lambda: [run_backtest(data, strategy) for _ in range(3)],
        lambda: made.append(strategy.buy("A", 1.0)),
    )
    if not made:
        raise RuntimeError("every order was refused")


def looks_beside_a_compiled_run():
    data, strategy = long(), SignalStrategy("score")

    def look():
        strategy.equity, strategy.positions(), strategy.open_orders(), strategy.position("A")

    beside(lambda: [run_backtest(data, strategy) for _ in range(3)], look)


class Holds(Strategy):
    """Holds one unit of each asset, and calls ``act`` at every bar."""

    def __init__(self, act=lambda strategy: None):
        self.act = act

    def on_market_data(self, event):
        if not self.position(event.asset):
            self.buy(event.asset, 1)
        self.act(self)


def a_risk_manager_made_again_in_a_run():
    def act(strategy):
        strategy.risk.__init__([PriceBasedStopLoss(pct=0.2)])

    rules = [lambda context: RiskDecision.no_action(), PriceBasedStopLoss(pct=0.001)]
    run_backtest(scene.market(), Holds(act), rules=rules)


def a_risk_manager_released_by_a_rule():
    strategy = Holds()

    def rule(context):
        strategy.risk.release()
        return RiskDecision.update_stops(stop_loss=50)

    run_backtest(scene.market(), strategy, rules=[rule, PriceBasedStopLoss(pct=0.003)])


def a_strategy_made_anew_in_a_run():
    strategy = TopK("score", 1)

    def progress(done, total):
        strategy.__init__("score", 1, weights="inverse_volatility", volatility="score")

    BacktestEngine(long(), strategy, progress=progress).run()


def a_portfolio_of_other_assets():
    Broker(Cursor(scene.market(2)), Portfolio(("A",), 1000.0), BacktestConfig())


def a_fill_of_another_market():
    fills = []

    class Told(Holds):
        def on_fill(self, fill):
            fills.append(fill)

    run_backtest(scene.market(2), Told())
    data = scene.market(1)
    manager = RiskManager([PriceBasedStopLoss(pct=0.1)])
    manager.bind(Broker(Cursor(data), Portfolio(data.assets, 1000.0), BacktestConfig()))
    for fill in fills:
        manager.record_fill(fill)


def trial_of(call):
    return lambda attempt: attempt(call.__name__, call)


REFUSALS = (
    orders_beside_a_python_run,
    orders_beside_a_compiled_run,
    a_risk_manager_made_again_in_a_run,
    a_risk_manager_released_by_a_rule,
    a_strategy_made_anew_in_a_run,
    a_portfolio_of_other_assets,
    a_fill_of_another_market,
)
NAMED = {"looks_beside_a_compiled_run": trial_of(looks_beside_a_compiled_run)} | {
    call.__name__: trial_of(refused(call)) for call in REFUSALS
}
