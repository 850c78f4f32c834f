import copy
import pickle
from dataclasses import FrozenInstanceError, replace
from decimal import Decimal
from fractions import Fraction
from math import inf, nan

import numpy as np
import pytest
from unit.risk.fake_context import FakeContext

from ml4t.backtest.risk.decision import ExitType, RiskDecision
from ml4t.backtest.risk.rule import InvalidRuleError
from ml4t.backtest.risk.rules import (
    BreakEven,
    DynamicTrailingStop,
    MaxLoss,
    PriceBasedStopLoss,
    PriceBasedTakeProfit,
    SignalExit,
    TimeBasedExit,
    TrailingStop,
    VolatilityScaledStopLoss,
    VolatilityScaledTakeProfit,
)
from ml4t.backtest.risk.spec import Form, RuleSpec

LONG = FakeContext(side=1, level_price=100.0, water_mark=120.0)
SHORT = FakeContext(side=-1, level_price=100.0, water_mark=80.0)


def level(rule, context):
    decision = rule.evaluate(context)
    assert not decision.should_exit
    return decision.update_stop_loss or decision.update_take_profit


@pytest.mark.parametrize(
    ("rule", "long", "short"),
    [
        (PriceBasedStopLoss(pct=0.05), 100.0 * (1.0 - 0.05), 100.0 * (1.0 + 0.05)),
        (PriceBasedStopLoss(price=93.0), 93.0, 93.0),
        (PriceBasedTakeProfit(pct=0.07), 100.0 * (1.0 + 0.07), 100.0 * (1.0 - 0.07)),
        (PriceBasedTakeProfit(price=112.0), 112.0, 112.0),
        (TrailingStop(pct=0.05), 120.0 * (1.0 - 0.05), 80.0 * (1.0 + 0.05)),
        (TrailingStop(amount=6.5), 113.5, 86.5),
        (TrailingStop(atr=2.5, k=3), 112.5, 87.5),
        (VolatilityScaledStopLoss(2, atr=3.5), 93.0, 107.0),
        (VolatilityScaledStopLoss(3, volatility=0.02), 100.0 * (1.0 - 0.06), 100.0 * (1.0 + 0.06)),
        (VolatilityScaledTakeProfit(4, atr=2.5), 110.0, 90.0),
        (VolatilityScaledTakeProfit(k=60, volatility=0.01), 160.0, 40.0),
        (TrailingStop(0.05, activation=0.2), 120.0 * (1.0 - 0.05), 80.0 * (1.0 + 0.05)),
        (BreakEven(0.1), 100.0, 100.0),
        (MaxLoss(70), 93.0, 107.0),
    ],
    ids=repr,
)
def test_level_is_the_formula_on_both_sides(rule, long, short):
    assert level(rule, LONG) == long
    assert level(rule, SHORT) == short


@pytest.mark.parametrize(
    ("rule", "kind"),
    [
        (PriceBasedStopLoss(pct=0.05), ExitType.STOP_LOSS),
        (TrailingStop(0.05), ExitType.TRAILING_STOP),
        (PriceBasedTakeProfit(pct=0.05), ExitType.TAKE_PROFIT),
    ],
    ids=repr,
)
def test_a_level_carries_its_type_and_the_rules_own_priority(rule, kind):
    decision = rule.evaluate(LONG)
    assert (decision.exit_type, decision.priority, decision.reason) == (kind, None, "")


@pytest.mark.parametrize("rule", [TrailingStop(0.05, activation=0.3), BreakEven(0.3)], ids=repr)
def test_a_stop_waits_until_the_best_price_has_come_so_far(rule):
    for context in (LONG, SHORT):
        assert rule.evaluate(context) is RiskDecision.no_action()
        reached = replace(context, water_mark=100.0 + context.side * 30.0)
        assert level(rule, reached) > 0.0
    # Six were paid: the long's water mark has fallen with the price, and so has what it has to reach.
    paid = {"dividend_average": 6.0, "dividend_sum": 6.0}
    assert level(rule, replace(LONG, water_mark=124.0, **paid)) == pytest.approx(
        {"TrailingStop": 124.0 * 0.95, "BreakEven": 94.0}[type(rule).__name__]
    )
    assert rule.evaluate(replace(LONG, water_mark=123.9, **paid)) is RiskDecision.no_action()
    assert rule.evaluate(replace(SHORT, water_mark=70.1, **paid)) is RiskDecision.no_action()


