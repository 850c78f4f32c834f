"""Parameters that are a number for each label of a column: the rule in each regime."""

import pickle

import pandas as pd
import pytest
from scenes import FLAT, Acts, buy_first, market, only_trade, run
from unit.risk.fake_context import FakeContext

from ml4t.backtest import run_backtest
from ml4t.backtest.data import DataFeed
from ml4t.backtest.provenance.rules import describe_rule
from ml4t.backtest.risk import (
    AnyOf,
    BreakEven,
    DynamicTrailingStop,
    MaxLoss,
    PriceBasedStopLoss,
    PriceBasedTakeProfit,
    RegimeDependentRule,
    RiskManager,
    ScaledExit,
    SignalExit,
    TimeBasedExit,
    TrailingStop,
    VolatilityScaledStopLoss,
)
from ml4t.backtest.risk.rule import InvalidRuleError
from ml4t.backtest.runfile.sections import NamedRule

CALM, STORM = 0, 1


@pytest.mark.parametrize(
    ("make", "numbers"),
    [
        (lambda n: PriceBasedStopLoss(pct=n, priority=2), (0.1, 0.04)),
        (lambda n: PriceBasedStopLoss(price=n), (95.0, 98.0)),
        (lambda n: PriceBasedTakeProfit(pct=n), (0.1, 0.04)),
        (lambda n: PriceBasedTakeProfit(r=n), (3.0, 1.5)),
        (lambda n: VolatilityScaledStopLoss(2.0, atr=n), (3.0, 1.5)),
        (lambda n: BreakEven(n, costs=True), (0.1, 0.04)),
        (lambda n: MaxLoss(n), (500.0, 100.0)),
        (lambda n: TimeBasedExit(n), (20, 5)),
        (lambda n: VolatilityScaledStopLoss(n, atr=2.0), (3.0, 1.5)),
        (lambda n: VolatilityScaledStopLoss(n, atr="atr"), (3.0, 1.5)),
        (lambda n: SignalExit("rsi", above=n), (70.0, 80.0)),
        (lambda n: SignalExit("rsi", below=n, side="short"), (30.0, 20.0)),
    ],
)
def test_it_is_the_rule_with_each_of_the_numbers(make, numbers):
    rule = make({"regime": dict(zip((CALM, STORM), numbers, strict=True))})
    same = RegimeDependentRule(
        "regime",
        [make(number) for number in numbers],
        labels=[CALM, STORM],
        priority=rule.priority,
    )
    assert rule.lower() == same.lower()
    assert rule.live_columns == same.live_columns
    assert rule.frozen_columns == same.frozen_columns


@pytest.mark.parametrize(
    "make",
    [
        lambda n: TrailingStop(n, activation=0.02),
        lambda n: DynamicTrailingStop(n, tighten=0.01, floor=0.02),
        lambda n: DynamicTrailingStop(n, schedule=[(0.05, 0.03), (0.1, 0.02)]),
        lambda n: DynamicTrailingStop(0.2, tighten=0.01, floor=n),
        lambda n: DynamicTrailingStop(0.2, tighten=n, floor=0.02),
        lambda n: DynamicTrailingStop("pct", tighten=n, floor=n),
        lambda n: TrailingStop(0.2, activation=n),
        lambda n: TrailingStop(n, activation=n),
        lambda n: TrailingStop(atr="atr", k=n),
        lambda n: PriceBasedStopLoss(pct=n, only_tighten=True),
    ],
)
def test_what_never_loosens_does_not_with_the_regime(make):
    rule = make({"regime": {CALM: 0.1, STORM: 0.04}})
    members = {CALM: make(0.1), STORM: make(0.04)}
    assert rule.lower() == RegimeDependentRule("regime", members, only_tighten=True).lower()


@pytest.mark.parametrize("lower", [True, False])
def test_a_stop_is_tighter_in_a_storm(lower):
    # Ten at 100 in a calm market: 90; the close of bar 2 says storm: 96 from bar 3 on.
    bars = [FLAT, FLAT, (100.0, 100.0, 95.0, 99.0), (99.0, 99.0, 95.0, 96.0)]
    data = market({"A": bars}, {"regime": {"A": [0.0, 0.0, 1.0, 1.0]}})
    rule = PriceBasedStopLoss(pct={"regime": {CALM: 0.1, STORM: 0.04}})
    trade = only_trade(run(data, risk_manager=RiskManager([rule], lower=lower)))
    assert (trade["stop_at_entry"], trade["exit_price"]) == (90.0, 96.0)
    assert trade["rule"] == "PriceBasedStopLoss"


TWO, ONE = [(0.03, 0.5), (0.06, 0.5)], [(0.02, 1.0)]
STEPS, NARROW = [(0.05, 0.06), (0.1, 0.04)], [(0.02, 0.03)]


def test_tables_of_numbers_go_by_regime_too():
    targets = ScaledExit({"regime": {CALM: TWO, STORM: ONE}}, priority=1)
    same = RegimeDependentRule(
        "regime", {CALM: ScaledExit(TWO), STORM: ScaledExit(ONE)}, priority=1
    )
    assert targets.lower() == same.lower()
    assert targets.live_columns == ("regime",)
    trail = DynamicTrailingStop(0.1, schedule={"regime": {CALM: STEPS, STORM: NARROW}})
    members = {
        one: DynamicTrailingStop(0.1, schedule=by) for one, by in ((CALM, STEPS), (STORM, NARROW))
    }
    assert trail.lower() == RegimeDependentRule("regime", members, only_tighten=True).lower()
    for rule in (targets, trail):
        described = describe_rule(rule, "rule")
        assert (
            NamedRule.model_validate(described).make() == rule == pickle.loads(pickle.dumps(rule))
        )
        assert eval(repr(rule)) == rule
    context = FakeContext(columns={"regime": 1.0}, water_mark=103.0)
    assert targets.evaluate(context).update_take_profit == 102.0
    assert trail.evaluate(context).update_stop_loss == pytest.approx(103.0 * 0.97)
    nowhere = FakeContext(columns={"regime": 7.0})
    assert targets.evaluate(nowhere).update_take_profit is None


