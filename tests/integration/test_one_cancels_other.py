"""Orders of which one cancels the others, by hand."""

import pytest
from scenes import FLAT, Acts, fills, market, run

from ml4t.backtest import Strategy

RISES = (100.0, 112.0, 99.0, 105.0)
FALLS = (100.0, 101.0, 94.0, 96.0)


def pair(strategy):
    """Leaves a long of 10 at 110 or at 95."""
    target = strategy.sell("A", 10.0, limit=110.0)
    return target, strategy.sell("A", 10.0, stop=95.0, oco=target)


def statuses(result):
    return result.orders[["status", "reason"]].values.tolist()


@pytest.mark.parametrize(
    ("bar", "price", "cancelled"), [(RISES, 110.0, 2), (FALLS, 95.0, 1), (FLAT, None, None)]
)
def test_the_first_to_fill_cancels_the_other(bar, price, cancelled):
    acts = {0: lambda s: s.buy("A", 10.0), 1: pair}
    both = (100.0, 112.0, 94.0, 100.0)
    result = run([FLAT, FLAT, bar, both if price else FLAT], acts=Acts(acts))
    assert fills(result, "quantity", "price")[1:] == ([(-10.0, price)] if price else [])
    if cancelled:
        assert statuses(result)[cancelled] == ["cancelled", "one_cancels_other"]
        assert result.events[["kind", "reason", "order_id"]].values.tolist() == [
            ["cancelled", "one_cancels_other", cancelled + 1]
        ]


def test_a_part_that_fills_cancels_the_others_by_submission():
    # 1,000 pay for 10 of the 20 that the last one buys; the first two, of three assets, are gone at that.
    def three(strategy):
        first = strategy.buy("B", 1.0, limit=50.0)
        second = strategy.buy("C", 1.0, limit=50.0, oco=first)
        strategy.buy("A", 20.0, oco=second)

    bars = market({"A": [FLAT] * 2, "B": [FLAT] * 2, "C": [FLAT] * 2})
    result = run(bars, acts=Acts({0: three}), account="cash", initial_cash=1_000.0)
    assert fills(result, "asset", "quantity") == [("A", 10.0)]
    assert result.events[["kind", "order_id"]].values.tolist() == [
        ["scaled", 3],
        ["cancelled", 1],
        ["cancelled", 2],
    ]


def test_of_two_assets_in_one_bar_the_first_that_fills_is_the_one():
    def two(strategy):
        b = strategy.buy("B", 1.0, limit=98.0)
        strategy.buy("A", 1.0, limit=98.0, oco=b)

    bars = market({"A": [FLAT, FALLS], "B": [FLAT, FALLS]})
    assert fills(run(bars, acts=Acts({0: two})), "asset") == [("A",)]


def test_one_that_ends_without_a_fill_leaves_the_others():
    def three(strategy):
        first = strategy.buy("A", 1.0, limit=98.0)
        second = strategy.buy("A", 2.0, limit=97.0, oco=first)
        strategy.buy("A", 3.0, limit=96.0, oco=first)
        strategy.cancel(second)

    result = run([FLAT, FALLS], acts=Acts({0: three}))
    assert fills(result, "quantity") == [(1.0,)]
    assert statuses(result) == [
        ["filled", "order"],
        ["cancelled", "cancel"],
        ["cancelled", "one_cancels_other"],
    ]


def test_what_names_an_order_that_has_filled_is_rejected_and_one_that_has_ended_is_no_other():
    def name(strategy):
        strategy.buy("A", 2.0, oco=strategy.filled)
        strategy.buy("A", 3.0, oco=strategy.cancelled)

    def make(strategy):
        strategy.filled = strategy.buy("A", 1.0)
        strategy.cancelled = strategy.buy("A", 1.0)
        strategy.cancel(strategy.cancelled)

    result = run([FLAT, FLAT, FLAT], acts=Acts({0: make, 1: name}))
    assert fills(result, "quantity") == [(1.0,), (3.0,)]
    assert statuses(result)[2:] == [["rejected", "one_cancels_other"], ["filled", "order"]]


def test_after_orders_counts_one_of_them():
    said = []

    def count(strategy):
        first, _ = pair(strategy)
        said.append(strategy.quantity_after_orders("A"))
        strategy.cancel(first)
        said.append(strategy.quantity_after_orders("A"))
        said.append(strategy.order_target_quantity("A", 0.0))

    run([FLAT] * 3, acts=Acts({0: lambda s: s.buy("A", 10.0), 1: count}))
    assert said == [0.0, 0.0, None]


def test_what_is_no_order_of_its_own_cannot_be_named():
    class Names(Strategy):
        def on_market_data(self, event):
            if len(self.open_orders()) == 2:  # the children of the bracket
                self.buy("A", 1.0, oco=self.open_orders()[0])
            elif not self.position("A"):
                self.buy("A", 1.0, stop_loss=90.0, take_profit=120.0)

    with pytest.raises(Exception, match="an order that the strategy made itself, Order"):
        run([FLAT] * 3, acts=Names())
    with pytest.raises(Exception, match="oco must be an Order, which buy and sell return, was 1"):
        run([FLAT, FLAT], acts=Acts({0: lambda s: s.buy("A", 1.0, oco=1)}))
    strangers = []
    run([FLAT, FLAT], acts=Acts({0: lambda s: strangers.append(s.buy("A", 1.0))}))
    with pytest.raises(Exception, match="was not accepted in this run"):
        run([FLAT, FLAT], acts=Acts({0: lambda s: s.buy("A", 1.0, oco=strangers[0])}))
