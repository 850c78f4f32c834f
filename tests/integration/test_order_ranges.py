"""Orders of more or fewer units than an order can have; the arithmetic is in semantics section 1."""

import pytest
from scenes import FLAT, Acts, day, fills, market, run

from ml4t.backtest import StrategyError
from ml4t.backtest.execution.views import Order
from ml4t.backtest.risk import RiskDecision, RiskRule, RuleError


def order(make):
    """Run, ordering at the first close; the bar is at 100."""
    return run([FLAT, FLAT, FLAT], acts=Acts({0: make})).orders


@pytest.mark.parametrize("units", [1.1e15, 9e-13, 5e-324, 1e308])
def test_a_quantity_out_of_its_range_is_refused(units):
    for make in (lambda s: s.buy("A", units), lambda s: s.sell("A", units)):
        with pytest.raises(StrategyError, match=r"quantity must be in \[1e-12, 1e\+15\], was"):
            order(make)


@pytest.mark.parametrize("value", [1.1e17, 1e300])
def test_a_value_of_more_units_than_an_order_can_have_is_refused(value):
    # 1.1e17 / 100 = 1.1e15 units.
    for make in (lambda s: s.buy("A", value=value), lambda s: s.order_target_value("A", -value)):
        with pytest.raises(StrategyError, match="1e\\+15"):
            order(make)


@pytest.mark.parametrize("value", [9e-11, 1e-300])
def test_a_value_of_fewer_units_than_an_order_can_have_is_rejected(value):
    # 9e-11 / 100 = 9e-13 units.
    for make in (lambda s: s.buy("A", value=value), lambda s: s.order_target_value("A", value)):
        assert order(make)[["status", "reason"]].to_numpy().tolist() == [
            ["rejected", "zero_quantity"]
        ]


@pytest.mark.parametrize("units", [1e-12, 1e15])
def test_a_quantity_at_the_edge_of_its_range_is_ordered(units):
    orders = run([FLAT, FLAT], acts=Acts({0: lambda s: s.buy("A", units)}), on_insufficient="allow")
    assert orders.fills["quantity"].tolist() == [units]


@pytest.mark.parametrize("units", [1.1e15, 9e-13, float("nan"), float("inf")])
def test_an_order_of_a_rule_is_of_a_size_that_orders_have(units):
    for signed in (units, -units):
        with pytest.raises(ValueError, match="must be 0 or of a size in"):
            Order.proposed("A", signed)
    assert Order.proposed("A", 0.0).quantity == 0.0


class Times(RiskRule):
    """Multiplies the units of every order that comes in."""

    def __init__(self, factor):
        self.factor = factor

    def evaluate(self, context):
        return RiskDecision.no_action()

    def validate_order(self, order, context):
        return order.with_quantity(order.quantity * self.factor)


def outcome_under(rule, make):
    """Status and reason of the one order made under a rule that is asked about it."""
    (row,) = run([FLAT, FLAT], [rule], Acts({0: make})).orders[["status", "reason"]].to_numpy()
    return tuple(row)


def test_a_rule_is_not_asked_about_an_order_of_too_few_units():
    # 9e-11 / 100 = 9e-13 units: a million times as many would be an order.
    made = outcome_under(Times(1e6), lambda s: s.order_target_value("A", 9e-11))
    assert made == ("rejected", "zero_quantity")


def test_a_rule_that_leaves_too_few_units_leaves_none():
    # 10 * 1e-14 = 1e-13 units.
    assert outcome_under(Times(1e-14), lambda s: s.buy("A", 10.0)) == ("rejected", "zero_quantity")


def test_a_rule_that_makes_too_many_units_is_named():
    with pytest.raises(RuleError, match=r"Times raised ValueError: quantity .* at most 1e\+15"):
        outcome_under(Times(1e15), lambda s: s.buy("A", 10.0))


def test_a_position_smaller_than_an_order_is_closed_under_a_rule_that_is_asked():
    # 1e-12 units, two of which become one: 5e-13.
    halved = market({"A": [FLAT] * 4}, actions=[(day(2), 0, 0, 0.5)])
    acts = Acts({0: lambda s: s.buy("A", 1e-12), 2: lambda s: s.close("A")})
    result = run(halved, [Times(1.0)], acts)
    assert fills(result, "quantity", "reason") == [(1e-12, "order"), (-5e-13, "close")]
