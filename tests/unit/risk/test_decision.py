import pickle
from dataclasses import FrozenInstanceError
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

from ml4t.backtest.core.records import EXIT_TYPES
from ml4t.backtest.risk.decision import ExitType, InvalidDecisionError, RiskDecision

merge = RiskDecision.merge
stops = RiskDecision.update_stops
exit_now = RiskDecision.exit_now


def test_codes_of_exit_types_are_those_of_the_records():
    assert [kind.code for kind in ExitType] == [1, 2, 3, 4, 5, 6]
    assert tuple(kind.value for kind in ExitType) == EXIT_TYPES[1:]
    assert [ExitType.from_code(code) for code in range(7)] == [None, *ExitType]


def test_no_action_is_one_object_that_does_nothing():
    decision = RiskDecision.no_action()
    assert decision is RiskDecision.no_action()
    assert decision == RiskDecision()
    assert not decision.should_exit
    assert (decision.update_stop_loss, decision.update_take_profit) == (None, None)


def test_exit_now():
    decision = exit_now("time_exit", reason="too long", priority=7, metadata={"bars": 20})
    assert decision.should_exit
    assert decision.exit_type is ExitType.TIME_EXIT
    assert (decision.reason, decision.priority, decision.metadata) == ("too long", 7, {"bars": 20})
    assert exit_now().exit_type is ExitType.OTHER


def test_update_stops_knows_the_type_of_a_single_level():
    assert stops(stop_loss=95).exit_type is ExitType.STOP_LOSS
    assert stops(stop_loss=95, exit_type="trailing_stop").stop_type is ExitType.TRAILING_STOP
    assert stops(take_profit=110).exit_type is ExitType.TAKE_PROFIT
    assert stops(stop_loss=95, take_profit=110).exit_type is None


def test_exit_price_is_a_level():
    stop = RiskDecision(exit_price=95, exit_type="trailing_stop")
    assert (stop.should_exit, stop.update_stop_loss) == (False, 95.0)
    assert stop.stop_type is ExitType.TRAILING_STOP
    target = RiskDecision(exit_price=110, exit_type=ExitType.TAKE_PROFIT)
    assert (target.update_stop_loss, target.update_take_profit) == (None, 110.0)


@pytest.mark.parametrize(
    "number", [95, 95.0, np.float32(95), np.int64(95), Decimal(95), Fraction(95)], ids=repr
)
def test_any_number_becomes_a_float_once(number):
    decision = stops(stop_loss=number, take_profit=number)
    assert type(decision.update_stop_loss) is float
    assert decision == stops(stop_loss=95.0, take_profit=95.0)


def test_priority_becomes_an_int():
    assert type(exit_now(priority=np.int32(3)).priority) is int


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: RiskDecision(should_exit=True), "should_exit=True needs an exit_type"),
        (
            lambda: RiskDecision(exit_type="risk_exit"),
            "exit_type='risk_exit' without should_exit=True",
        ),
        (lambda: exit_now("stop"), "exit_type must be one of stop_loss, .* was 'stop'"),
        (lambda: exit_now(priority=1.5), "priority must be a whole number, was 1.5"),
        (lambda: stops(), "needs stop_loss, take_profit or both"),
        (lambda: stops(stop_loss=-1), "update_stop_loss must be positive and finite, was -1.0"),
        (lambda: stops(stop_loss=0), "update_stop_loss must be positive and finite, was 0.0"),
        (lambda: stops(take_profit=float("nan")), "update_take_profit must be .* was nan"),
        (lambda: stops(take_profit=np.inf), "update_take_profit must be .* was inf"),
        (lambda: stops(stop_loss="low"), "update_stop_loss must be a price, was 'low'"),
        (lambda: stops(take_profit=110, exit_type="trailing_stop"), "is the type of a stop"),
        (lambda: stops(stop_loss=95, exit_type="take_profit"), "is the type of a target"),
        (lambda: stops(stop_loss=95, exit_type="risk_exit"), "a level is a stop_loss"),
        (
            lambda: stops(take_profit=110, only_tighten=True),
            "only_tighten=True says how a stop may move, had no stop",
        ),
        (lambda: RiskDecision(exit_price=95), "says on which side it lies.*was none"),
        (lambda: RiskDecision(exit_price=95, exit_type="other"), "was 'other'"),
        (
            lambda: RiskDecision(should_exit=True, exit_type="stop_loss", exit_price=95),
            "exit_price is a level for the next bar",
        ),
        (
            lambda: RiskDecision(exit_type="stop_loss", exit_price=95, update_stop_loss=94),
            "exit_price=95.0 and update_stop_loss=94.0 are two levels",
        ),
    ],
)
def test_a_contradiction_is_refused(make, message):
    with pytest.raises(InvalidDecisionError, match=message):
        make()


