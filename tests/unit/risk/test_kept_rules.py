"""A rule object run twice: what its first run left in it, and who is told."""

import warnings
from dataclasses import dataclass, field

import pytest
from scenes import FLAT, run

from ml4t.backtest import ReusedRuleWarning, Strategy
from ml4t.backtest.risk import (
    AnyOf,
    PriceBasedStopLoss,
    RiskDecision,
    RiskManager,
    RiskRule,
    as_rule,
)

HOLD = RiskDecision.no_action()


class ExitOnce(RiskRule):
    """Exits at the third close it sees, and never again."""

    def __init__(self):
        self.seen = 0

    def evaluate(self, context):
        self.seen += 1
        return RiskDecision.exit_now() if self.seen == 3 else HOLD


class Counts:
    """A callable that keeps count."""

    def __init__(self):
        self.calls = []

    def __call__(self, context):
        self.calls.append(context.bars_held)
        return HOLD

    def check(self, context):
        return self(context)


@dataclass(frozen=True)
class Remembers(RiskRule):
    """Frozen, but for what stands in its dict."""

    entries: dict = field(default_factory=dict)

    def evaluate(self, context):
        self.entries[context.asset_id] = context.entry_price
        return HOLD


def run_it(rules):
    return run([FLAT] * 6, rules)


def warned(rules):
    """What the second run warns of, each time with a manager of its own; the first warns of nothing."""
    run_it(rules)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        run_it(rules)
    assert [one.category for one in caught] == [ReusedRuleWarning] * len(caught)
    return [str(one.message) for one in caught]


def test_a_rule_that_works_once_is_told():
    rule = ExitOnce()
    assert len(run_it(rule).trades) == 1
    with pytest.warns(
        ReusedRuleWarning, match="this ExitOnce has run before .* left in seen: make"
    ) as told:
        assert len(run_it(rule).trades) == 0
    assert told[0].filename.endswith("scenes.py")


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (Remembers, "Remembers has run before and starts with what that run left in entries:"),
        (Counts, "Counts has run before and starts with what that run left in calls:"),
        (lambda: Counts().check, "Counts has run before"),
        (lambda: as_rule(Counts(), name="mine"), "Counts has run before"),
        (lambda: AnyOf([PriceBasedStopLoss(pct=0.05), ExitOnce()]), "ExitOnce has run before"),
    ],
)
def test_whatever_keeps_state_is_found(make, name):
    (message,) = warned(make())
    assert name in message


def test_a_rule_that_stands_there_twice_is_told_once():
    rule = ExitOnce()
    assert len(warned([rule, AnyOf(rule)])) == 1


def test_a_manager_that_runs_again_is_told_too():
    manager = RiskManager(ExitOnce())
    run([FLAT] * 6, risk_manager=manager)
    with pytest.warns(ReusedRuleWarning):
        run([FLAT] * 6, risk_manager=manager)


def test_rules_that_keep_nothing_are_no_concern():
    assert warned([PriceBasedStopLoss(pct=0.05), lambda context: HOLD]) == []


def test_what_was_set_anew_between_the_runs_is_no_concern():
    rule = ExitOnce()
    run_it(rule)
    rule.seen = 0
    assert len(run_it(rule).trades) == 1


class Resets(Strategy):
    """Its own method is its rule, and counts."""

    def on_start(self):
        self.asked = 0

    def on_market_data(self, event):
        if not self.position("A"):
            self.buy("A", 1)

    def rule(self, context):
        self.asked += 1
        return HOLD


def test_a_strategy_whose_method_is_a_rule_is_looked_at_as_a_strategy():
    strategy = Resets()
    for _ in range(2):
        run([FLAT] * 4, strategy.rule, strategy)
        assert strategy.asked > 0