def test_a_dynamic_trail_tightens_with_the_bars_down_to_its_floor():
    rule = DynamicTrailingStop(0.1, tighten=0.02, floor=0.03)
    for bars, pct in ((0, 0.1), (1, 0.1 - 0.02), (3, 0.1 - 0.02 * 3), (4, 0.03), (100, 0.03)):
        assert level(rule, replace(LONG, bars_held=bars)) == 120.0 * (1.0 - pct)
        assert level(rule, replace(SHORT, bars_held=bars)) == 80.0 * (1.0 + pct)


def test_a_dynamic_trail_tightens_with_the_gains_of_its_schedule():
    rule = DynamicTrailingStop(0.1, schedule=[(0.125, 0.06), (0.25, 0.03)])
    for gain, pct in ((0.05, 0.1), (0.125, 0.06), (0.24, 0.06), (0.25, 0.03)):
        for context in (LONG, SHORT):
            water = 100.0 + context.side * 100.0 * gain
            expected = water * (1.0 - context.side * pct)
            assert level(rule, replace(context, water_mark=water)) == pytest.approx(expected)
    assert [spec.activation for spec in rule.lower()] == [None, 0.125, 0.25]


def test_break_even_with_costs_earns_the_commission_there_and_back():
    rule = BreakEven(0.1, costs=True)
    assert level(rule, replace(LONG, commission_per_unit=0.25)) == 100.5
    assert level(rule, replace(SHORT, commission_per_unit=0.25)) == 99.5


def test_a_live_column_is_not_frozen():
    rule = VolatilityScaledStopLoss(2, atr="risk", live=True)
    assert (rule.frozen_columns, rule.live_columns) == ((), ("risk",))
    assert rule.lower()[0].only_tighten
    assert not VolatilityScaledStopLoss(2, atr="risk").lower()[0].only_tighten
    decision = rule.evaluate(replace(LONG, columns={"risk": 2.5}))
    assert (decision.update_stop_loss, decision.only_tighten) == (95.0, True)
    assert rule.evaluate(replace(LONG, columns={"risk": nan})) is RiskDecision.no_action()


def test_levels_are_armed_at_the_opening_too():
    opening = FakeContext(bars_held=0, opening=True)
    assert level(PriceBasedStopLoss(pct=0.05), opening) == 95.0
    assert level(TrailingStop(0.05), opening) == 95.0


@pytest.mark.parametrize(("bars_held", "exits"), [(2, False), (3, True), (4, True)])
def test_time_exit_on_the_exact_bar(bars_held, exits):
    decision = TimeBasedExit(3).evaluate(FakeContext(bars_held=bars_held))
    assert decision.should_exit is exits
    assert decision.exit_type == ("time_exit" if exits else None)


def test_time_exit_never_leaves_at_the_opening():
    context = FakeContext(bars_held=9, opening=True)
    assert TimeBasedExit(1).evaluate(context) is RiskDecision.no_action()


@pytest.mark.parametrize(
    ("rule", "value", "expected"),
    [
        (PriceBasedStopLoss(pct="risk"), 0.1, 100.0 * (1.0 - 0.1)),
        (PriceBasedStopLoss(price="risk"), 88.5, 88.5),
        (PriceBasedTakeProfit(pct="risk"), 2.5, 100.0 * (1.0 + 2.5)),
        (PriceBasedTakeProfit(price="risk"), 101.0, 101.0),
        (TrailingStop("risk"), 0.25, 120.0 * (1.0 - 0.25)),
        (TrailingStop(amount="risk"), 4.0, 116.0),
        (TrailingStop(atr="risk", k=2.5), 4.0, 110.0),
        (VolatilityScaledStopLoss(2.5, atr="risk"), 4.0, 90.0),
        (VolatilityScaledStopLoss(2, volatility="risk"), 0.1, 80.0),
        (VolatilityScaledTakeProfit(2.5, atr="risk"), 4.0, 110.0),
        (VolatilityScaledTakeProfit(2.5, volatility="risk"), 0.5, 225.0),
        (BreakEven("risk"), 0.2, 100.0),
    ],
    ids=repr,
)
def test_parameter_read_from_a_column(rule, value, expected):
    assert rule.frozen_columns == ("risk",)
    context = FakeContext(water_mark=120.0, columns={"risk": value})
    assert level(rule, context) == expected


