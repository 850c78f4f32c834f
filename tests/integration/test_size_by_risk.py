"""Orders sized by what they lose at their stop, by hand."""

import numpy as np
import pandas as pd
import pytest
from scenes import FLAT, day, market, run

from ml4t.backtest import MarketData
from ml4t.backtest.risk import (
    MaxLoss,
    PriceBasedStopLoss,
    PriceBasedTakeProfit,
    RegimeDependentRule,
    RiskDecision,
    RiskManager,
    TrailingStop,
    VolatilityScaledStopLoss,
)

CASH = 100_000.0


def flat(n=4):
    return market({"A": [FLAT] * n})


def with_column(values, name="atr"):
    """An asset at 100 with a column."""
    n = len(values)
    times = pd.to_datetime([day(t) for t in range(n)])
    prices = pd.DataFrame(
        {
            "timestamp": times,
            "asset": "A",
            "open": 100.0,
            "high": 100.0,
            "low": 100.0,
            "close": 100.0,
        }
    )
    return MarketData.from_tables(
        prices, signals=pd.DataFrame({"timestamp": times, "asset": "A", name: values})
    )


def ordered(result):
    return result.orders["quantity"].tolist()


def reasons(result):
    return result.orders[["status", "reason"]].values.tolist()


@pytest.mark.parametrize("lower", [True, False])
@pytest.mark.parametrize("side", [1.0, -1.0])
@pytest.mark.parametrize(
    ("rules", "distance"),
    [
        ([PriceBasedStopLoss(pct=0.05)], 5.0),
        ([PriceBasedStopLoss(pct=0.05), TrailingStop(0.02), PriceBasedTakeProfit(pct=0.01)], 2.0),
        ([PriceBasedStopLoss(pct=0.05, priority=1), TrailingStop(0.02)], 5.0),
        ([VolatilityScaledStopLoss(2.0, atr="atr")], 3.0),
        (
            [
                RegimeDependentRule(
                    "atr", [PriceBasedStopLoss(pct=0.01), PriceBasedStopLoss(pct=0.04)], bands=[1.2]
                )
            ],
            4.0,
        ),
        ([MaxLoss(250.0), PriceBasedStopLoss(pct=0.1)], 10.0),
    ],
)
def test_one_percent_of_equity_lies_between_the_price_and_the_stop(rules, distance, side, lower):
    def order(strategy):
        (strategy.buy if side > 0.0 else strategy.sell)("A", risk=0.01)

    result = run(
        with_column([1.5] * 3),
        (),
        {0: order},
        risk_manager=RiskManager(rules, lower=lower),
        initial_cash=CASH,
    )
    assert ordered(result) == pytest.approx([side * 1_000.0 / distance])


def test_what_leaves_at_its_stop_has_lost_so_much():
    data = market({"A": [FLAT, FLAT, (100.0, 100.0, 90.0, 92.0)]})
    result = run(
        data,
        [PriceBasedStopLoss(pct=0.05)],
        {0: lambda s: s.buy("A", risk=0.02)},
        initial_cash=CASH,
    )
    [trade] = result.trades.itertuples()
    assert trade.exit_type == "stop_loss"
    assert trade.net_pnl == pytest.approx(-0.02 * CASH)


def test_a_bracket_is_its_own_stop():
    acts = {0: lambda s: s.buy("A", risk=0.01, stop_loss=96.0)}
    result = run(flat(), [PriceBasedStopLoss(pct=0.5)], acts, initial_cash=CASH)
    assert ordered(result)[0] == pytest.approx(250.0)


def test_an_order_that_waits_for_a_price_is_sized_at_it():
    acts = {0: lambda s: s.buy("A", risk=0.01, limit=80.0)}
    result = run(flat(), [PriceBasedStopLoss(pct=0.05)], acts, initial_cash=CASH)
    assert ordered(result) == pytest.approx([250.0])


def test_what_adds_is_sized_by_the_stop_in_force():
    data = market({"A": [FLAT, FLAT, (104.0, 104.0, 104.0, 104.0), FLAT]})
    acts = {0: lambda s: s.buy("A", 10.0), 2: lambda s: s.buy("A", risk=0.01)}
    result = run(data, [PriceBasedStopLoss(pct=0.05)], acts, initial_cash=CASH)
    equity = result.equity["equity"].iloc[2]
    assert ordered(result)[1] == pytest.approx(0.01 * equity / (104.0 - 95.0))


