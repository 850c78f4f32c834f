"""Orders sized at their fill, by hand: what all of it is after a gap, and what it is paid with."""

from math import nextafter

import numpy as np
import pytest
from scenes import FLAT, Acts, fills, market, run

from ml4t.backtest import BacktestConfig, SignalStrategy, StrategyError, run_backtest
from ml4t.backtest.market.market_data import ACTION
from ml4t.backtest.risk import RiskDecision, RiskRule

CASH = {"account": "cash", "initial_cash": 10_000.0}


def gap(price):
    """A close at 100, then bars at another price."""
    return [FLAT, *[(price,) * 4] * 3]


def bought(bars, *, acts=None, **settings):
    """The result of buying for all there is, sized at the fill."""
    act = acts or Acts({0: lambda s: s.buy("A", percent=1.0, size_at="fill")})
    return run(bars, acts=act, **CASH | settings)


@pytest.mark.parametrize("on_insufficient", ["scale", "reject"])
@pytest.mark.parametrize("price", [80.0, 125.0])
def test_all_of_it_is_all_of_it_after_a_gap(price, on_insufficient):
    # 10,000 at 80 are 125 units, at 125 are 80; the 100 units of the close would leave 2,000, or not be paid.
    result = bought(gap(price), on_insufficient=on_insufficient)
    assert fills(result, "quantity", "price") == [(10_000.0 / price, price)]
    assert result.equity["cash"].iloc[-1] == 0.0
    assert len(result.events) == 0
    assert result.orders["quantity"][0] == 10_000.0 / price


def test_costs_are_within_it():
    # At 125 slipped by 1%: 126.25. n·126.25·1.002 <= 10,000 is 79.05 units.
    costs = {"slippage": 0.01, "commission": 0.002, "on_insufficient": "reject"}
    result = bought(gap(125.0), **costs)
    ((quantity, price),) = fills(result, "quantity", "price")
    assert price == pytest.approx(126.25)
    assert quantity == pytest.approx(10_000 / (126.25 * 1.002))
    assert 0.0 <= result.equity["cash"].iloc[-1] < 1e-9
    # Whole units: 79 of them.
    whole = bought(gap(125.0), quantity="whole", **costs)
    assert fills(whole, "quantity") == [(79.0,)]


def test_a_part_of_equity_is_of_the_equity_at_the_fill():
    # 50 held since 100; at 200 equity is 5,000 + 50·200 = 15,000, and a fifth of it is 15 units.
    acts = {0: lambda s: s.buy("A", 50), 1: lambda s: s.buy("A", percent=0.2, size_at="fill")}
    result = bought([FLAT, FLAT, (200.0,) * 4], acts=Acts(acts))
    assert [row[0] for row in fills(result, "quantity")] == [50.0, 15.0]


def test_what_a_sale_before_it_brings_is_spent():
    # A is sold at 90 for 0.1%: 100·90·0.999 = 8,991 of cash are all there is for B at 50, fee within.
    bars = market({"A": [FLAT, FLAT, *[(90.0,) * 4] * 2], "B": [(50.0,) * 4] * 4})

    def rotate(strategy):
        strategy.buy("B", percent=1.0, size_at="fill")
        strategy.close("A")

    acts = Acts({0: lambda s: s.buy("A", 99), 1: rotate})
    result = bought(bars, acts=acts, commission=0.001, on_insufficient="reject")
    assert len(result.events) == 0
    assert 0.0 <= result.equity["cash"].iloc[-1] < 1e-9


def test_a_value_is_so_much_at_the_price_of_the_fill():
    acts = Acts({0: lambda s: s.sell("A", value=1000.0, size_at="fill")})
    result = run(gap(80.0), acts=acts)
    assert fills(result, "quantity") == [(-12.5,)]


def test_a_size_at_the_fill_reduces_a_position_and_turns_it():
    # 10 held; 4,000 at 80 are 50 units: 10 close, 40 are sold short.
    acts = {0: lambda s: s.buy("A", 10), 1: lambda s: s.sell("A", value=4000.0, size_at="fill")}
    result = run([FLAT, *gap(80.0)], acts=Acts(acts))
    assert fills(result, "quantity", "position_after")[1:] == [(-10.0, 0.0), (-40.0, -40.0)]


def test_until_it_fills_it_has_the_units_of_the_close():
    seen = []

    def look(strategy):
        order = strategy.buy("A", percent=1.0, size_at="fill")
        seen.append((order.quantity, strategy.pending("A")))

    bought(gap(80.0), acts=Acts({0: look}))
    assert seen == [(100.0, 100.0)]


def test_a_split_before_the_fill_leaves_the_money():
    # 2 for 1 between the close at 100 and the open at 40: 10,000 at 40 are 250.
    bars = market(
        {"A": gap(40.0)}, actions=[(int(market({"A": gap(1.0)}).timestamps[1]) - 1, 0, 0, 2.0)]
    )
    assert bars.actions.dtype == ACTION
    assert fills(bought(bars), "quantity") == [(250.0,)]