@pytest.mark.parametrize(
    ("rule", "values"),
    [
        (PriceBasedStopLoss(pct="risk"), (nan, 0.0, 1.0, -0.1, inf)),
        (PriceBasedStopLoss(price="risk"), (nan, 0.0, -5.0, inf)),
        (PriceBasedTakeProfit(pct="risk"), (nan, 0.0, -0.1, inf)),
        (PriceBasedTakeProfit(price="risk"), (nan, 0.0, inf)),
        (TrailingStop("risk"), (nan, 0.0, 1.0, 1.5)),
        (TrailingStop(amount="risk"), (nan, 0.0, -1.0, inf)),
        (VolatilityScaledStopLoss(2, atr="risk"), (nan, 0.0, -1.0, inf)),
        (VolatilityScaledStopLoss(4, volatility="risk"), (nan, 0.0, 0.25, -0.1)),
        (VolatilityScaledTakeProfit(4, volatility="risk"), (nan, 0.0, -0.1, inf)),
        (TimeBasedExit("risk"), (nan, 0.0, 0.5, inf)),
        (BreakEven("risk"), (nan, 0.0, -0.1, inf)),
    ],
    ids=repr,
)
def test_a_column_value_out_of_range_counts_as_nan(rule, values):
    for value in values:
        context = FakeContext(bars_held=10**9, columns={"risk": value})
        assert rule.evaluate(context) is RiskDecision.no_action()


def test_bars_from_a_column_need_not_be_whole():
    rule = TimeBasedExit("half_life")
    for bars_held, exits in [(2, False), (3, True)]:
        context = FakeContext(bars_held=bars_held, columns={"half_life": 2.5})
        assert rule.evaluate(context).should_exit is exits


def test_a_split_divides_an_absolute_price():
    context = FakeContext(level_price=25.0, split_ratio=4.0, columns={"risk": 80.0})
    assert level(PriceBasedStopLoss(price=90), context) == 22.5
    assert level(PriceBasedTakeProfit(price="risk"), context) == 20.0


def test_a_split_divides_distances_and_no_fractions():
    # An ATR of 8 before four for one is one of 2: 25 - 1.5·2, and 25·(1 - 1.5·0.1) as ever.
    context = FakeContext(level_price=25.0, split_ratio=4.0, columns={"atr": 8.0, "vol": 0.1})
    assert level(VolatilityScaledStopLoss(1.5, atr="atr"), context) == 22.0
    assert level(VolatilityScaledStopLoss(1.5, atr=8), context) == 22.0
    assert level(VolatilityScaledStopLoss(1.5, volatility="vol"), context) == 21.25


def test_dividends_lower_what_lies_below_the_market():
    # A long's stop by what was paid: 95 - 2 of E, 90 - 3 of a price. Its target stays, and so does a
    # short's stop; a short's target falls.
    paid = {"dividend_average": 2.0, "dividend_sum": 3.0}
    long, short = FakeContext(**paid), FakeContext(side=-1, **paid)
    assert level(PriceBasedStopLoss(pct=0.05), long) == 93.0
    assert level(PriceBasedStopLoss(price=90), long) == 87.0
    assert level(PriceBasedTakeProfit(pct=0.1), long) == pytest.approx(110.0)
    assert level(PriceBasedTakeProfit(price=120), long) == 120.0
    assert level(PriceBasedStopLoss(pct=0.05), short) == 105.0
    assert level(PriceBasedStopLoss(price=107), short) == 107.0
    assert level(PriceBasedTakeProfit(pct=0.1), short) == 88.0
    assert level(PriceBasedTakeProfit(price=80), short) == 77.0
    # A distance is one of E, whose formulas have what was paid on average taken off.
    assert level(VolatilityScaledStopLoss(2, atr=3), long) == 92.0
    assert level(VolatilityScaledTakeProfit(2, atr=3), long) == 106.0
    assert level(VolatilityScaledTakeProfit(2, atr=3), short) == 92.0
    assert level(TrailingStop(amount=3), long) == 97.0  # the water mark has fallen itself


