"""Positions that are left in parts, each at a gain of its own; worked out by hand."""

import pandas as pd
import pytest
from scenes import DAY, FLAT, Acts, buy_first, day, market, only_trade, run, sell_first

from ml4t.backtest import BacktestConfig, MarketData, run_backtest
from ml4t.backtest.risk import (
    BreakEven,
    InvalidRuleError,
    PriceBasedStopLoss,
    PriceBasedTakeProfit,
    RegimeDependentRule,
    RiskManager,
    ScaledExit,
)

# Ten units at 100: five at 103, the rest at 106.
HALVES = ScaledExit([(0.03, 0.5), (0.06, 0.5)])
BOTH_EXECUTIONS = pytest.mark.parametrize("lower", [True, False], ids=["lowered", "in Python"])
HOUR = DAY // 24


def exits(result, *more):
    """Units and price before slippage of every exit, with further columns."""
    chosen = (
        result.fills[~result.fills["is_entry"].astype(bool)]
        if "is_entry" in result.fills
        else (result.fills[result.fills["action"] == "exit"])
    )
    columns = chosen[["quantity", "base_price", *more]].astype(object)
    return [
        tuple(None if pd.isna(value) else value for value in row)
        for row in columns.itertuples(index=False, name=None)
    ]


def played(bars, *rules, lower=True, **given):
    manager = RiskManager(rules or [HALVES], lower=lower)
    return run(bars, risk_manager=manager, **given)


# ----- one after the other ----------------------------------------------------------------------


@BOTH_EXECUTIONS
def test_half_at_the_first_target_and_the_rest_at_the_second(lower):
    bars = [FLAT, FLAT, (100.0, 104.0, 99.0, 103.5), (103.5, 107.0, 103.0, 106.5)]
    result = played(bars, lower=lower)
    assert exits(result, "moment", "exit_type", "rule", "level", "reason") == [
        (-5.0, 103.0, "inside", "take_profit", "ScaledExit", 103.0, "take_profit"),
        (-5.0, 106.0, "inside", "take_profit", "ScaledExit", 106.0, "take_profit"),
    ]
    trade = only_trade(result)
    assert (trade["exit_type"], trade["level"], trade["exit_price"]) == (
        "take_profit",
        106.0,
        104.5,
    )
    assert (trade["target_at_entry"], trade["target_at_exit"]) == (103.0, 106.0)
    assert result.orders["quantity"].tolist() == [10.0, -5.0, -5.0]


@BOTH_EXECUTIONS
def test_a_short_is_covered_in_parts_below(lower):
    bars = [FLAT, FLAT, (100.0, 101.0, 96.0, 96.5), (96.5, 97.0, 93.0, 94.0)]
    result = played(bars, lower=lower, acts={0: sell_first})
    assert exits(result) == [(5.0, 97.0), (5.0, 94.0)]


@BOTH_EXECUTIONS
def test_a_bar_can_reach_both(lower):
    result = played([FLAT, FLAT, (100.0, 107.0, 99.0, 105.0)], lower=lower)
    assert exits(result, "moment") == [(-5.0, 103.0, "inside"), (-5.0, 106.0, "inside")]


@BOTH_EXECUTIONS
def test_an_open_beyond_both_fills_both_there(lower):
    result = played([FLAT, FLAT, (108.0, 109.0, 107.0, 108.0)], lower=lower)
    assert exits(result, "moment", "level") == [
        (-5.0, 108.0, "open", 103.0),
        (-5.0, 108.0, "open", 106.0),
    ]


@BOTH_EXECUTIONS
def test_an_open_beyond_the_first_leaves_the_second_to_the_path(lower):
    result = played([FLAT, FLAT, (104.0, 106.0, 103.0, 105.0)], lower=lower)
    assert exits(result, "moment") == [(-5.0, 104.0, "open"), (-5.0, 106.0, "inside")]


def test_gaps_fill_at_each_level_where_that_is_asked_for():
    result = played([FLAT, FLAT, (108.0, 109.0, 107.0, 108.0)], gap_fill="level", debug=False)
    assert exits(result) == [(-5.0, 103.0), (-5.0, 106.0)]


