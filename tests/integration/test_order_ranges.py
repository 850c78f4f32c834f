"""Orders of more or fewer units than an order can have; the arithmetic is in semantics section 1."""

import pytest
from scenes import FLAT, Acts, run

from ml4t.backtest import StrategyError
from ml4t.backtest.execution.views import Order


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