def test_a_stop_that_dividends_have_taken_to_zero_arms_nothing():
    context = FakeContext(dividend_average=95.0, dividend_sum=95.0)
    assert PriceBasedStopLoss(pct=0.05).evaluate(context) is RiskDecision.no_action()
    assert PriceBasedStopLoss(price=90).evaluate(context) is RiskDecision.no_action()


def test_a_stop_that_only_tightens_says_so():
    rule = PriceBasedStopLoss(pct=0.05, only_tighten=True)
    assert rule.evaluate(FakeContext()).only_tighten
    assert not PriceBasedStopLoss(pct=0.05).evaluate(FakeContext()).only_tighten
    assert repr(rule) == "PriceBasedStopLoss(pct=0.05, only_tighten=True)"
    assert rule != PriceBasedStopLoss(pct=0.05)


def test_a_short_target_no_price_can_reach_arms_nothing():
    assert PriceBasedTakeProfit(pct=1.0).evaluate(SHORT) is RiskDecision.no_action()
    assert PriceBasedTakeProfit(pct=1e308).evaluate(FakeContext(level_price=1e10)) == RiskDecision()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: PriceBasedStopLoss(),
            "PriceBasedStopLoss needs exactly one of pct, price; had none",
        ),
        (
            lambda: PriceBasedTakeProfit(pct=0.1, price=9),
            "exactly one of pct, price, r; had pct and price",
        ),
        (
            lambda: PriceBasedStopLoss(pct=5),
            r"pct must be above 0 and below 1 \(a fraction: .* was 5.0",
        ),
        (
            lambda: PriceBasedStopLoss(pct=0.1, only_tighten="yes"),
            "PriceBasedStopLoss: only_tighten must be True or False, was 'yes'",
        ),
        (lambda: PriceBasedStopLoss(pct=1), "pct must be above 0 and below 1"),
        (lambda: PriceBasedStopLoss(pct=0), "pct must be above 0 and below 1"),
        (lambda: TrailingStop(nan), "pct must be above 0 and below 1 .* was nan"),
        (lambda: PriceBasedTakeProfit(pct=0), "pct must be above 0 and finite"),
        (lambda: PriceBasedTakeProfit(price=inf), "price must be above 0 and finite, was inf"),
        (
            lambda: TimeBasedExit(0),
            "TimeBasedExit: max_bars must be at least 1 and finite, was 0.0",
        ),
        (lambda: TimeBasedExit(2.5), "max_bars must be a whole number of bars, was 2.5"),
        (
            lambda: TrailingStop([0.05]),
            r"pct must be a number or the name of a column, was \[0.05\]",
        ),
        (lambda: TrailingStop(""), "was an empty name"),
        (
            lambda: TrailingStop(None),
            "TrailingStop needs exactly one of pct, amount, atr; had none",
        ),
        (lambda: TrailingStop(0.05, amount=2), "had pct and amount"),
        (
            lambda: TrailingStop(0.05, k=2),
            r"TrailingStop: k=2.0 multiplies atr, which is not given",
        ),
        (lambda: TrailingStop(atr="atr", k=None), "k must be a number above 0 .* was None"),
        (lambda: VolatilityScaledStopLoss(None, atr=2.0), "k must be a number above 0 .* was None"),
        (lambda: TrailingStop(atr="atr", k=0), "k must be a number above 0 and finite, was 0"),
        (lambda: TrailingStop(amount=10**400), "amount must be above 0 and finite, was inf"),
        (lambda: TrailingStop(atr="atr", k=10**400), "k must be .* finite, was inf"),
        (lambda: TrailingStop(0.05, activation=0), "activation must be a number above 0 .* was 0"),
        (lambda: TrailingStop(0.05, activation=[]), r"activation must be a number above 0 .* \[\]"),
        (lambda: DynamicTrailingStop(0.1), r"needs one of tighten \(with floor\) and schedule"),
        (
            lambda: DynamicTrailingStop(0.1, tighten=0.01, floor=0.02, schedule=[(0.1, 0.05)]),
            "needs one of tighten",
        ),
        (
            lambda: DynamicTrailingStop(0.1, tighten=0.01),
            "tighten needs a floor, the fraction at which it stays",
        ),
        (lambda: DynamicTrailingStop(0.1, tighten=0.01, floor=0.1), "below pct, 0.1, was 0.1"),
        (lambda: DynamicTrailingStop(0.1, tighten=-1, floor=0.01), "tighten must be .* above 0"),
        (
            lambda: DynamicTrailingStop("pct", schedule=[(0.1, 0.05)]),
            "of a schedule .* the column 'pct'",
        ),
        (
            lambda: DynamicTrailingStop("pct", tighten=0.1, floor=1.0),
            "above 0 and below 1, was 1.0",
        ),
        (
            lambda: DynamicTrailingStop(2, tighten=0.1, floor=0.01),
            "pct must be above 0 and below 1",
        ),
        (
            lambda: DynamicTrailingStop(0.1, schedule=[]),
            r"pairs of a gain and a fraction, .* was \[\]",
        ),
        (lambda: DynamicTrailingStop(0.1, schedule=0.05), "pairs of a gain .* was 0.05"),
        (lambda: DynamicTrailingStop(0.1, schedule=[(0.1,)]), "pairs of a gain"),
        (
            lambda: DynamicTrailingStop(0.1, schedule=[(0.1, 0.05), (0.2, 0.06)]),
            "a schedule only tightens, 0.06 came after 0.05",
        ),
        (lambda: DynamicTrailingStop(0.1, schedule=[(0.1, 0.2)]), "0.2 came after 0.1"),
        (
            lambda: DynamicTrailingStop(0.1, schedule=[(0.2, 0.05), (0.1, 0.04)]),
            "gains of a schedule must be above 0 and rise, 0.1 came after 0.2",
        ),
        (
            lambda: DynamicTrailingStop(0.1, floor=0.01, schedule=[(0.2, 0.05)]),
            "floor belongs to tighten",
        ),
        (lambda: BreakEven(-0.1), r"gain must be above 0 and finite \(a fraction: .* was -0.1"),
        (lambda: BreakEven(0.1, costs=2), "costs must be True or False, was 2"),
        (
            lambda: VolatilityScaledStopLoss(2, atr=1, live=True),
            "live=True reads a column anew at every close, and none is given; leave live out",
        ),
        (
            lambda: VolatilityScaledTakeProfit(2, atr="atr", live=1),
            "live must be True or False, was 1",
        ),
        (
            lambda: VolatilityScaledStopLoss("atr"),
            "needs exactly one of atr, volatility; had none",
        ),
        (lambda: VolatilityScaledStopLoss(True, atr=1), "k must be a number above 0 .* was True"),
        (lambda: VolatilityScaledStopLoss(2), "needs exactly one of atr, volatility; had none"),
        (
            lambda: VolatilityScaledTakeProfit(2, atr=0),
            "2.0 times atr must be above 0 and finite, was 0.0",
        ),
        (
            lambda: VolatilityScaledStopLoss(2, volatility=0.6),
            r"2.0 times volatility must be above 0 and below 1 \(a fraction: .* was 1.2",
        ),
        (
            lambda: TrailingStop(0.05, priority="high"),
            "priority must be a whole number, was 'high'",
        ),
    ],
)
def test_a_wrong_parameter_is_refused_when_the_rule_is_made(make, message):
    with pytest.raises(InvalidRuleError, match=message):
        make()


