"""Numbers beside the parameter of a rule that are columns: how many times, from which gain on, by how much a bar."""

from math import nan

import pytest
from scenes import FLAT, buy_first, market, run

from ml4t.backtest.data import ATR
from ml4t.backtest.risk import (
    AllOf,
    DynamicTrailingStop,
    PriceBasedStopLoss,
    RiskManager,
    ScaledExit,
    SignalExit,
    TrailingStop,
    VolatilityScaledStopLoss,
    VolatilityScaledTakeProfit,
)

BOTH_EXECUTIONS = pytest.mark.parametrize("lower", [True, False], ids=["lowered", "in Python"])
UP = (100.0, 110.0, 100.0, 109.0)
HIGH = (109.0, 110.0, 108.0, 109.0)


def played(bars, columns, rule, lower=True):
    """Ten at the open of bar 1; each column by bar, or one value of all of them."""
    values = {
        name: {"A": given if isinstance(given, list) else [given] * len(bars)}
        for name, given in columns.items()
    }
    manager = RiskManager([rule], lower=lower)
    return run(market({"A": bars}, values), acts={0: buy_first}, risk_manager=manager)


def stops(result):
    """At the entry and at the end."""
    trades = result.trades if len(result.trades) else result.open_positions
    names = ["stop_at_entry", "stop_at_exit"] if len(result.trades) else ["stop", "target"]
    return trades[names].iloc[0].tolist()


@BOTH_EXECUTIONS
def test_how_many_times_is_read_at_the_opening(lower):
    columns = {"atr": [3.0, 9.0, 9.0, 9.0], "k": [2.0, 1.0, 1.0, 1.0]}
    stop = played([FLAT] * 4, columns, VolatilityScaledStopLoss("k", atr="atr"), lower)
    target = played([FLAT] * 4, columns, VolatilityScaledTakeProfit("k", atr=5.0), lower)
    live = played([FLAT] * 4, columns, VolatilityScaledStopLoss("k", atr=3.0, live=True), lower)
    assert stop.open_positions["stop"].tolist() == [94.0]
    assert target.open_positions["target"].tolist() == [110.0]
    assert live.open_positions["stop"].tolist() == [97.0]


@BOTH_EXECUTIONS
def test_a_trail_waits_for_the_gain_of_a_column(lower):
    bars = [FLAT, FLAT, UP, HIGH]
    rule = TrailingStop(0.05, activation="gain")
    assert played(bars, {"gain": 0.09}, rule, lower).open_positions["stop"].tolist() == [104.5]
    waits = played(bars, {"gain": 0.2}, rule, lower).open_positions["stop"]
    assert waits.isna().all()


@BOTH_EXECUTIONS
def test_a_trail_tightens_by_a_column_as_far_as_another_says(lower):
    rule = DynamicTrailingStop(0.10, tighten="by", floor="floor")
    held = {"by": 0.02, "floor": 0.05}
    # 0.10, 0.08, 0.06, 0.05 of 100.
    result = played([FLAT] * 3, held, rule, lower)
    assert result.open_positions["stop"].tolist() == [94.0]
    assert played([FLAT] * 6, held, rule, lower).open_positions["stop"].tolist() == [95.0]


@BOTH_EXECUTIONS
def test_a_signal_is_held_against_a_column(lower):
    columns = {"rsi": [50.0, 60.0, 60.0, 60.0], "upper": [70.0, 65.0, 55.0, 55.0]}
    result = played([FLAT] * 4, columns, SignalExit("rsi", above="upper"), lower)
    assert result.trades["exit_decision_time"].tolist() == [result.equity.index[2]]
    assert result.trades["reason"].tolist() == ["rsi"]
    result = played([FLAT] * 4, columns, SignalExit("upper", below="rsi"), lower)
    assert result.trades["exit_decision_time"].tolist() == [result.equity.index[2]]


@BOTH_EXECUTIONS
@pytest.mark.parametrize("value", [nan, 0.0, -1.0, float("inf")])
def test_without_a_valid_value_the_rule_says_nothing_and_an_event_names_its_columns(value, lower):
    rule = VolatilityScaledStopLoss("k", atr="atr")
    result = played([FLAT] * 4, {"atr": 3.0, "k": [value, value, nan, 2.0]}, rule, lower)
    assert result.events[["kind", "reason"]].to_numpy().tolist() == [["nan_input", "atr or k"]]
    expected = 94.0 if value != value else nan
    assert stops(result)[0] == pytest.approx(expected, nan_ok=True)


def test_an_indicator_may_stand_there_too():
    rule = SignalExit("rsi", above=ATR(2))
    assert rule == SignalExit("rsi", above="ATR(2)")
    result = played([FLAT] * 5, {"rsi": 60.0}, rule)
    assert len(result.trades) == 1


@BOTH_EXECUTIONS
def test_a_group_of_such_rules_is_what_they_say(lower):
    rule = AllOf([VolatilityScaledStopLoss("k", atr="atr"), PriceBasedStopLoss(pct=0.1)])
    result = played([FLAT] * 4, {"atr": 3.0, "k": 2.0}, rule, lower)
    assert result.open_positions["stop"].tolist() == [90.0]


@BOTH_EXECUTIONS
def test_gains_of_a_scaled_exit_may_be_columns(lower):
    # The second target lies nearer than the first; the third column says nothing.
    rule = ScaledExit([("far", 0.5), ("near", 0.2), ("none", 0.3)])
    bars = [FLAT, FLAT, (100.0, 104.0, 100.0, 104.0), (104.0, 107.0, 104.0, 106.0)]
    columns = {"far": 0.06, "near": 0.03, "none": nan}
    result = played(bars, columns, rule, lower)
    exits = result.fills[result.fills["action"] == "exit"]
    assert exits[["quantity", "base_price"]].to_numpy().tolist() == [[-2.0, 103.0], [-5.0, 106.0]]
    assert result.events[["kind", "reason"]].to_numpy().tolist() == [["nan_input", "none"]]