class Half(RiskRule):
    """Lets half of every order pass."""

    def evaluate(self, context):
        return RiskDecision.no_action()

    def validate_order(self, order, context):
        return order.with_quantity(order.quantity / 2)


@pytest.mark.parametrize("quantity", ["fractional", "whole"])
def test_what_a_rule_takes_from_the_units_it_takes_from_the_money(quantity):
    # 101 units at the close of 100, of which 50.5 pass (whole: 50); half of 10,100 at 80 is 63.125 (whole: 63).
    acts = Acts({0: lambda s: s.buy("A", percent=1.0, size_at="fill")})
    settings = CASH | {"initial_cash": 10_100.0, "quantity": quantity}
    found = run(gap(80.0), [Half()], acts, **settings)
    assert fills(found, "quantity") == [(63.125 if quantity == "fractional" else 63.0,)]


def test_a_commission_above_the_money_leaves_no_order():
    acts = Acts({0: lambda s: s.buy("A", value=10.0, size_at="fill")})
    result = run(gap(100.0), acts=acts, commission={"minimum": 15.0}, **CASH)
    assert list(result.events[["kind", "reason"]].itertuples(index=False, name=None)) == [
        ("rejected", "zero_quantity")
    ]


def test_the_bankrupt_buy_no_part_of_nothing():
    # 190 units at 100 on 2x leverage; at 40 equity is 10,000 - 190·60 = -1,400.
    acts = {0: lambda s: s.buy("A", 190), 1: lambda s: s.buy("A", percent=0.1, size_at="fill")}
    result = run([FLAT, FLAT, (40.0,) * 4], acts=Acts(acts), initial_cash=10_000.0)
    rejected = result.events[(result.events["kind"] == "rejected").to_numpy()]
    assert list(rejected["reason"]) == ["no_equity"]


@pytest.mark.parametrize("on_insufficient", ["scale", "reject"])
def test_entries_of_signals_are_a_basket_of_what_they_are_at_the_fill(on_insufficient):
    # Half each, A opens at 125 and B at 50: 5,000 of each, 40 and 100 units, all of the cash.
    n = 4
    data = market(
        {"A": gap(125.0), "B": gap(50.0)},
        {"go": {name: [1.0] + [0.0] * (n - 1) for name in ("A", "B")}},
    )
    config = BacktestConfig(**CASH, on_insufficient=on_insufficient, debug=True)
    strategy = SignalStrategy("go", percent=0.5, size_at="fill")
    result = run_backtest(data, strategy, config=config)
    assert fills(result, "asset", "quantity") == [("A", 40.0), ("B", 100.0)]
    assert len(result.events) == 0
    assert strategy.parameters == {"entry": "go", "size_at": "fill", "percent": 0.5}


def test_a_basket_of_more_than_there_is_has_one_factor():
    # 80% each is 160%: both are cut to 5/8, so that 5,000 buy 40 of A and 100 of B.
    data = market(
        {"A": gap(125.0), "B": gap(50.0)}, {"go": {name: [1.0, 0, 0, 0] for name in ("A", "B")}}
    )
    strategy = SignalStrategy("go", percent=0.8, size_at="fill")
    result = run_backtest(data, strategy, config=BacktestConfig(**CASH, debug=True))
    assert [units for _, units in fills(result, "asset", "quantity")] == pytest.approx(
        [40.0, 100.0]
    )
    assert list(result.events["kind"]) == ["scaled", "scaled"]


def test_no_unit_more_than_the_money_pays():
    # The next number above what was found would cost more than there was.
    costs = {"slippage": 0.0007, "commission": 0.0013, "on_insufficient": "allow"}
    for price in np.linspace(31.7, 173.1, 40):
        result = bought(gap(float(price)), **costs)
        ((units, paid),) = fills(result, "quantity", "price")
        assert units * paid + units * paid * 0.0013 <= 10_000.0
        more = nextafter(units, 1e9) + 1e-9
        assert more * paid + more * paid * 0.0013 > 10_000.0


@pytest.mark.parametrize(
    ("amount", "message"),
    [
        ({"quantity": 5, "size_at": "fill"}, "size_at='fill' is for value and percent"),
        ({"percent": 1.0, "size_at": "open"}, "size_at must be 'close' or 'fill', was 'open'"),
    ],
)
def test_what_cannot_be_sized_at_the_fill_is_refused(amount, message):
    with pytest.raises(StrategyError, match=message):
        bought(gap(80.0), acts=Acts({0: lambda s: s.buy("A", **amount)}))
    with pytest.raises(ValueError, match=message):
        SignalStrategy("go", **amount)
