"""50 where 50% is meant: a fraction of equity that no account here holds or turns around is refused."""

import re

import pytest
from scenes import FLAT, Acts, market, run

from ml4t.backtest import BacktestConfig, SignalStrategy, StrategyError, run_backtest

BARS = [FLAT] * 4
TWO = market({"A": BARS, "B": BARS})
CASH = {"account": "cash"}

ORDERS = {
    "target": lambda s, w: s.order_target_percent("A", w),
    "short target": lambda s, w: s.order_target_percent("A", -w),
    "buy": lambda s, w: s.buy("A", percent=w),
    "sell": lambda s, w: s.sell("A", percent=w),
    "weights": lambda s, w: s.order_target_weights({"A": 0.1, "B": w}),
    "array of weights": lambda s, w: s.order_target_weights([0.1, -w]),
}


@pytest.mark.parametrize("make", ORDERS.values(), ids=ORDERS)
@pytest.mark.parametrize(
    ("settings", "most"), [(CASH, 2.0), ({}, 4.0), ({"max_leverage": 10.0}, 20.0)]
)
def test_a_weight_beyond_twice_the_leverage_is_refused(make, settings, most):
    with pytest.raises(StrategyError, match=rf"\(0.5 is 50%\) and at most {most:g} here") as error:
        run(TWO, acts=Acts({0: lambda s: make(s, most + 0.01)}), **settings)
    assert isinstance(error.value.__cause__, ValueError)
    assert len(error.value.partial_result.orders) == 0  # those before it in the call neither
    assert len(run(TWO, acts=Acts({0: lambda s: make(s, most)}), **settings).orders) > 0


def test_fifty_is_what_leverage_allows():
    result = run(TWO, acts=Acts({0: lambda s: s.order_target_percent("A", 50)}), max_leverage=50.0)
    assert result.fills["quantity"].tolist() == [50_000.0]  # 50·100,000/100


def test_a_basket_above_the_cash_is_scaled_and_not_refused():
    acts = Acts({0: lambda s: s.order_target_percent("A", 1.5)})
    assert run(TWO, acts=acts, **CASH).fills["quantity"].tolist() == [pytest.approx(1_000.0)]


def test_a_leverage_below_one_refuses_no_weight_of_one():
    acts = Acts({0: lambda s: s.order_target_percent("A", 1.0)})
    result = run(TWO, acts=acts, max_leverage=0.5)
    assert result.fills["quantity"].tolist() == [pytest.approx(500.0)]


def test_a_signal_strategy_of_fifty_is_refused_before_the_run():
    data = market({"A": BARS}, features={"buy": {"A": [1.0] * 4}})
    with pytest.raises(ValueError, match=re.escape("at most 2 here")) as error:
        run_backtest(data, SignalStrategy("buy", percent=50), config=BacktestConfig())
    assert not isinstance(error.value, StrategyError)
    margin = BacktestConfig(account="margin", max_leverage=50.0)
    fills = run_backtest(data, SignalStrategy("buy", percent=50), config=margin).fills
    assert fills["quantity"].tolist() == [50_000.0]