@BOTH_EXECUTIONS
def test_the_entry_bar_counts(lower):
    # Bought at the open, 100; the same bar reaches 103.
    result = played([FLAT, (100.0, 104.0, 99.0, 102.0)], lower=lower)
    assert exits(result) == [(-5.0, 103.0)]
    assert result.open_positions["quantity"].tolist() == [5.0]
    assert result.open_positions["target"].tolist() == [106.0]


def test_fractions_below_one_leave_a_position_without_a_target():
    rule = ScaledExit([(0.03, 0.3), (0.06, 0.2)])
    result = played([FLAT, FLAT, (100.0, 120.0, 99.0, 119.0)], rule)
    assert exits(result) == [(-3.0, 103.0), (-2.0, 106.0)]
    assert result.open_positions[["quantity", "target"]].isna().to_numpy().tolist() == [
        [False, True]
    ]


def test_thirds_leave_nothing():
    # A third of 10 three times is not 10: the last closes what is left.
    rule = ScaledExit([(0.01, 1 / 3), (0.02, 1 / 3), (0.03, 1 / 3)])
    result = played([FLAT, FLAT, (100.0, 104.0, 99.0, 103.0)], rule)
    assert [units for units, _ in exits(result)[:2]] == [-(1 / 3) * 10.0] * 2
    assert len(result.open_positions) == 0
    assert result.trades["quantity"].tolist() == [10.0]


# ----- with other rules -------------------------------------------------------------------------


BOTH_SIDES = (100.0, 104.0, 94.0, 100.0)  # the first target and the stop at 95


@BOTH_EXECUTIONS
@pytest.mark.parametrize(
    ("intrabar", "bar", "expected"),
    [
        ("adverse_first", BOTH_SIDES, [(-10.0, 95.0, "adverse_first")]),
        (
            "favourable_first",
            BOTH_SIDES,
            # The second target, 106, is in force by then and not in the bar: nothing to choose.
            [(-5.0, 103.0, "favourable_first"), (-5.0, 95.0, None)],
        ),
        ("nearest_to_open", BOTH_SIDES, [(-5.0, 103.0, "favourable_first"), (-5.0, 95.0, None)]),
        (
            "favourable_first",
            (100.0, 107.0, 94.0, 100.0),
            [(-5.0, 103.0, "favourable_first"), (-5.0, 106.0, "favourable_first")],
        ),
        # The open decides for the first; then the adverse side comes first again.
        ("adverse_first", (104.0, 107.0, 94.0, 100.0), [(-5.0, 104.0, None), (-5.0, 95.0, "adverse_first")]),
    ],
)  # fmt: skip
def test_a_stop_in_the_same_bar_closes_what_is_left(lower, intrabar, bar, expected):
    rules = [PriceBasedStopLoss(price=95.0), HALVES]
    result = played([FLAT, FLAT, bar], *rules, lower=lower, intrabar=intrabar)
    assert exits(result, "intrabar") == expected


@BOTH_EXECUTIONS
def test_a_later_stop_ends_the_trade_and_says_why(lower):
    rules = [PriceBasedStopLoss(price=95.0), HALVES]
    result = played(
        [FLAT, FLAT, (100.0, 104.0, 99.0, 103.0), (98.0, 98.0, 94.0, 96.0)], *rules, lower=lower
    )
    trade = only_trade(result)
    assert exits(result) == [(-5.0, 103.0), (-5.0, 95.0)]
    assert (trade["rule"], trade["exit_type"]) == ("PriceBasedStopLoss", "stop_loss")
    assert (trade["stop_at_exit"], trade["target_at_exit"]) == (95.0, 106.0)


def test_an_open_that_does_not_decide_leaves_all_to_the_stop():
    rules = [PriceBasedStopLoss(price=95.0), HALVES]
    result = played([FLAT, FLAT, (104.0, 107.0, 94.0, 100.0)], *rules, open_decides=False)
    assert exits(result) == [(-10.0, 95.0)]


