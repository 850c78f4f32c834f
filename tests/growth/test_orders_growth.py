"""Orders: what they cost does not depend on how many others wait."""

import numpy as np
from growth.harness import assert_costs, assert_linear
from growth.worlds import CAPPED, DAY, MARGIN, RICH, batch_run, hold_all, market

from benchmarks.workloads import signal_market
from benchmarks.yardsticks.build import yardstick
from ml4t.backtest import BacktestEngine, MarketData, SignalStrategy, Strategy

A = "A000000"
B = "A000001"


def test_orders_that_wait_are_not_looked_at_in_every_bar():
    # Twenty more in each bar, for an asset that has no row any more: nothing can fill.
    def prepare(n):
        def order(strategy, t):
            for _ in range(20):
                strategy.buy(A, 1.0)

        return batch_run(market(n, 2, gone_after=1), order)

    assert_linear(prepare, 800, "bars with 20 more waiting orders each")


def test_closing_again_an_asset_without_rows():
    def prepare(n):
        def close(strategy, t):
            strategy.buy(A, 1.0) if t == 0 else strategy.close(A)

        return batch_run(market(n, 2, gone_after=2), close)

    assert_linear(prepare, 4_000, "times close() of an asset without rows")


def test_targets_beside_closes_that_wait():
    # Of an asset that has no row any more: each bar closes it once more and asks for another target, and
    # each target counts what waits.
    def prepare(n):
        def order(strategy, t):
            strategy.buy(A, 10.0) if t == 0 else strategy.close(A)
            strategy.order_target_quantity(A, 20.0 + t % 2)

        return batch_run(market(n, 2, gone_after=2), order)

    assert_linear(prepare, 4_000, "targets beside as many closes that wait")


def test_a_basket_that_cannot_be_paid():
    # Twice the cash, in two halves of the universe by turns.
    def prepare(n):
        halves = [np.where(np.arange(n) % 2 == side, 4.0 / n, 0.0) for side in (0, 1)]

        def rebalance(strategy, t):
            strategy.order_target_weights(halves[t % 2])

        return batch_run(market(8, n), rebalance)

    assert_linear(prepare, 1_000, "assets in a basket that is scaled")


def test_baskets_of_many_timestamps_that_fill_together():
    # Each bar asks for a unit more of an asset that has no row before the last one.
    def prepare(n):
        def order(strategy, t):
            strategy.order_target_quantity(A, 10.0 + t)

        return batch_run(market(n, 2, gone_after=2, comes_back=True), order)

    assert_linear(prepare, 4_000, "baskets that fill at one bar")


def test_target_weights_of_a_whole_universe():
    # Each bar closes one half of the assets and opens the other.
    def prepare(n):
        halves = [np.where(np.arange(n) % 2 == side, 2.0 / n, 0.0) for side in (0, 1)]

        def rebalance(strategy, t):
            strategy.order_target_weights(halves[t % 2])

        return batch_run(market(8, n), rebalance)

    assert_linear(prepare, 2_000, "assets in order_target_weights")


def test_target_weights_while_orders_wait():
    # Said twice in a bar: what waits for an asset counts as filled.
    def prepare(n):
        weights = [np.full(n, share / n) for share in (0.5, 0.6)]

        def rebalance(strategy, t):
            for target in weights:
                strategy.order_target_weights(target)

        return batch_run(market(4, n), rebalance)

    assert_linear(prepare, 2_000, "assets in order_target_weights, said twice")


def test_cancelling_one_order_after_the_other():
    def prepare(n):
        def order(strategy, t):
            if t == 0:
                orders = [strategy.buy(A, 1.0) for _ in range(n)]
                for order in orders:
                    strategy.cancel(order)

        return batch_run(market(2, 2), order)

    assert_linear(prepare, 4_000, "orders cancelled one by one")


def test_the_open_orders_of_one_asset_among_those_of_all():
    def prepare(n):
        def order(strategy, t):
            if t == 0:
                hold_all(strategy, t)
                for asset in strategy.data.assets:
                    assert len(strategy.open_orders(asset)) == 1

        return batch_run(market(2, n), order)

    assert_linear(prepare, 1_000, "assets whose open orders are asked for")