@pytest.mark.parametrize("number", [Decimal("0.5"), Fraction(1, 2), np.float32(0.5)], ids=repr)
def test_any_number_makes_the_same_rule(number):
    assert TrailingStop(number) == TrailingStop(0.5)
    assert type(TrailingStop(number).pct) is float


@pytest.mark.parametrize("number", [5, 5.0, Decimal(5), np.int64(5)], ids=repr)
def test_any_whole_number_makes_the_same_time_exit(number):
    assert TimeBasedExit(number) == TimeBasedExit(5)
    assert type(TimeBasedExit(number).max_bars) is int


@pytest.mark.parametrize(
    ("rule", "spec"),
    [
        (PriceBasedStopLoss(pct=0.05), RuleSpec(ExitType.STOP_LOSS, 0.05, Form.FRACTION, 0)),
        (PriceBasedStopLoss(price="s"), RuleSpec(ExitType.STOP_LOSS, "s", Form.PRICE, 0)),
        (
            PriceBasedTakeProfit(price=9, priority=2),
            RuleSpec(ExitType.TAKE_PROFIT, 9.0, Form.PRICE, 2),
        ),
        (
            PriceBasedStopLoss(pct=0.05, only_tighten=True),
            RuleSpec(ExitType.STOP_LOSS, 0.05, Form.FRACTION, 0, True),
        ),
        (TrailingStop("t", priority=-1), RuleSpec(ExitType.TRAILING_STOP, "t", Form.FRACTION, -1)),
        (TimeBasedExit(5), RuleSpec(ExitType.TIME_EXIT, 5.0, Form.BARS, 0)),
        (
            VolatilityScaledStopLoss(2, atr="atr", only_tighten=True, priority=1),
            RuleSpec(ExitType.STOP_LOSS, "atr", Form.DISTANCE, 1, True, multiple=2.0),
        ),
    ],
    ids=repr,
)
def test_lowered_form(rule, spec):
    assert rule.lower() == (spec,)
    assert spec.column == (rule.frozen_columns[0] if rule.frozen_columns else None)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ((ExitType.TRAILING_STOP, 5.0, Form.PRICE), "there is no trailing_stop by a price"),
        ((ExitType.RISK_EXIT, 5.0, Form.FRACTION), "there is no risk_exit by a fraction"),
        (
            (ExitType.STOP_LOSS, 1.0, Form.FRACTION),
            "value of a stop_loss must be above 0 and below 1, was 1.0",
        ),
    ],
)
def test_a_spec_is_checked(spec, message):
    with pytest.raises(ValueError, match=message):
        RuleSpec(*spec)