@BOTH_EXECUTIONS
@pytest.mark.parametrize(
    ("other", "priority", "expected"),
    [
        (PriceBasedTakeProfit(pct=0.04), 0, [(-5.0, 103.0), (-5.0, 104.0)]),  # the nearer of 104 and 106
        (PriceBasedTakeProfit(pct=0.02), 0, [(-10.0, 102.0)]),
        (PriceBasedTakeProfit(pct=0.02), 1, [(-5.0, 103.0), (-5.0, 106.0)]),
        (PriceBasedTakeProfit(pct=0.06, priority=2), 1, [(-10.0, 106.0)]),
        (PriceBasedTakeProfit(pct=0.03), 0, [(-10.0, 103.0)]),  # at one price the one added first
    ],
)  # fmt: skip
def test_among_targets_priority_wins_then_the_nearest(lower, other, priority, expected):
    halves = ScaledExit(HALVES.targets, priority=priority)
    result = played([FLAT, FLAT, (100.0, 107.0, 99.0, 105.0)], other, halves, lower=lower)
    assert exits(result) == expected


def test_a_stop_at_break_even_holds_what_is_left():
    # The bar that takes half reaches 3%: the close after it arms the stop at 100 for the rest.
    rules = [HALVES, BreakEven(0.03)]
    result = played([FLAT, FLAT, (100.0, 104.0, 99.0, 103.0), (102.0, 102.0, 99.0, 99.0)], *rules)
    assert exits(result, "rule") == [(-5.0, 103.0, "ScaledExit"), (-5.0, 100.0, "BreakEven")]


def test_one_of_a_regime_is_done_in_it():
    rule = RegimeDependentRule("calm", {1: HALVES, 0: PriceBasedStopLoss(pct=0.05)})
    up = (100.0, 104.0, 99.0, 103.0)
    data = market({"A": [FLAT, FLAT, up, up, up]}, {"calm": {"A": [1.0, 1.0, 0.0, 1.0, 1.0]}})
    # Half in bar 2; in bar 3 the other regime has no target; in bar 4 the first one is done, 106 is next.
    result = played(data, rule)
    assert exits(result) == [(-5.0, 103.0)]
    assert result.open_positions["target"].tolist() == [106.0]


# ----- adds, splits, whole units ----------------------------------------------------------------


@BOTH_EXECUTIONS
def test_an_add_moves_and_enlarges_what_is_not_done(lower):
    # Five of ten at 103 are gone. Fifteen more at 104: E = (5·100 + 15·104)/20 = 103; of 20, the most so far, a
    # quarter is 5. The second target is 103·1.06 = 109.18; the first, 106.09 now, is done.
    rule = ScaledExit([(0.03, 0.5), (0.06, 0.25)])
    acts = {0: buy_first, 2: lambda strategy: strategy.buy("A", 15.0)}
    up, flat = (100.0, 104.0, 99.0, 104.0), (104.0, 104.0, 104.0, 104.0)
    bars = [FLAT, FLAT, up, flat, (104.0, 110.0, 104.0, 109.0)]
    result = played(bars, rule, lower=lower, acts=acts)
    (first, second) = exits(result)
    assert first == (-5.0, 103.0)
    assert second == (-5.0, pytest.approx(109.18))
    assert result.open_positions["quantity"].tolist() == [15.0]


@BOTH_EXECUTIONS
def test_a_split_multiplies_what_is_left_to_close(lower):
    split = [(day(3) - 1, 0, 0, 2.0)]
    up, halved = (100.0, 104.0, 99.0, 103.0), (51.5, 54.0, 51.0, 53.0)
    rule = ScaledExit([(0.03, 0.25), (0.06, 0.25)])
    result = played(market({"A": [FLAT, FLAT, up, halved]}, actions=split), rule, lower=lower)
    assert exits(result) == [(-2.5, 103.0), (-5.0, 53.0)]


@BOTH_EXECUTIONS
def test_whole_units_are_rounded_down_and_the_last_takes_the_rest(lower):
    # Of seven: 3.5 is three, four are left.
    acts = {0: lambda strategy: strategy.buy("A", 7)}
    result = played(
        [FLAT, FLAT, (100.0, 107.0, 99.0, 105.0)], lower=lower, acts=acts, quantity="whole"
    )
    assert exits(result) == [(-3.0, 103.0), (-4.0, 106.0)]


