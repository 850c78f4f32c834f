import functools

import pytest
from unit.risk.fake_context import FakeContext

from ml4t.backtest.risk.decision import InvalidDecisionError, RiskDecision
from ml4t.backtest.risk.function_rule import RuleFunction, as_rule
from ml4t.backtest.risk.rule import InvalidRuleError, RiskRule, decision_of, labels


class LossLimit(RiskRule):
    priority = 5

    def evaluate(self, context):
        return RiskDecision.exit_now("risk_exit")


def wide_stop(context):
    return RiskDecision.update_stops(stop_loss=context.level_price * 0.8)


def test_a_subclass_has_the_defaults_of_a_rule():
    rule = LossLimit()
    order = object()
    assert (rule.name, rule.priority, rule.frozen_columns) == ("LossLimit", 5, ())
    assert rule.lower() is None
    assert rule.members == (rule,)
    assert rule.validate_order(order, FakeContext()) is order
    assert repr(rule) == "LossLimit()"


def test_a_subclass_may_name_itself():
    class Named(LossLimit):
        name = "daily loss"

    assert Named().name == "daily loss"


def test_evaluate_is_required():
    with pytest.raises(TypeError, match="abstract"):
        RiskRule()


def test_a_function_is_a_rule():
    rule = as_rule(wide_stop, priority=2)
    assert isinstance(wide_stop, RuleFunction)
    assert (rule.name, rule.priority, repr(rule)) == ("wide_stop", 2, "as_rule(wide_stop)")
    assert rule.evaluate(FakeContext()).update_stop_loss == 80.0
    assert as_rule(wide_stop, name="wide").name == "wide"


def test_names_of_other_callables():
    class Callable:
        def __call__(self, context):
            return RiskDecision.no_action()

    assert as_rule(Callable()).name == "Callable"
    assert as_rule(functools.partial(wide_stop)).name == "wide_stop"


def test_a_rule_stays_itself():
    rule = LossLimit()
    assert as_rule(rule) is rule
    with pytest.raises(InvalidRuleError, match="has its own priority and name"):
        as_rule(rule, priority=1)


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (LossLimit, r"LossLimit is a class, not a rule: write LossLimit\(...\)"),
        (0.05, "a callable of one context, was float 0.05"),
        (lambda: None, "callable with one argument, the context"),
        (lambda context, order: None, "callable with one argument, the context"),
    ],
)
def test_what_is_no_rule_is_refused(rule, message):
    with pytest.raises(InvalidRuleError, match=message):
        as_rule(rule)


def test_priority_of_a_function_must_be_whole():
    with pytest.raises(InvalidRuleError, match="wide_stop: priority must be a whole number"):
        as_rule(wide_stop, priority=0.5)


def test_decision_of_asks_the_rule():
    assert decision_of(LossLimit(), FakeContext()).should_exit


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (True, "rule answers must return a RiskDecision, returned bool$"),
        (None, r"returned NoneType; return RiskDecision.no_action\(\) to do nothing"),
    ],
)
def test_a_wrong_answer_names_the_rule_and_the_type(answer, message):
    def answers(context):
        return answer

    with pytest.raises(InvalidDecisionError, match=message):
        decision_of(as_rule(answers), FakeContext())


def test_labels_are_distinct_and_do_not_change_when_rules_are_added():
    stop, other = LossLimit(), as_rule(wide_stop)
    odd = as_rule(wide_stop, name="LossLimit#2")
    assert labels([stop, other, stop, other]) == (
        "LossLimit",
        "wide_stop",
        "LossLimit#2",
        "wide_stop#2",
    )
    assert labels([odd, stop, stop]) == ("LossLimit#2", "LossLimit", "LossLimit#3")
    assert labels([stop, stop, odd]) == ("LossLimit", "LossLimit#2", "LossLimit#2#2")