def test_names_and_reprs():
    assert TrailingStop(0.05).name == "TrailingStop"
    assert TrailingStop(0.05, name="trail").name == "trail"
    assert repr(PriceBasedStopLoss(pct=0.05)) == "PriceBasedStopLoss(pct=0.05)"
    assert (
        repr(TimeBasedExit(5, priority=1, name="x"))
        == "TimeBasedExit(max_bars=5, priority=1, name='x')"
    )
    assert repr(TrailingStop("vol")) == "TrailingStop(pct='vol')"
    assert repr(TrailingStop(atr="atr", k=3)) == "TrailingStop(atr='atr', k=3.0)"
    scaled = VolatilityScaledStopLoss(2, atr="atr", only_tighten=True)
    assert repr(scaled) == "VolatilityScaledStopLoss(atr='atr', only_tighten=True, k=2.0)"
    assert repr(BreakEven(0.1, costs=True)) == "BreakEven(gain=0.1, costs=True)"
    live = VolatilityScaledTakeProfit(2, atr="atr", live=True)
    assert repr(live) == "VolatilityScaledTakeProfit(atr='atr', k=2.0, live=True)"
    once = VolatilityScaledTakeProfit(1, atr=2)
    assert repr(once) == "VolatilityScaledTakeProfit(atr=2.0, k=1.0)"


def test_a_rule_is_immutable_copies_and_pickles():
    rule = PriceBasedTakeProfit(pct=0.1, priority=3)
    with pytest.raises(FrozenInstanceError):
        rule.pct = 0.2
    assert pickle.loads(pickle.dumps(rule)) == copy.deepcopy(rule) == rule
    assert hash(rule) == hash(PriceBasedTakeProfit(pct=0.1, priority=3))


