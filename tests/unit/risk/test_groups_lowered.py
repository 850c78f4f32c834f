"""AnyOf and AllOf in C: as fast as their members where nothing has to be merged, else merged at every close."""

import pytest
from scenes import FLAT, fills, run

from ml4t.backtest.risk import (
    AllOf,
    AnyOf,
    BreakEven,
    CompositeRule,
    PriceBasedStopLoss,
    PriceBasedTakeProfit,
    RiskDecision,
    RiskManager,
    ScaledExit,
    SignalExit,
    TimeBasedExit,
    TrailingStop,
)
from ml4t.backtest.risk.rule import InvalidRuleError

STOP, TARGET, TIME = TrailingStop(0.05), PriceBasedTakeProfit(pct=0.1), TimeBasedExit(3)
WIDE = PriceBasedStopLoss(pct=0.1)


def own(_context):
    return RiskDecision.no_action()


class Louder(AnyOf):
    def evaluate(self, context):
        return super().evaluate(context)


@pytest.mark.parametrize(
    ("members", "how"),
    [
        ([STOP, TARGET, TIME], "beside"),
        ([CompositeRule([STOP, TARGET]), TimeBasedExit(2), TIME], "beside"),
        ([AnyOf([STOP, TIME], priority=0), TARGET], "beside"),
        ([SignalExit("rsi", above=70), STOP], "beside"),
        ([BreakEven(0.1), TARGET], "beside"),
        ([BreakEven(0.1), PriceBasedTakeProfit(r=2)], "merged"),
        ([STOP, WIDE], "merged"),
        ([CompositeRule([TARGET, TARGET])], "merged"),
        ([TimeBasedExit(2, priority=1), TIME], "merged"),
        ([TimeBasedExit("bars"), STOP], "merged"),
        ([SignalExit("rsi", above=70), SignalExit("vix", above=30)], "merged"),
        ([AnyOf([STOP, TimeBasedExit(2, priority=1)]), TARGET], None),
        ([own, STOP], None),
        ([AllOf([TIME]), STOP], None),
    ],
)
def test_how_any_of_is_asked(members, how):
    group = AnyOf(members, priority=4)
    beside, merged = group.lower(), group.lower_merged()
    assert [beside is not None, merged is not None] == [how == "beside", how is not None]
    assert all(spec.priority == 4 for spec in beside or ())


def test_all_of_is_merged_member_by_member():
    merged = AllOf([CompositeRule([STOP, TIME]), WIDE]).lower_merged()
    assert [len(member) for member in merged.members] == [2, 1]
    assert merged.needs_all
    assert AllOf([STOP, own]).lower_merged() is AllOf([AllOf([STOP])]).lower_merged() is None
    assert AllOf([STOP]).lower() is None


def test_a_subclass_that_answers_itself_is_asked_in_python():
    assert Louder([STOP]).lower() is Louder([STOP]).lower_merged() is None
    assert AnyOf([Louder([STOP])]).lower_merged() is None


def test_several_targets_are_no_member():
    with pytest.raises(
        InvalidRuleError, match="AnyOf: ScaledExit leaves in parts, and AnyOf all at once"
    ):
        AnyOf([STOP, ScaledExit([(0.03, 0.5), (0.06, 0.5)])])
    assert AllOf([STOP, ScaledExit([(0.03, 1.0)])])  # all at once is one target


UP_AND_DOWN = [
    FLAT,
    FLAT,
    (100.0, 120.0, 100.0, 118.0),
    (118.0, 119.0, 94.0, 96.0),
    (96.0, 96.0, 70.0, 75.0),
]


@pytest.mark.parametrize(
    ("rule", "bars", "expected"),
    [
        (AnyOf([STOP, TARGET, TIME], name="any"), [FLAT] * 5, ("open", 100.0, "time_exit")),
        (AnyOf([STOP, TARGET, TIME], name="any"), [FLAT, FLAT, (100.0, 100.0, 94.0, 96.0), FLAT], ("inside", 95.0, "trailing_stop")),
        (AnyOf([STOP, TARGET, TIME], name="any"), [FLAT, FLAT, (100.0, 111.0, 100.0, 104.0), FLAT], ("inside", 100.0 * (1.0 + 0.1), "take_profit")),
        # 5% behind the high of 120, tighter than 10% below 100.
        (AnyOf([STOP, WIDE], name="any"), UP_AND_DOWN, ("inside", 120.0 * (1.0 - 0.05), "trailing_stop")),
        # All of them: the loosest stop.
        (AllOf([STOP, WIDE], name="any"), UP_AND_DOWN, ("inside", 90.0, "stop_loss")),
        # Three bars are over at the close of the fourth bar; the other needs two.
        (AllOf([TIME, TimeBasedExit(2, priority=1)], name="any"), [FLAT] * 6, ("open", 100.0, "time_exit")),
    ],
)  # fmt: skip
def test_lowered_or_not_the_run_is_the_same(rule, bars, expected):
    found = []
    for lower in (True, False):
        manager = RiskManager([rule], lower=lower)
        found.append(fills(run(bars, risk_manager=manager), "moment", "price", "exit_type", "rule"))
        assert manager.contexts_built == 0 or not lower
    assert found[0] == found[1]
    assert found[0][-1] == (*expected, "any")
