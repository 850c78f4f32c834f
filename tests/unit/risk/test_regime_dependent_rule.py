"""A rule for each regime: what is given, and what the engine says of a position by hand."""

from dataclasses import replace
from math import inf, nan

import pytest
from scenes import FLAT, market, run
from unit.risk.fake_context import FakeContext

from ml4t.backtest import MarketData
from ml4t.backtest.risk import (
    AllOf,
    AnyOf,
    CompositeRule,
    InvalidRuleError,
    MaxLoss,
    PriceBasedStopLoss,
    PriceBasedTakeProfit,
    RegimeDependentRule,
    RiskDecision,
    RiskManager,
    TimeBasedExit,
    TrailingStop,
)

WIDE, TIGHT = PriceBasedStopLoss(pct=0.10), PriceBasedStopLoss(pct=0.04)
BY_BAND = RegimeDependentRule("vix", [WIDE, TIGHT], bands=[25], hysteresis=1)
BOTH_EXECUTIONS = pytest.mark.parametrize("lower", [True, False], ids=["lowered", "in Python"])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (lambda: RegimeDependentRule("r", {0: WIDE}, labels=[0]), "a mapping has its labels"),
        (lambda: RegimeDependentRule("r", [WIDE, TIGHT]), "needs either labels, or a mapping"),
        (lambda: RegimeDependentRule("r", [WIDE], labels=[0], bands=[1]), "needs either labels"),
        (lambda: RegimeDependentRule(3, {0: WIDE}), "column must be the name of one, was 3"),
        (lambda: RegimeDependentRule("r", {"calm": WIDE}), "labels are numbers.*was 'calm'"),
        (lambda: RegimeDependentRule("r", {nan: WIDE}), "labels are numbers.*was nan"),
        (lambda: RegimeDependentRule("r", [WIDE, TIGHT], labels=[1, 1.0]), "each label stands for"),
        (lambda: RegimeDependentRule("r", [WIDE, TIGHT], labels=[1]), "1 regimes need as many"),
        (lambda: RegimeDependentRule("r", [WIDE, TIGHT], bands=[1, 2]), "3 regimes need as many"),
        (lambda: RegimeDependentRule("r", [WIDE, TIGHT], bands=[]), "edges that rise"),
        (lambda: RegimeDependentRule("r", [WIDE] * 3, bands=[2, 1]), "edges that rise"),
        (lambda: RegimeDependentRule("r", [WIDE, TIGHT], bands=25), "edges that rise"),
        (lambda: replaced(hysteresis=-1), "hysteresis must be a number, 0 or more"),
        (lambda: replaced(hysteresis=inf), "hysteresis must be a number, 0 or more"),
        (lambda: RegimeDependentRule("r", {0: WIDE}, hysteresis=1), "hysteresis belongs to bands"),
        (lambda: replaced(only_tighten=1), "only_tighten must be True or False"),
        (lambda: RegimeDependentRule("r", {}), "needs at least one rule"),
        (
            lambda: RegimeDependentRule(
                "r", {0: WIDE, 1: TrailingStop(0.1, priority=5)}, priority=2
            ),
            r"TrailingStop has priority 5, and what members say has the priority of the whole; leave it out, or give "
            r"RegimeDependentRule\(\.\.\., priority=5\)$",
        ),
        (
            lambda: RegimeDependentRule(
                "r", {0: CompositeRule([WIDE, TrailingStop(0.1, priority=1)])}
            ),
            "CompositeRule has priority 1, and what members say has the priority of the whole",
        ),
        (lambda: RegimeDependentRule("r", {0: own}), "members are built-in rules of one regime"),
        (lambda: RegimeDependentRule("r", {0: BY_BAND}), "members are built-in rules"),
        (lambda: AnyOf([WIDE, BY_BAND]), "AnyOf: RegimeDependentRule keeps the regime"),
        (lambda: AllOf([CompositeRule([BY_BAND])]), "keeps the regime of a position"),
    ],
)
def test_what_is_no_rule_for_each_regime_is_said(given, message):
    with pytest.raises(InvalidRuleError, match=message):
        given()


def replaced(**given):
    return RegimeDependentRule("vix", [WIDE, TIGHT], bands=[25], **given)


def own(_context):
    return RiskDecision.no_action()


def test_it_is_shown_as_it_is_made():
    assert repr(BY_BAND) == (
        "RegimeDependentRule('vix', [PriceBasedStopLoss(pct=0.1), PriceBasedStopLoss(pct=0.04)], "
        "bands=[25.0], hysteresis=1.0)"
    )
    mapped = RegimeDependentRule("r", {0: WIDE, 1: TIGHT}, name="two")
    assert mapped == RegimeDependentRule("r", [WIDE, TIGHT], labels=[0, 1], name="two")
    assert (mapped.live_columns, mapped.name) == (("r",), "two")