@pytest.mark.parametrize(
    ("rule", "leaves", "stays"),
    [
        (SignalExit("rsi", above=70), (70.5, inf), (70.0, 12.0, nan)),
        (SignalExit("rsi", below=30), (29.5, -5.0), (30.0, 70.0, nan)),
        (SignalExit("rsi", below=0), (-1.0,), (0.0, 1.0, nan)),
    ],
    ids=repr,
)
def test_a_signal_ends_a_position_beyond_its_value_alone(rule, leaves, stays):
    assert (rule.frozen_columns, rule.live_columns) == ((), ("rsi",))
    for context in (LONG, SHORT):
        for value in stays:
            told = replace(context, columns={"rsi": value})
            assert rule.evaluate(told) is RiskDecision.no_action()
        for value in (one for one in leaves if one != inf):  # an infinity is no valid value
            told = replace(context, columns={"rsi": value})
            decision = rule.evaluate(told)
            assert (decision.should_exit, decision.exit_type) == (True, ExitType.OTHER)
            assert decision.reason == "rsi"
            assert rule.evaluate(replace(told, opening=True)) is RiskDecision.no_action()


def test_a_signal_for_one_side_leaves_the_other():
    for side, ends, leaves in (("long", LONG, SHORT), ("short", SHORT, LONG)):
        rule = SignalExit("rsi", above=70, side=side)
        assert rule.evaluate(replace(ends, columns={"rsi": 71.0})).should_exit
        assert not rule.evaluate(replace(leaves, columns={"rsi": 71.0})).should_exit


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SignalExit("rsi"), "needs exactly one of above and below"),
        (lambda: SignalExit("rsi", above=1, below=2), "needs exactly one of above and below"),
        (lambda: SignalExit(3, above=1), "column must be the name of one, was 3"),
        (lambda: SignalExit("", above=1), "must be a number or a column, was an empty name"),
        (lambda: SignalExit("rsi", above=()), r"above must be a number that is finite, was \(\)"),
        (lambda: SignalExit("rsi", below=nan), "below must be a number that is finite, was nan"),
        (lambda: SignalExit("rsi", below=1, side="both"), "side must be 'long', 'short' or None"),
        (lambda: SignalExit("rsi", below=1, side=[1]), "side must be 'long', 'short' or None"),
    ],
)
def test_what_is_no_exit_by_a_signal_is_said(make, message):
    with pytest.raises(InvalidRuleError, match=message):
        make()


def test_a_target_by_the_risk_is_a_multiple_of_it():
    rule = PriceBasedTakeProfit(r=2.5)
    for risk, distance in ((4.0, 10.0), (10.0, 25.0)):
        for context in (LONG, SHORT):
            told = replace(context, initial_risk=risk)
            assert level(rule, told) == 100.0 + context.side * distance
    paid = {"initial_risk": 4.0, "dividend_average": 1.0}
    assert (level(rule, replace(LONG, **paid)), level(rule, replace(SHORT, **paid))) == (
        110.0,
        89.0,
    )
    for none in (nan, 0.0, -3.0):
        assert rule.evaluate(replace(LONG, initial_risk=none)) is RiskDecision.no_action()


def test_a_max_loss_is_of_the_units_held():
    rule = MaxLoss("money")
    for units, distance in ((10.0, 8.0), (20.0, 4.0), (4.0, 20.0)):
        for context in (LONG, SHORT):
            told = replace(context, columns={"money": 80.0}, units=units)
            assert level(rule, told) == 100.0 - context.side * distance
    # Two a unit were paid: at 90 the long has lost 12 a unit, and been paid 2.
    assert level(MaxLoss(80), replace(LONG, dividend_average=2.0)) == 90.0
    assert level(MaxLoss(80), replace(SHORT, dividend_average=2.0)) == 108.0
    # All that the long is worth: no price comes there.
    assert MaxLoss(1000).evaluate(LONG) is RiskDecision.no_action()
    assert level(MaxLoss(1000), SHORT) == 200.0
    with pytest.raises(InvalidRuleError, match=r"amount must be above 0 and finite, was 0\.0"):
        MaxLoss(0)