@BOTH_EXECUTIONS
def test_a_part_of_less_than_a_unit_is_passed_by_and_told(lower):
    acts = {0: lambda strategy: strategy.buy("A", 1)}
    result = played(
        [FLAT, FLAT, (100.0, 107.0, 99.0, 105.0)], lower=lower, acts=acts, quantity="whole"
    )
    assert exits(result) == [(-1.0, 106.0)]
    (event,) = result.events.to_dict("records")
    assert [event[name] for name in ("kind", "reason", "rule", "asked", "given", "asset")] == [
        "passed_over", "zero_quantity", "ScaledExit", 0.5, 0.0, "A",
    ]  # fmt: skip


@BOTH_EXECUTIONS
def test_a_split_can_leave_a_target_with_nothing_to_close(lower):
    # Three of ten, then one new for four old: 2.5, two held; 0.75 is none. The open of the split day passes it by.
    split = [(day(2) - 1, 0, 0, 0.25)]
    rule = ScaledExit([(0.03, 0.3), (0.06, 0.7)])
    data = market(
        {"A": [FLAT, FLAT, (420.0, 425.0, 419.0, 420.0), (424.0, 424.0, 424.0, 424.0)]},
        actions=split,
    )
    result = played(data, rule, lower=lower, quantity="whole", debug=False)
    assert exits(result, "moment") == [(-0.5, 400.0, "open"), (-2.0, 424.0, "inside")]


# ----- how the bar is walked --------------------------------------------------------------------


def test_an_entry_inside_meets_what_must_still_come():
    # A limit at 98 on the way down: targets 100.94 and 103.88 lie on the way back to the close.
    acts = {0: lambda strategy: strategy.buy("A", 10, limit=98.0)}
    result = played([FLAT, (100.0, 104.0, 97.0, 102.0)], acts=acts)
    assert exits(result) == [(-5.0, pytest.approx(100.94))]


def test_fine_bars_tell_how_far_it_went_before_the_stop():
    # Up to 103.5 and down to 94 within the day: half at the target, half at the stop.
    hours = [(100.0, 103.5, 100.0, 103.0), (103.0, 103.0, 94.0, 96.0), (96.0, 107.0, 96.0, 105.0)]
    times = [day(2) - HOUR * (2 - i) for i in range(3)]
    fine = pd.DataFrame(hours, columns=["open", "high", "low", "close"])
    fine["timestamp"] = pd.to_datetime(times, utc=True)
    config = BacktestConfig(intrabar="fine", debug=True)
    result = run_backtest(
        market({"A": [FLAT, FLAT, (100.0, 107.0, 94.0, 105.0)]}),
        Acts({0: buy_first}),
        rules=[PriceBasedStopLoss(price=95.0), HALVES],
        config=config,
        fine=MarketData.from_tables({"A": fine}),
    )
    assert exits(result, "intrabar") == [(-5.0, 103.0, "fine"), (-5.0, 95.0, "fine")]


def test_the_volume_of_a_bar_leaves_a_part_for_the_next():
    prices = pd.DataFrame(
        [
            (*FLAT, 1e6),
            (*FLAT, 1e6),
            (100.0, 107.0, 99.0, 103.0, 30.0),
            (103.0, 107.0, 102.0, 105.0, 1e6),
        ],
        columns=["open", "high", "low", "close", "volume"],
    )
    prices["timestamp"] = pd.to_datetime([day(t) for t in range(4)], utc=True)
    # A tenth of 30 is three of the five; the next open is at the target, two more; then the rest.
    config = BacktestConfig(max_participation=0.1, debug=True)
    result = run_backtest({"A": prices}, Acts({0: buy_first}), rules=[HALVES], config=config)
    assert exits(result, "moment") == [
        (-3.0, 103.0, "inside"), (-2.0, 103.0, "open"), (-5.0, 106.0, "inside"),
    ]  # fmt: skip


