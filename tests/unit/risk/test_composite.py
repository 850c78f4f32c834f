import pickle

import pytest
from unit.risk.fake_context import FakeContext

from ml4t.backtest.risk.composite import AllOf, AnyOf, CompositeRule
from ml4t.backtest.risk.decision import InvalidDecisionError, RiskDecision
from ml4t.backtest.risk.rule import InvalidRuleError, RiskRule
from ml4t.backtest.risk.rules import (
    PriceBasedStopLoss,
    PriceBasedTakeProfit,
    TimeBasedExit,
    TrailingStop,
)

CONTEXT = FakeContext(water_mark=110.0, bars_held=5)  # trail 5%: 104.5
STOP, WIDE = PriceBasedStopLoss(pct=0.05), PriceBasedStopLoss(pct=0.2)
TARGET, TRAIL, TIMED = PriceBasedTakeProfit(pct=0.1), TrailingStop(0.05), TimeBasedExit(5)


def leave(context):
    return RiskDecision.exit_now("risk_exit", reason="seen enough")


def stay(context):
    return RiskDecision.no_action()


def test_composite_merges_its_members():
    decision = CompositeRule([STOP, TRAIL, TARGET, TIMED]).evaluate(CONTEXT)
    assert (decision.should_exit, decision.exit_type) == (True, "time_exit")
    assert decision.update_stop_loss == 110.0 * (1.0 - 0.05)
    assert decision.update_take_profit == 100.0 * (1.0 + 0.1)
    assert [part.exit_type for part in decision.parts] == [
        "time_exit",
        "trailing_stop",
        "take_profit",
    ]


def test_members_of_a_composite_keep_their_priorities():
    important = PriceBasedStopLoss(pct=0.2, priority=1)
    decision = CompositeRule([STOP, important, TARGET]).evaluate(CONTEXT)
    assert decision.update_stop_loss == 80.0
    assert [part.priority for part in decision.parts] == [1, 0]


def test_a_decisions_priority_goes_before_its_rules():
    def urgent(context):
        return RiskDecision.exit_now("other", priority=9)

    decision = CompositeRule([TimeBasedExit(1, priority=3), urgent]).evaluate(CONTEXT)
    assert (decision.exit_type, decision.priority) == ("other", 9)


def test_composites_nest():
    nested = CompositeRule([STOP, CompositeRule([TRAIL, CompositeRule([TARGET])])])
    assert nested.members == (STOP, TRAIL, TARGET)
    flat = CompositeRule([STOP, TRAIL, TARGET])
    assert nested.evaluate(CONTEXT) == flat.evaluate(CONTEXT)
    assert nested.lower() == flat.lower() == STOP.lower() + TRAIL.lower() + TARGET.lower()


def test_a_composite_lowers_only_when_all_members_do():
    assert CompositeRule([STOP, leave]).lower() is None
    assert AnyOf([STOP, leave]).lower() is None
    assert AllOf([STOP]).lower() is None


def test_columns_of_all_members_are_named_once():
    group = AnyOf(
        [TrailingStop("vol"), AllOf([PriceBasedStopLoss(pct="vol"), TimeBasedExit("bars")])]
    )
    assert group.frozen_columns == ("vol", "bars")


def test_any_of_exits_when_one_says_so():
    assert AnyOf([leave, stay]).evaluate(CONTEXT).reason == "seen enough"
    assert AnyOf([stay, STOP]).evaluate(CONTEXT).update_stop_loss == 95.0
    assert AnyOf([stay, stay]).evaluate(CONTEXT) is RiskDecision.no_action()


def test_any_of_competes_with_its_own_priority():
    group = AnyOf([STOP, PriceBasedStopLoss(pct=0.2, priority=9)], priority=2)
    decision = group.evaluate(CONTEXT)
    assert (decision.update_stop_loss, decision.priority, group.priority) == (80.0, None, 2)
    outer = CompositeRule([group, PriceBasedStopLoss(pct=0.3, priority=3)])
    assert outer.evaluate(CONTEXT).update_stop_loss == 70.0
    assert outer.members == outer.rules


def test_all_of_exits_only_when_all_say_so():
    assert AllOf([leave, TIMED]).evaluate(CONTEXT).exit_type == "time_exit"
    assert AllOf([leave, stay]).evaluate(CONTEXT) is RiskDecision.no_action()
    assert AllOf([leave, STOP]).evaluate(CONTEXT) is RiskDecision.no_action()


@pytest.mark.parametrize(
    ("side", "stop", "target"), [(1, 80.0, 100.0 * (1.0 + 0.3)), (-1, 120.0, 100.0 * (1.0 - 0.3))]
)
def test_all_of_keeps_the_loosest_level_of_all(side, stop, target):
    context = FakeContext(side=side)
    group = AllOf([STOP, PriceBasedStopLoss(pct=0.2, priority=-5)])
    assert group.evaluate(context).update_stop_loss == stop
    group = AllOf([PriceBasedTakeProfit(pct=0.3), TARGET])
    assert group.evaluate(context).update_take_profit == target


def test_all_of_has_no_stop_when_one_member_has_none():
    both = CompositeRule([STOP, TARGET])
    assert AllOf([both, WIDE]).evaluate(CONTEXT).update_take_profit is None
    assert AllOf([both, WIDE]).evaluate(CONTEXT).update_stop_loss == 80.0
    assert AllOf([STOP, TARGET]).evaluate(CONTEXT) is RiskDecision.no_action()


def test_an_order_passes_every_member_in_turn():
    class Halve(RiskRule):
        def evaluate(self, context):
            return RiskDecision.no_action()

        def validate_order(self, order, context):
            return order // 2 or None

    assert CompositeRule([Halve(), Halve()]).validate_order(8, CONTEXT) == 2
    assert AnyOf([Halve(), Halve(), Halve()]).validate_order(2, CONTEXT) is None
    assert AllOf([STOP, TARGET]).validate_order(8, CONTEXT) == 8


def test_a_members_wrong_answer_names_the_member():
    def wrong(context):
        return 95.0

    for group in (CompositeRule, AnyOf, AllOf):
        with pytest.raises(InvalidDecisionError, match=r"rule wrong must return .* returned float"):
            group([STOP, wrong]).evaluate(CONTEXT)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: CompositeRule([]), "CompositeRule needs at least one rule"),
        (lambda: AnyOf(5), "a callable of one context, was int 5"),
        (lambda: AllOf([STOP, 5]), "a callable of one context, was int 5"),
        (lambda: AllOf([TrailingStop]), "TrailingStop is a class"),
        (lambda: AnyOf([STOP], priority=1.5), "AnyOf: priority must be a whole number"),
    ],
)
def test_what_is_no_group_is_refused(make, message):
    with pytest.raises(InvalidRuleError, match=message):
        make()


def test_a_single_rule_is_a_group_of_one():
    assert AnyOf(STOP) == AnyOf([STOP])


def test_groups_are_values():
    group = AnyOf([STOP, AllOf([TRAIL, TIMED])], priority=2, name="guard")
    assert (
        pickle.loads(pickle.dumps(group))
        == group
        == AnyOf([STOP, AllOf([TRAIL, TIMED])], priority=2, name="guard")
    )
    assert AnyOf([STOP]) != AllOf([STOP])
    assert repr(group) == (
        "AnyOf([PriceBasedStopLoss(pct=0.05), AllOf([TrailingStop(pct=0.05), "
        "TimeBasedExit(max_bars=5)])], priority=2, name='guard')"
    )