def test_a_split_of_one_asset_does_not_walk_over_the_orders_of_others():
    def prepare(n):
        return batch_run(market(2, n, splits_at=1), hold_all)

    assert_linear(prepare, 2_000, "assets that split while an order waits")


def test_entries_in_a_margin_account_do_not_sum_over_all_positions_each():
    def prepare(n):
        return batch_run(market(2, n), hold_all, config=MARGIN)

    assert_linear(prepare, 5_000, "entries in a margin account")


def test_orders_that_fill_in_the_next_bar():
    def prepare(n):
        def order(strategy, t):
            strategy.buy(A, 1.0) if t % 2 == 0 else strategy.sell(A, 1.0)

        return batch_run(market(n), order)

    assert_linear(prepare, 4_000, "orders, each filled before the next")


def test_orders_of_one_asset_that_fill_together():
    def prepare(n):
        def order(strategy, t):
            if t == 0:
                for _ in range(n):
                    strategy.buy(A, 1.0)

        return batch_run(market(2), order)

    assert_linear(prepare, 3_000, "orders of one asset that fill together")


def test_limit_orders_that_no_bar_comes_near():
    # Twenty more in each bar, and a bar looks at none of them.
    def prepare(n):
        def order(strategy, t):
            for _ in range(20):
                strategy.buy(A, 1.0, limit=50.0)

        return batch_run(market(n, 2), order)

    assert_linear(prepare, 800, "bars with 20 more limit orders each")


def test_day_orders_that_expire():
    def prepare(n):
        def order(strategy, t):
            for _ in range(5):
                strategy.buy(A, 1.0, limit=50.0, valid="day")

        return batch_run(market(n, 2), order)

    assert_linear(prepare, 1_600, "bars with 5 day orders each")


def test_an_order_that_follows_the_market():
    # What it waited for before its changes is not looked at again.
    def prepare(n):
        def order(strategy, t):
            if t == 0:
                strategy.follower = strategy.buy(A, 1.0, limit=50.0)
            strategy.modify(strategy.follower, limit=50.0 + t / n)

        return batch_run(market(n, 2), order)

    assert_linear(prepare, 8_000, "changes of one order")


def test_orders_that_fill_one_after_the_other():
    # All of them wait from the first bar on, and each bar brings one of them to its price.
    def prepare(n):
        def order(strategy, t):
            if t == 0:
                strategy.waiting = [strategy.sell(A, 1.0, limit=200.0 + i) for i in range(n)]
            strategy.modify(strategy.waiting[t], limit=99.0)

        return batch_run(market(n, 2), order)

    assert_linear(prepare, 2_000, "limit orders that fill one by one")


def test_orders_of_one_ring_cancelled_one_by_one():
    def prepare(n):
        def order(strategy, t):
            if t == 0:
                first = strategy.buy(A, 1.0, limit=50.0)
                strategy.ring = [first] + [
                    strategy.buy(A, 1.0, limit=50.0, oco=first) for _ in range(n)
                ]
            elif t == 1:
                for one in strategy.ring:
                    strategy.cancel(one)

        return batch_run(market(3, 2), order)

    assert_linear(prepare, 8_000, "orders of one ring, cancelled one by one")