# ----- what is told -----------------------------------------------------------------------------


def test_the_ledger_tells_when_the_next_target_is_armed():
    bars = [FLAT, FLAT, (100.0, 104.0, 99.0, 103.0), (103.0, 107.0, 102.0, 105.0)]
    result = played(bars, ledger="decisions")
    rows = result.ledger[["kind", "level", "reason"]].astype(object).values.tolist()
    told = [tuple(None if pd.isna(one) else one for one in row) for row in rows]
    assert told == [
        ("accepted", None, "order"),
        ("filled", None, "order"),
        ("armed", 103.0, "take_profit"),
        ("hit", 103.0, "take_profit"),
        ("accepted", None, "take_profit"),
        ("filled", 103.0, "take_profit"),
        ("armed", 106.0, "take_profit"),
        ("hit", 106.0, "take_profit"),
        ("accepted", None, "take_profit"),
        ("filled", 106.0, "take_profit"),
    ]
    # Known with the bar before the one it is armed in.
    armed = result.ledger[result.ledger["kind"] == "armed"]
    assert [time.value for time in armed["information_time"]] == [day(0), day(1)]


def test_the_story_of_a_trade_tells_its_parts():
    bars = [FLAT, FLAT, (104.0, 105.0, 103.5, 104.0), (104.0, 107.0, 103.0, 105.0)]
    result = played(bars, ledger="all")
    story = "\n".join(result.explain(1).sentences)
    assert "ScaledExit took off 5 at 104 at the open of 2023-11-16" in story
    assert ", beyond its target of 103; held then: 5." in story
    assert "ScaledExit armed its target at 103" in story
    assert "then at 106" in story
    assert "ScaledExit ended it: its level 106 was reached inside the bar" in story


# ----- bad input --------------------------------------------------------------------------------


@BOTH_EXECUTIONS
@pytest.mark.parametrize("adds", [False, True])
def test_what_a_split_leaves_of_a_part_is_passed_by_at_its_close(lower, adds):
    # One of ten, of which a split leaves a tenth.
    rule = ScaledExit([(0.5, 0.1), (0.6, 0.9)])
    tenfold = (1000.0, 1000.0, 1000.0, 1000.0)
    data = market({"A": [FLAT, FLAT, tenfold, tenfold]}, actions=[(day(2) - 1, 0, 0, 0.1)])
    acts = {0: buy_first}
    if adds:  # two units after the split
        acts[1] = lambda s: s.buy("A", 10.0)
    result = run(data, acts=acts, risk_manager=RiskManager([rule], lower=lower), quantity="whole")
    passed = result.events[result.events["kind"] == "passed_over"]
    assert passed["timestamp"].tolist() == [result.equity.index[2]]
    assert passed["asked"].tolist() == [pytest.approx(0.2 if adds else 0.1)]


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        ([], "ScaledExit: targets must be pairs of a gain and a fraction of the position"),
        (0.03, "ScaledExit: targets must be pairs of a gain and a fraction of the position"),
        ([(0.03, 0.5), 0.06], "ScaledExit: targets must be pairs of a gain and a fraction"),
        ([(0.0, 0.5)], "ScaledExit: a gain must be a number above 0 and finite"),
        ([("", 0.5)], "ScaledExit: a gain must be a number .* was ''"),
        ([(0.03, 1.5)], "ScaledExit: a fraction of the position must be above 0 and at most 1, was 1.5"),
        ([(0.03, 0.0)], "ScaledExit: a fraction of the position must be above 0"),
        ([(0.03, 0.7), (0.06, 0.7)], "ScaledExit: fractions must sum to at most 1, .* was 1.4"),
        ([(0.06, 0.5), (0.03, 0.5)], "ScaledExit: gains must rise from target to target, 0.03 came after 0.06"),
        ([(0.03, 0.5), (0.03, 0.5)], "ScaledExit: gains must rise"),
    ],
)  # fmt: skip
def test_bad_targets_are_refused_in_a_sentence(targets, message):
    with pytest.raises(InvalidRuleError, match=message):
        ScaledExit(targets)