def test_asking_what_a_reversal_would_risk_leaves_the_position_its_levels():
    data = market({"A": [FLAT, FLAT, FLAT, (100.0, 100.0, 94.0, 95.0)]})
    acts = {0: lambda s: s.buy("A", 10.0), 1: lambda s: s.sell("A", risk=0.00001)}
    rules = [TrailingStop(0.05)]
    result = run(data, rules, acts, initial_cash=CASH)
    # A fifth of a unit is sold, and the rest leaves at the stop of the position.
    assert ordered(result)[1] == pytest.approx(-0.2)
    [trade] = result.trades.itertuples()
    assert (trade.exit_type, trade.level) == ("trailing_stop", 95.0)


def test_where_no_stop_is_armed_the_order_is_rejected():
    acts = {t: lambda s: s.buy("A", risk=0.01) for t in (0, 1)}
    rules = [VolatilityScaledStopLoss(2.0, atr="atr")]
    result = run(with_column([float("nan"), 2.0, 2.0]), rules, acts, initial_cash=CASH)
    assert reasons(result) == [["rejected", "no_stop"], ["filled", "order"]]
    [note] = [note for note in result.notes if "no_stop" in note]
    assert "1 order rejected" in note


@pytest.mark.parametrize("lower", [True, False])
def test_what_rules_would_arm_is_armed_nowhere(lower):
    armed = []
    for order in (lambda s: s.buy("A", risk=0.01), lambda s: s.buy("A", 200.0)):
        manager = RiskManager([PriceBasedStopLoss(pct=0.05), TrailingStop(0.1)], lower=lower)
        run(flat(), (), {0: order}, risk_manager=manager, initial_cash=CASH)
        armed.append(manager.statistics["levels_armed"])
    assert armed[0] == armed[1] > 0


def test_a_stop_that_waits_for_a_gain_is_none():
    acts = {0: lambda s: s.buy("A", risk=0.01)}
    result = run(flat(), [TrailingStop(0.05, activation=0.02)], acts, initial_cash=CASH)
    assert reasons(result) == [["rejected", "no_stop"]]


def test_a_loss_in_currency_sizes_nothing():
    acts = {0: lambda s: (s.buy("A", risk=0.01), s.sell("A", risk=0.01))}
    result = run(flat(), [MaxLoss(500.0)], acts, initial_cash=CASH)
    assert reasons(result) == [["rejected", "no_stop"]] * 2


@pytest.mark.parametrize("rules", [[], [PriceBasedTakeProfit(pct=0.1)]])
def test_an_asset_for_which_no_rule_arms_a_stop_is_an_error(rules):
    with pytest.raises(
        Exception, match="no rule arms one for 'A'; add a stop to the rules"
    ) as raised:
        run(flat(), rules, {0: lambda s: s.buy("A", risk=0.01)})
    assert isinstance(raised.value.__cause__, ValueError)


@pytest.mark.parametrize(
    ("order", "words"),
    [
        (lambda s: s.buy("A", risk=0.0), "risk must be above 0 and below 1"),
        (lambda s: s.buy("A", risk=1), "risk must be above 0 and below 1"),
        (lambda s: s.buy("A", risk=float("nan")), "risk must be finite"),
        (lambda s: s.buy("A", 10, risk=0.01), "was given quantity and risk"),
        (lambda s: s.buy("A", risk=0.01, size_at="fill"), "measured at the price of now"),
    ],
)
def test_what_is_no_risk_is_refused_in_a_sentence(order, words):
    with pytest.raises(Exception, match=words):
        run(flat(), [PriceBasedStopLoss(pct=0.05)], {0: order})


def test_a_rule_in_python_is_asked_with_the_price_and_the_side():
    seen = []

    def rule(context):
        seen.append((context.opening, np.sign(context.position_quantity), context.entry_price))
        return RiskDecision.update_stops(
            stop_loss=context.entry_price - 4.0 * np.sign(context.position_quantity)
        )

    acts = {0: lambda s: s.sell("A", risk=0.01)}
    result = run(flat(), [rule], acts, initial_cash=CASH)
    assert ordered(result) == pytest.approx([-250.0])
    assert seen[0] == (True, -1.0, 100.0)
