"""Positions: what one costs does not depend on how many others are held."""

import numpy as np
import pytest
from growth.harness import assert_linear
from growth.worlds import RICH, batch_run, hold_all, market

from ml4t.backtest import BacktestEngine, Strategy
from ml4t.backtest.risk import PriceBasedStopLoss, TimeBasedExit, TrailingStop


def in_order(assets):
    return assets


def in_reverse(assets):
    return assets[::-1]


def shuffled(assets):
    return np.random.default_rng(0).permutation(assets).tolist()


@pytest.mark.parametrize("order", [in_order, in_reverse, shuffled])
def test_positions_opened_and_closed(order):
    def prepare(n):
        data = market(3, n)
        assets = order(list(data.assets))

        def trade(strategy, t):
            for asset in assets:
                strategy.buy(asset, 1.0) if t == 0 else strategy.close(asset)

        return batch_run(data, trade)

    assert_linear(prepare, 2_000, f"assets opened and closed, {order.__name__}")


def test_positions_held():
    assert_linear(lambda n: batch_run(market(30, n), hold_all), 1_000, "positions held")


def test_positions_held_under_levels():
    rules = [PriceBasedStopLoss(pct=0.1), TrailingStop(pct=0.2), TimeBasedExit(max_bars=1_000)]
    assert_linear(
        lambda n: batch_run(market(30, n), hold_all, rules), 1_000, "positions held under levels"
    )


def test_positions_that_end_by_a_level_while_orders_wait():
    # The time exit and a close() wait for each of them: an exit at a level cancels what waits.
    def prepare(n):
        def trade(strategy, t):
            if t == 0:
                hold_all(strategy, t)
            if t == 1:
                for asset in strategy.data.assets:
                    strategy.close(asset)

        return batch_run(market(4, n), trade, [TimeBasedExit(max_bars=1)])

    assert_linear(prepare, 2_000, "positions that end while exits wait")


def test_what_is_owned_asked_for_in_every_bar():
    class Asks(Strategy):
        def on_market_data(self, event):
            if self.quantity(event.asset) == 0.0:
                self.buy(event.asset, 1.0)
            assert self.equity > 0.0
            assert self.cash > 0.0
            assert self.position(event.asset) is not None

    def prepare(n):
        return BacktestEngine(market(4, n), Asks(), config=RICH).run

    assert_linear(prepare, 4_000, "bars in which a strategy asks for its equity")


def test_all_positions_asked_for_once_a_bar():
    def prepare(n):
        def ask(strategy, t):
            hold_all(strategy, t)
            assert len(strategy.positions()) == (n if t else 0)

        return batch_run(market(4, n), ask)

    assert_linear(prepare, 2_000, "positions asked for at once")