def test_a_label_without_a_number_is_refused_before_the_run():
    data = market({"A": [FLAT] * 3}, {"regime": {"A": [0.0, 2.0, 1.0]}})
    with pytest.raises(InvalidRuleError, match="'regime' is 2 somewhere"):
        run(data, [PriceBasedStopLoss(pct={"regime": {CALM: 0.1, STORM: 0.04}})])


def test_of_a_feed_it_is_refused_where_its_chunk_begins(tmp_path):
    days = pd.date_range("2024-01-01", periods=6)
    frame = pd.DataFrame({"timestamp": days, "asset": "A"})
    frame.assign(open=100.0, high=100.0, low=100.0, close=100.0).to_parquet(tmp_path / "p.parquet")
    regime = frame.assign(regime=[0.0, 1.0, 0.0, 1.0, 2.0, 0.0])
    feed = DataFeed.from_parquet(tmp_path / "p.parquet", signals=regime, chunk=2)
    rule = PriceBasedStopLoss(pct={"regime": {CALM: 0.1, STORM: 0.04}})
    with pytest.raises(InvalidRuleError, match="'regime' is 2 somewhere"):
        run_backtest(feed, Acts({0: buy_first}), rules=[rule])


def test_by_hand_it_takes_the_number_of_now():
    rule = PriceBasedStopLoss(pct={"regime": {CALM: 0.1, STORM: 0.04}})
    assert rule.evaluate(FakeContext(columns={"regime": 1.0})).update_stop_loss == 96.0
    assert rule.evaluate(FakeContext(columns={"regime": 7.0})).update_stop_loss is None
    price = PriceBasedTakeProfit(price={"regime": {CALM: 120.0, STORM: 110.0}})
    assert price.evaluate(FakeContext(columns={"regime": 0.0})).update_take_profit == 120.0


@pytest.mark.parametrize("text", [str, float])
def test_files_hold_labels_as_texts(text):
    rule = PriceBasedStopLoss(pct={"regime": {text(CALM): 0.1, text(STORM): 0.04}})
    described = describe_rule(rule, "rule")
    assert described["pct"] == {"regime": {"0.0": 0.1, "1.0": 0.04}}
    assert NamedRule.model_validate(described).make() == rule == pickle.loads(pickle.dumps(rule))
    assert repr(rule) == "PriceBasedStopLoss(pct={'regime': {0.0: 0.1, 1.0: 0.04}})"
    assert eval(repr(rule)) == rule
    assert hash(rule) == hash(eval(repr(rule)))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: PriceBasedStopLoss(pct={"calm": 0.1}), "pct by regime is a column and a number for each of its labels"),
        (lambda: PriceBasedStopLoss(pct={}), "pct by regime is a column"),
        (lambda: PriceBasedStopLoss(pct={"a": {0: 0.1}, "b": {0: 0.1}}), "pct by regime is a column"),
        (lambda: PriceBasedStopLoss(pct={"a": {"calm": 0.1}}), "labels of 'a' are numbers, as columns are"),
        (lambda: PriceBasedStopLoss(pct={"a": {0: "wide"}}), "pct must be a number for each label of 'a'"),
        (lambda: PriceBasedStopLoss(pct={"a": {0: 0.1, 1: 1.5}}), "pct must be above 0 and below 1"),
        (lambda: ScaledExit({"a": {0: TWO, 1: [(0.03, 1.5)]}}), "a fraction of the position must be above 0 and at most 1, was 1.5"),
        (lambda: ScaledExit({"a": TWO}), "targets by regime is a column and a number for each of its labels"),
        (lambda: DynamicTrailingStop(0.1, schedule={"a": {0: STEPS, 1: [(0.1, 0.2)]}}), "a schedule only tightens, 0.2 came after 0.1"),
        (lambda: TimeBasedExit({"a": {0: 2.5}}), "max_bars must be a whole number of bars, was 2.5"),
        (lambda: DynamicTrailingStop({"a": {0: 0.1, 1: 0.01}}, schedule=[(0.1, 0.02)]), "a schedule only tightens, 0.02 came after 0.01"),
        (lambda: DynamicTrailingStop(0.1, tighten=0.01, floor={"a": {0: 0.05, 1: 0.2}}), "floor must be above 0 and below pct, 0.1, was 0.2"),
        (lambda: TrailingStop(0.1, activation={"a": {0: 0.05, 1: -0.2}}), "activation must be a number above 0 .*, was -0.2"),
        (lambda: TrailingStop({"a": {0: 0.1}}, activation={"b": {0: 0.1}}), "pct and activation by regime need one column, with the same labels"),
        (lambda: TrailingStop({"a": {0: 0.1}}, activation={"a": {1: 0.1}}), "pct and activation by regime need one column, with the same labels"),
        (lambda: AnyOf([PriceBasedStopLoss(pct={"a": {0: 0.1}})]), "keeps the regime of a position"),
        (lambda: VolatilityScaledStopLoss(2, atr={"a": {0: 1.0}}, live=True), "none is given; leave live out"),
    ],
)  # fmt: skip
def test_bad_numbers_are_refused_in_a_sentence(make, message):
    with pytest.raises(InvalidRuleError, match=message):
        make()