def test_orders_that_one_open_meets():
    # Half of them fill at it, the others are stop-limits that it triggers beyond their limit.
    def prepare(n):
        def order(strategy, t):
            for _ in range(n // 2 if t == 0 else 0):
                strategy.buy(A, 1.0, limit=150.0)
                strategy.buy(A, 1.0, stop=50.0, limit=60.0)

        return batch_run(market(3, 2), order)

    assert_linear(prepare, 4_000, "orders that one open meets")


def test_limit_orders_far_from_the_price_beside_a_compiled_strategy():
    turns, data = yardstick("turns").Turns, signal_market(1_000_000)
    (asset,) = data.assets

    class Waits(turns):
        def on_start(self):
            for i in range(10_000):
                self.buy(asset, 1.0, limit=1e-3 + i * 1e-7)

    def runs(strategy):
        return lambda: BacktestEngine(data, strategy(), config=RICH).run

    assert_costs(runs(Waits), runs(turns), 2.0, "B1 with 10,000 limit orders that rest far away")


def rising(n_times: int) -> MarketData:
    """Bars of one price each, which rises by one every day."""
    price = 1e3 + np.arange(float(n_times))
    times, rows = DAY * np.arange(1, n_times + 1), np.arange(n_times + 1)
    return MarketData.from_arrays([A], times, rows, np.zeros(n_times, np.int32), *[price] * 4)


def test_brackets_of_which_a_hundred_are_alive_at_a_time():
    # A new one in each bar, whose target the price reaches a hundred bars later.
    class Brackets(Strategy):
        def on_market_data(self, event):
            self.buy(A, 1.0, stop_loss=1.0, take_profit=event.close + 100.0)

    def prepare(n):
        return BacktestEngine(rising(n), Brackets(), config=RICH).run

    assert len(prepare(300)().fills) == 299 + 200  # entered, and left 99 bars later
    assert_linear(prepare, 50_000, "brackets, a hundred at a time", at_most=2.1)


def test_brackets_that_enter_inside_one_bar():
    # On the way down from 100 to 90 and up to 110: half of what is bought is sold again in the bar.
    def prepare(n):
        def order(strategy, t):
            for i in range(n if t == 0 else 0):
                strategy.buy(
                    A, 1.0, limit=99.0 - 8.0 * i / n, stop_loss=50.0, take_profit=110.5 - i % 2
                )

        return batch_run(market(3, 2, high=110.0, low=90.0), order)

    assert_linear(prepare, 4_000, "brackets that enter inside one bar")


def orders_of(n_assets, n_times):
    """An order of every asset at every bar, from columns."""
    data = market(n_times, n_assets, n_columns=2)
    return lambda: BacktestEngine(data, SignalStrategy("x0", "x0", quantity=1.0), config=RICH).run


def test_an_order_costs_the_same_among_many_assets():
    assert_costs(
        orders_of(1_000, 100), orders_of(10, 10_000), 1.5, "an order of each of 1,000 assets"
    )


def targets_of(n_assets, n_times):
    """A target of every asset at every bar, another one each time."""

    class Targets(Strategy):
        def on_start(self):
            self.t = 0

        def on_market_data(self, event):
            self.t += event.code == 0
            self.order_target_quantity(event.asset, 10.0 + self.t % 2)

    data = market(n_times, n_assets)
    return lambda: BacktestEngine(data, Targets(), config=RICH).run


def test_a_target_costs_the_same_among_many_assets():
    assert_costs(
        targets_of(1_000, 20), targets_of(10, 2_000), 1.5, "a target of each of 1,000 assets"
    )


def test_targets_of_every_asset_at_every_bar():
    assert_linear(lambda n: targets_of(10, n)(), 1_500, "bars with a target for every asset")


def test_stop_limits_that_one_bar_triggers_beyond_their_limit():
    # From 101 to 102 on the way to 110. Half of them fill at the close of 100, the others wait on.
    def prepare(n):
        def order(strategy, t):
            for i in range(n // 2 if t == 0 else 0):
                strategy.buy(A, 1.0, stop=101.0 + i / n, limit=100.5)
                strategy.buy(A, 1.0, stop=101.0 + i / n, limit=99.5)

        return batch_run(market(3, 2, high=110.0), order)

    assert_linear(prepare, 4_000, "stop-limits that one bar triggers")


def test_an_order_that_follows_a_market_that_pays():
    # At each dividend what waits is put in order anew, but not where it has waited before its changes.
    def prepare(n):
        def order(strategy, t):
            if t == 0:
                strategy.follower = strategy.buy(A, 1.0, limit=50.0)
            strategy.modify(strategy.follower, limit=50.0 - 10.0 * t / n)

        return batch_run(market(n, 2, pays=True), order)

    assert_linear(prepare, 4_000, "changes of one order of an asset that pays")


def test_orders_that_the_volume_of_a_bar_cuts():
    # All for one asset, and one unit fills in a bar: the others are not tried once it is used up.
    def prepare(n):
        def order(strategy, t):
            for i in range(n if t == 0 else 0):
                strategy.buy(A, 1.0, **({}, {"limit": 1e6}, {"stop": 1e-6})[i % 3])

        return batch_run(market(4, 1, volume=1.0), order, config=CAPPED)

    assert_linear(prepare, 4_000, "orders that wait for the volume of four bars")
