"""SessionExit asked by hand: what is left of the session, and how long a bar lasts."""

import datetime
from math import isnan

import pytest

from ml4t.backtest.risk import ExitType, RiskContext, RiskDecision, SessionExit
from ml4t.backtest.risk.spec import Form, RuleSpec


def asked(rule, **given):
    return rule.evaluate(RiskContext.from_state(close=100.0, position_quantity=1.0, **given))


@pytest.mark.parametrize(
    ("rule", "left", "at_close", "leaves"),
    [
        # Bars of 5 minutes: an exit that waits one more would fill 5 minutes later.
        (SessionExit(minutes=5), 15.0, False, False),
        (SessionExit(minutes=5), 14.0, False, True),
        (SessionExit(minutes=5), 10.0, True, False),
        (SessionExit(minutes=5), 9.0, True, True),
        (SessionExit(minutes=5), 0.0, False, True),
        (SessionExit(minutes=5), -30.0, False, True),
        (SessionExit(bars=1), 11.0, False, False),
        (SessionExit(bars=1), 10.0, False, True),
        (SessionExit(bars=1), 6.0, True, False),
        (SessionExit(bars=1), 5.0, True, True),
    ],
)
def test_the_last_chance_of_a_session(rule, left, at_close, leaves):
    decision = asked(rule, minutes_to_close=left, bar_minutes=5.0, exits_at_close=at_close)
    assert decision.should_exit == leaves
    if leaves:
        assert (decision.exit_type, decision.reason) == (ExitType.TIME_EXIT, "session_exit")


def test_before_the_open_and_at_an_opening_nothing_is_decided():
    assert asked(SessionExit(minutes=5), minutes_to_close=400.0) is RiskDecision.no_action()
    opening = asked(SessionExit(minutes=5), minutes_to_close=1.0, bar_minutes=5.0, opening=True)
    assert opening is RiskDecision.no_action()


def test_what_was_held_over_leaves_at_once():
    assert asked(SessionExit(minutes=5), minutes_to_close=400.0, is_held_over=True).should_exit
    without_value = asked(SessionExit(minutes="n"), is_held_over=True, frozen={"n": float("nan")})
    assert not without_value.should_exit


def test_a_context_by_hand_says_what_it_was_given():
    context = RiskContext.from_state(
        timestamp="2024-11-29 17:55",
        minutes_since_open=205,
        minutes_to_close=5,
        is_early_close=True,
        bar_minutes=5,
    )
    assert context.session == datetime.date(2024, 11, 29)
    assert (context.minutes_since_open, context.minutes_to_close) == (205.0, 5.0)
    assert (context.ns_to_close, context.bar_ns, context.is_early_close) == (3e11, 3e11, True)
    assert context.local_time == context.timestamp
    plain = RiskContext.from_state()
    assert isnan(plain.minutes_to_close)
    assert not plain.is_held_over


def test_it_is_lowered():
    assert SessionExit(minutes=5).lower() == (RuleSpec(ExitType.TIME_EXIT, 5.0, Form.MINUTES_LEFT),)
    assert SessionExit(bars=2, priority=1).lower() == (
        RuleSpec(ExitType.TIME_EXIT, 2.0, Form.BARS_LEFT, 1),
    )
    assert repr(SessionExit(bars=2)) == "SessionExit(bars=2)"
    assert SessionExit(minutes=5).needs_calendar