def test_asked_alone_it_is_the_member_of_the_value_now():
    for side in (1, -1):
        context = FakeContext(side=side)
        for vix, distance in ((24.9, 10.0), (25.0, 4.0), (99.0, 4.0)):
            decision = BY_BAND.evaluate(replace(context, columns={"vix": vix}))
            assert decision.update_stop_loss == pytest.approx(100.0 - side * distance)
        assert BY_BAND.evaluate(replace(context, columns={"vix": nan})) == RiskDecision.no_action()
    labelled = RegimeDependentRule("r", {0: WIDE, 1: TIGHT})
    assert labelled.evaluate(FakeContext(columns={"r": 1.0})).update_stop_loss == 96.0
    assert labelled.evaluate(FakeContext(columns={"r": 2.0})) == RiskDecision.no_action()


def with_column(bars, values, name="vix"):
    data = market({"A": bars})
    return MarketData.from_arrays(
        data.assets,
        data.timestamps,
        data.offsets,
        data.asset_codes,
        data.open,
        data.high,
        data.low,
        data.close,
        features={name: values},
    )


def stops(rule, values, side="buy", bars=None, lower=True):
    """Stops after each close, the first at the close of the bar that was entered at its open."""
    seen = []
    acts = {t: lambda s: seen.append(s.levels("A").stop) for t in range(1, len(values))}
    acts[0] = lambda s: getattr(s, side)("A", 10.0)
    bars = bars or [FLAT] * len(values)
    manager = RiskManager([rule], lower=lower)
    result = run(with_column(bars, values), acts=acts, risk_manager=manager)
    return seen, result


@BOTH_EXECUTIONS
@pytest.mark.parametrize(("side", "sign"), [("buy", 1.0), ("sell", -1.0)])
def test_a_band_changes_beyond_the_hysteresis_alone(lower, side, sign):
    values = [20.0, 25.5, 26.0, 24.5, nan, 24.0, 23.9, 99.0]
    #            <26    >=26  >=24  keeps >=24  <24  >=26
    seen, _ = stops(BY_BAND, values, side, lower=lower)
    wide, tight = 100.0 * (1.0 - sign * 0.10), 100.0 * (1.0 - sign * 0.04)
    assert seen == [wide, tight, tight, tight, tight, wide, tight]


@BOTH_EXECUTIONS
def test_levels_stay_where_they_only_tighten(lower):
    tightens = RegimeDependentRule("vix", [WIDE, TIGHT], bands=[25], only_tighten=True)
    seen, _ = stops(tightens, [20.0, 20.0, 30.0, 20.0, 30.0], lower=lower)
    assert seen == [90.0, 96.0, 96.0, 96.0]


def test_a_trail_begins_anew_from_the_best_price():
    rule = RegimeDependentRule("vix", [TrailingStop(0.2), TrailingStop(0.1)], bands=[25])
    rose, back = (100.0, 120.0, 100.0, 120.0), (115.0, 115.0, 115.0, 115.0)
    seen, _ = stops(rule, [30.0, 30.0, 30.0, 20.0, 30.0], bars=[FLAT, FLAT, rose, back, back])
    assert seen == pytest.approx([90.0, 108.0, 96.0, 108.0])


def test_one_target_and_one_time_for_each_regime():
    rule = RegimeDependentRule("vix", [PriceBasedTakeProfit(pct=0.1), TimeBasedExit(2)], bands=[25])
    _, result = stops(rule, [20.0, 20.0, 20.0, 20.0, 30.0, 20.0])
    trade = result.trades.iloc[0]
    assert (trade["exit_type"], trade["rule"]) == ("time_exit", "RegimeDependentRule")
    assert trade["bars_held"] == 4  # decided at the first close in the regime of the time exit


def test_an_unknown_regime_says_nothing_and_is_told():
    seen, result = stops(BY_BAND, [nan, nan, 20.0, nan])
    assert seen == pytest.approx([nan, 90.0, 90.0], nan_ok=True)
    told = result.events[result.events["kind"] == "nan_input"]
    assert told["reason"].tolist() == ["vix"]


def test_a_label_without_a_rule_is_refused_before_the_run():
    rule = RegimeDependentRule("vix", {0: WIDE, 1: MaxLoss(50)})
    seen, _ = stops(rule, [0.0, 1.0, nan, 0.0])
    assert seen == [95.0, 95.0, 90.0]
    with pytest.raises(InvalidRuleError, match=r"'vix' is 2 somewhere.*there are rules for 0, 1"):
        stops(rule, [0.0, 1.0, 2.0, 0.0])
    with pytest.raises(ValueError, match="no column 'vix'"):
        run([FLAT, FLAT], rules=[rule])


def test_a_label_of_another_asset_is_no_matter_of_a_rule():
    bars = {"A": [FLAT] * 3, "B": [FLAT] * 3}
    data = market(bars, {"regime": {"A": [0.0, 1.0, 0.0], "B": [0.0, 5.0, 7.0]}})
    stop = {0: PriceBasedStopLoss(pct=0.1), 1: PriceBasedStopLoss(pct=0.05)}
    manager = RiskManager()
    manager.add_rule(RegimeDependentRule("regime", stop), assets="A")
    run(data, risk_manager=manager)
    manager.add_rule(RegimeDependentRule("regime", stop), assets=["A", "B"])
    with pytest.raises(InvalidRuleError, match="'regime' is 5 somewhere"):
        run(data, risk_manager=manager)
