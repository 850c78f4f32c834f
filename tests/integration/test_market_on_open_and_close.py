"""Market-on-open and market-on-close orders, by hand."""

import pytest
from scenes import FLAT, Acts, fills, market, run

from ml4t.backtest.risk import PriceBasedStopLoss

UP = (101.0, 110.0, 95.0, 105.0)
ON = {"next_open": "market_on_open", "next_close": "market_on_close"}


@pytest.mark.parametrize("setting", ["next_open", "next_close", "close"])
@pytest.mark.parametrize(("fill_at", "price"), [("next_open", 101.0), ("next_close", 105.0)])
def test_an_order_of_its_own_fills_when_it_says(setting, fill_at, price):
    # Half a percent more: what fills at the market slips.
    acts = {0: lambda s: s.buy("A", 10.0, fill_at=fill_at)}
    result = run([FLAT, UP, FLAT], acts=Acts(acts), fill_at=setting, slippage=0.005)
    moment = fill_at.removeprefix("next_")
    assert fills(result, "price", "moment") == [(pytest.approx(price * 1.005), moment)]
    assert result.fills["timestamp"].tolist() == [result.equity.index[1]]
    assert result.orders["order_type"].tolist() == [ON[fill_at]]


def test_the_next_close_is_that_of_its_asset():
    bars = market({"A": [FLAT, None, UP], "B": [FLAT] * 3})
    result = run(bars, acts=Acts({0: lambda s: s.buy("A", 10.0, fill_at="next_close")}))
    assert fills(result, "price") == [(105.0,)]


def test_before_the_first_bar_it_is_ordered_for_that_bar():
    class Starts(Acts):
        def on_start(self):
            self.buy("A", 1.0, fill_at="next_open")
            self.buy("A", 2.0, fill_at="next_close")

    result = run([UP, FLAT], acts=Starts({}))
    assert fills(result, "quantity", "price") == [(1.0, 101.0), (2.0, 105.0)]


def test_a_close_at_the_close_has_nothing_left_to_do_after_a_stop():
    # The stop of 5% takes the 10 at 95; what would have closed them at 105 goes with them.
    acts = {0: lambda s: s.buy("A", 10.0), 1: lambda s: s.close("A", fill_at="next_close")}
    bars = [FLAT, FLAT, (100.0, 110.0, 94.0, 105.0)]
    held = run([*bars[:2], UP], acts=Acts(acts))
    stopped = run(bars, PriceBasedStopLoss(pct=0.05), acts=Acts(acts))
    assert fills(held, "price", "reason")[1:] == [(105.0, "close")]
    assert fills(stopped, "price", "reason")[1:] == [(95.0, "stop_loss")]
    assert stopped.events["reason"].tolist() == ["position_closed"]


def test_targets_count_it_while_it_waits():
    # 10 are held and 4 of them are to be sold at the next close: a target of 6 is met, one of 3 sells 3.
    said = []

    def ask(strategy):
        strategy.sell("A", 4.0, fill_at="next_close")
        said.append(strategy.quantity_after_orders("A"))
        said.append(strategy.order_target_quantity("A", 6.0))
        strategy.order_target_quantity("A", 3.0)

    result = run([FLAT, FLAT, UP], acts=Acts({0: lambda s: s.buy("A", 10.0), 1: ask}))
    assert said == [6.0, None]
    assert fills(result, "quantity", "price")[1:] == [(-3.0, 101.0), (-4.0, 105.0)]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"fill_at": "close"}, "fill_at of an order must be one of 'next_open', 'next_close', was"),
        ({"fill_at": ["next_open"]}, "fill_at of an order must be one of"),
        ({"fill_at": "next_close", "limit": 99.0}, "a limit or a stop waits for its price"),
    ],
)
def test_what_no_order_can_fill_at_is_refused(given, message):
    with pytest.raises(Exception, match=message):
        run([FLAT, FLAT], acts=Acts({0: lambda s: s.buy("A", 1.0, **given)}))