def test_a_decision_is_immutable_and_pickles():
    decision = merge([stops(stop_loss=95), exit_now("time_exit")], side=1)
    with pytest.raises(FrozenInstanceError):
        decision.reason = "other"
    assert pickle.loads(pickle.dumps(decision)) == decision


class TestMerge:
    def test_of_nothing_is_no_action(self):
        assert merge([], side=1) is RiskDecision.no_action()
        assert merge([RiskDecision.no_action()] * 2, side=-1) is RiskDecision.no_action()

    @pytest.mark.parametrize(("side", "stop", "target"), [(1, 97.0, 105.0), (-1, 95.0, 110.0)])
    def test_most_conservative_level_wins(self, side, stop, target):
        decisions = [stops(stop_loss=95, take_profit=110), stops(stop_loss=97, take_profit=105)]
        for given in (decisions, decisions[::-1]):
            merged = merge(given, side=side)
            assert (merged.update_stop_loss, merged.update_take_profit) == (stop, target)

    def test_priority_beats_tightness(self):
        merged = merge([stops(stop_loss=97), stops(stop_loss=90, priority=1)], side=1)
        assert merged.update_stop_loss == 90.0

    def test_stops_and_targets_are_resolved_apart(self):
        high = stops(stop_loss=90, priority=1, reason="wide stop")
        near = stops(stop_loss=97, take_profit=105, reason="near target")
        stop, target = merge([high, near], side=1).parts
        assert (stop.update_stop_loss, stop.update_take_profit, stop.priority) == (90.0, None, 1)
        assert (target.update_stop_loss, target.update_take_profit) == (None, 105.0)
        assert (stop.reason, target.reason) == ("wide stop", "near target")

    def test_a_stop_that_only_tightens_does_so_in_a_merged_decision(self):
        both = stops(stop_loss=95, take_profit=105, only_tighten=True)
        exit_, stop, target = merge([exit_now(), both], side=1).parts
        assert stop.only_tighten
        assert not exit_.only_tighten
        assert not target.only_tighten

    def test_an_exit_stands_beside_levels(self):
        trail = stops(stop_loss=95, exit_type="trailing_stop")
        merged = merge([trail, exit_now("time_exit", reason="late")], side=1)
        assert (merged.should_exit, merged.exit_type) == (True, ExitType.TIME_EXIT)
        assert (merged.update_stop_loss, merged.reason) == (95.0, "late")
        assert [part.exit_type for part in merged.parts] == ["time_exit", "trailing_stop"]

    @pytest.mark.parametrize("first", range(6))
    def test_exits_of_one_priority_go_by_the_order_of_types(self, first):
        kinds = list(ExitType)[first:]
        assert merge([exit_now(kind) for kind in reversed(kinds)], side=1).exit_type is kinds[0]

    def test_priority_beats_the_order_of_types(self):
        decisions = [exit_now("stop_loss"), exit_now("other", priority=1)]
        assert merge(decisions, side=1).exit_type is ExitType.OTHER

    def test_equal_stops_go_by_type_then_by_the_first(self):
        trail = stops(stop_loss=95, exit_type="trailing_stop")
        one, two = stops(stop_loss=95, reason="one"), stops(stop_loss=95, reason="two")
        assert merge([trail, two, one], side=1) == two
        assert merge([exit_now(reason="a"), exit_now(reason="b")], side=1).reason == "a"

    def test_merging_in_steps_gives_the_same(self):
        a = stops(stop_loss=95, take_profit=120)
        b = stops(stop_loss=96, exit_type="trailing_stop", priority=-1)
        c = exit_now("risk_exit", priority=2)
        assert merge([merge([a, b], side=1), c], side=1).parts == merge([a, b, c], side=1).parts

    def test_metadata_of_the_winners_is_joined_the_exits_first(self):
        stop = stops(stop_loss=95, metadata={"atr": 2.0, "by": "stop"})
        merged = merge([stop, exit_now(metadata={"by": "exit"})], side=1)
        assert merged.metadata == {"atr": 2.0, "by": "exit"}

    def test_with_priority_reaches_the_parts(self):
        merged = merge([stops(stop_loss=95), exit_now(priority=4)], side=1)
        assert [p.priority for p in merged.with_priority(2, keep=True).parts] == [4, 2]
        assert [p.priority for p in merged.with_priority(None).parts] == [None, None]
        assert RiskDecision.no_action().with_priority(3) is RiskDecision.no_action()

    def test_refuses_a_side_that_is_none(self):
        with pytest.raises(InvalidDecisionError, match=r"side must be 1 .* was 0"):
            merge([], side=0)

    def test_refuses_two_assets(self):
        ours = RiskDecision(exit_type="stop_loss", update_stop_loss=95, asset_id="AAPL")
        theirs = RiskDecision(exit_type="take_profit", update_take_profit=95, asset_id="IBM")
        with pytest.raises(InvalidDecisionError, match="on one asset, were on AAPL, IBM"):
            merge([ours, theirs], side=1)
        assert merge([ours, exit_now()], side=1).asset_id == "AAPL"
