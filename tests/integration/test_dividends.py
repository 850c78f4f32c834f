"""What a cash dividend lowers besides the price, on both sides of the market (semantics section 2)."""

from math import isnan

import numpy as np
import pytest
from scenes import FLAT, buy_first, day, market, only_trade, run, sell_first

from ml4t.backtest.risk import (
    AnyOf,
    PriceBasedStopLoss,
    PriceBasedTakeProfit,
    RiskContext,
    RiskDecision,
    RiskManager,
    TrailingStop,
)

SPLIT, DIVIDEND = 0, 1
# Bought at 100 on the second day; 6 are paid on the fourth, which opens at 94: nobody lost anything.
EX_DAY = (94.0, 95.0, 93.5, 94.5)
BARS = [FLAT, FLAT, FLAT, EX_DAY]
PAID = [(day(3), 0, DIVIDEND, 6.0)]


@pytest.fixture(params=[True, False], ids=["lowered", "in Python"])
def ask(request):
    def asked(rules, bars=BARS, actions=PAID, acts=None, **settings):
        manager = RiskManager(rules, lower=request.param)
        data = market({"A": bars}, actions=actions, **settings.pop("columns", {}))
        return run(data, acts=acts, risk_manager=manager, **settings)

    return asked


def held(result):
    (position,) = result.open_positions.to_dict("records")
    return position


def test_a_stop_falls_by_the_dividend_and_the_ex_day_does_not_meet_it(ask):
    # 100 less 5% is 95; less 6 it is 89. The ex-day's low is 93.5.
    assert held(ask([PriceBasedStopLoss(pct=0.05)]))["stop"] == 89.0
    assert held(ask([PriceBasedStopLoss(price=95.0)]))["stop"] == 89.0


def test_without_adjustment_the_ex_day_trips_the_stop(ask):
    trade = only_trade(ask([PriceBasedStopLoss(pct=0.05)], dividend_adjusts="none"))
    assert (trade["exit_price"], trade["level"], trade["dividends"]) == (94.0, 95.0, 60.0)
    assert trade["mae"] == -6.0


def test_a_trail_falls_by_the_dividend_and_then_follows_the_lowered_water_mark(ask):
    # H is 100 and the trail 95 until the ex-day, which is tried at 89 and not met. H falls to 94, takes in
    # the high of 95, and the trail is 95 less 5%.
    assert held(ask([TrailingStop(0.05)]))["stop"] == 95.0 * 0.95
    # A day that falls to 88 would meet 89: so the level there is that, and not 94 less 5%, 89.3.
    met = ask([TrailingStop(0.05)], [FLAT, FLAT, FLAT, (94.0, 95.0, 88.0, 90.0)])
    assert only_trade(met)["exit_price"] == 89.0


def test_a_longs_target_stays(ask):
    assert held(ask([PriceBasedTakeProfit(pct=0.25)]))["target"] == 125.0


def test_a_shorts_target_falls_and_its_stop_and_water_mark_stay(ask):
    rules = [PriceBasedStopLoss(pct=0.05), PriceBasedTakeProfit(pct=0.1), TrailingStop(0.2)]
    position = held(ask(rules, acts={0: sell_first}))
    # 100 plus 5% is 105; 100 less 10% is 90, less 6 is 84. Its low of 93.5 has not met that.
    assert (position["stop"], position["target"]) == (105.0, 84.0)
    assert position["dividends"] == -60.0
    trail = held(ask([TrailingStop(0.2)], acts={0: sell_first}))
    assert trail["stop"] == 93.5 * 1.2  # by its own low, as on any day


def test_a_level_that_a_rule_gave_once_falls_too(ask):
    def once(context):
        """A stop at 90 and a target at 130, said when the position opens."""
        if not context.opening:
            return RiskDecision.no_action()
        return RiskDecision.update_stops(90.0, 130.0)

    position = held(ask([once]))
    assert (position["stop"], position["target"]) == (84.0, 130.0)


def test_a_level_that_falls_to_zero_is_gone_and_a_trail_comes_back_at_the_next_close(ask):
    # 100 paid on a price of 100: stops at 95 fall to -5. The fixed one is gone for good, the trail is
    # given again from the ex-day's high, here also when units were added at its open.
    bars = [FLAT, FLAT, FLAT, (2.0, 2.0, 1.0, 2.0), (2.0, 2.0, 1.95, 2.0)]
    paid = [(day(3), 0, DIVIDEND, 100.0)]
    assert isnan(held(ask([PriceBasedStopLoss(pct=0.05)], bars, paid))["stop"])
    for acts in ({0: buy_first}, {0: buy_first, 2: buy_first}):
        assert held(ask([TrailingStop(0.05)], bars, paid, acts))["stop"] == 2.0 * 0.95


def test_excursions_are_what_the_holder_saw(ask):
    # Out at 97: the price fell by 3, but 6 were paid. Seen with the dividend: from 94, best 97, worst 93.5.
    bars = [*BARS, (95.0, 96.0, 95.0, 96.0), (97.0, 97.0, 97.0, 97.0)]
    trade = only_trade(ask([], bars, acts={0: buy_first, 4: lambda s: s.close("A")}))
    assert (trade["mfe"], trade["mae"]) == (3.0, -0.5)
    assert (trade["mfe_pct"], trade["mae_value"]) == (0.03, -5.0)
    assert (trade["entry_price"], trade["exit_price"], trade["net_pnl"]) == (100.0, 97.0, 30.0)


def test_levels_at_entry_stay_what_they_were(ask):
    bars = [*BARS, (88.0, 89.5, 88.0, 88.0)]
    trade = only_trade(ask([PriceBasedStopLoss(pct=0.05)], bars))
    assert (trade["stop_at_entry"], trade["stop_at_exit"]) == (95.0, 89.0)


def test_an_add_after_the_dividend_has_not_been_paid_it(ask):
    # Ten at 100 with 6 paid, ten more at 94: E is 97, A is 3. The stop: 97 less 5%, less 3.
    bars = [*BARS, (94.0, 95.0, 94.0, 95.0), (95.0,) * 4]
    acts = {0: buy_first, 3: buy_first}
    position = held(ask([PriceBasedStopLoss(pct=0.05)], bars, acts=acts))
    assert (position["entry_price"], position["stop"]) == (97.0, 97.0 * 0.95 - 3.0)
    # A price belongs to the day of the opening: all of the 6.
    assert held(ask([PriceBasedStopLoss(price=95.0)], bars, acts=acts))["stop"] == 89.0
    trade = only_trade(ask([], bars, acts={**acts, 4: lambda s: s.close("A")}))
    assert trade["mae"] == -0.5  # 93.5 on the ex-day, from (94 + 94)/2


def test_splits_divide_what_was_paid(ask):
    # 95 less 4 is 91; of two for one 45.5; less 1 is 44.5.
    bars = [FLAT, FLAT, (96.0,) * 4, (48.0,) * 4, (47.0,) * 4]
    actions = [
        (day(2), 0, DIVIDEND, 4.0),
        (day(3), 0, SPLIT, 2.0),
        (day(4), 0, DIVIDEND, 1.0),
    ]
    for rule in (PriceBasedStopLoss(pct=0.05), PriceBasedStopLoss(price=95.0)):
        assert held(ask([rule], bars, actions))["stop"] == 44.5


def test_a_price_read_later_loses_the_dividends_since_then_only(ask):
    # The column has no value before the third day's close; 6 were paid before that, 2 after.
    bars = [FLAT, FLAT, (94.0,) * 4, (92.0,) * 4]
    actions = [(day(2), 0, DIVIDEND, 6.0), (day(3), 0, DIVIDEND, 2.0)]
    columns = {"features": {"floor": {"A": [np.nan, np.nan, 90.0, 91.0]}}}
    position = held(ask([PriceBasedStopLoss(price="floor")], bars, actions, columns=columns))
    assert position["stop"] == 88.0


@pytest.mark.parametrize(
    ("action", "opens", "stop"),
    # A price of 95 was known before the opening: of two for one it is 47.5, less 6 that are paid 89.
    [((SPLIT, 2.0), 50.0, 47.5), ((DIVIDEND, 6.0), 94.0, 89.0)],
    ids=["split", "dividend"],
)
def test_a_price_of_the_row_before_is_taken_over_the_day_of_the_opening(ask, action, opens, stop):
    columns = {"features": {"floor": {"A": [95.0, np.nan, np.nan]}}}
    bars = [FLAT, (opens,) * 4, (opens,) * 4]
    rules = [PriceBasedStopLoss(price="floor")]
    position = held(ask(rules, bars, [(day(1), 0, *action)], columns=columns))
    assert (position["stop"], position["entry_price"]) == (stop, opens)
    # Whoever asks it at the next closes is told the same.
    assert position["bars_held"] == 2


def test_two_dividends_leave_no_trace_of_rounding_in_excursions(ask):
    # (100 - 0.1) - 0.2 and 100 - (0.1 + 0.2) are two doubles; nothing else happened.
    bars = [FLAT, FLAT, (99.9,) * 4, (99.7,) * 4, (99.7,) * 4]
    actions = [(day(2), 0, DIVIDEND, 0.1), (day(3), 0, DIVIDEND, 0.2)]
    trade = only_trade(ask([], bars, actions, {0: buy_first, 3: lambda s: s.close("A")}))
    assert trade["mfe"] >= 0.0 >= trade["mae"]
    assert trade["mfe"] == pytest.approx(0.0, abs=1e-12)


def test_a_context_made_by_hand_counts_dividends():
    # Best and worst price have fallen by the 6 with which the position was paid: 10 up, 5 down.
    context = RiskContext.from_state(
        position_quantity=10.0,
        entry_price=100.0,
        best_price=104.0,
        worst_price=89.0,
        dividend_average=6.0,
        dividend_sum=6.0,
    )
    assert (context.max_favorable_excursion, context.max_adverse_excursion) == (10.0, -5.0)
    assert context.max_adverse_excursion_pct == -0.05
    assert context.price_parameter(95.0, below=True) == 89.0
    assert context.price_parameter(120.0) == 120.0
    assert RiskContext.from_state(entry_price=100.0).dividend_average == 0.0


def test_a_rule_sees_what_was_paid():
    seen = []

    def look(context):
        seen.append((context.dividend_average, context.dividend_sum, context.best_price))
        return RiskDecision.no_action()

    run(market({"A": BARS}, actions=PAID), [look])
    assert seen == [(0.0, 0.0, 100.0)] * 3 + [(6.0, 6.0, 95.0)]


# Ten at 10, ten more at 9.1: E is 9.55 and 10% less is 8.595. The first stop was 9, and 8.8 lies between.
AVERAGED = [(p,) * 4 for p in (10.0, 10.0, 9.4, 9.1, 9.1, 8.8, 8.5)]


@pytest.mark.parametrize("grouped", [False, True], ids=["alone", "in a group"])
@pytest.mark.parametrize(
    ("only_tighten", "exit_price", "net"), [(False, 8.5, -21.0), (True, 8.8, -15.0)]
)
def test_a_stop_that_only_tightens_is_not_lowered_by_an_add(
    ask, grouped, only_tighten, exit_price, net
):
    rule = PriceBasedStopLoss(pct=0.10, only_tighten=only_tighten)
    rules = [AnyOf([rule])] if grouped else [rule]
    trade = only_trade(ask(rules, AVERAGED, (), {0: buy_first, 3: buy_first}))
    assert trade["exit_price"] == exit_price
    assert trade["net_pnl"] == pytest.approx(net)


def test_a_short_stop_that_only_tightens_is_not_raised_by_an_add(ask):
    # Ten at 10, ten at 10.9: E is 10.45, 10% more 11.495; the first stop was 11.
    bars = [(p,) * 4 for p in (10.0, 10.0, 10.5, 10.9, 10.9, 11.2)]
    rule = PriceBasedStopLoss(pct=0.10, only_tighten=True)
    trade = only_trade(ask([rule], bars, (), {0: sell_first, 3: sell_first}))
    assert (trade["exit_price"], trade["stop_at_exit"]) == (11.2, 11.0)


def test_a_dividend_and_a_split_move_a_stop_that_only_tightens(ask):
    rule = PriceBasedStopLoss(pct=0.05, only_tighten=True)
    actions = [*PAID, (day(4), 0, SPLIT, 2.0)]
    assert held(ask([rule], [*BARS, (47.0,) * 4], actions))["stop"] == 44.5


def test_a_rule_of_ones_own_can_ask_for_a_stop_that_only_tightens(ask):
    def loosens(context):
        """95 at the opening, then 90."""
        stop = 95.0 if context.opening else 90.0
        return RiskDecision.update_stops(stop_loss=stop, only_tighten=True)

    assert held(ask([loosens], [FLAT] * 3, ()))["stop"] == 95.0


# ----- what waits over the ex-day ---------------------------------------------------------------

# Decided at 100, filled at 94 on the ex-day of 6.
FILLED_EX = [FLAT, EX_DAY, EX_DAY]


@pytest.mark.parametrize(
    ("adjusts", "close", "stop"), [("levels", 94.0, 94.0 * 0.9), ("none", 100.0, 90.0)]
)
def test_what_was_decided_before_a_dividend_was_decided_at_a_price_with_it(
    ask, adjusts, close, stop
):
    result = ask(
        [PriceBasedStopLoss(pct=0.1)],
        FILLED_EX,
        [(day(1), 0, DIVIDEND, 6.0)],
        level_basis="signal_close",
        dividend_adjusts=adjusts,
    )
    assert result.orders["decision_close"].tolist() == [close]
    assert held(result)["stop"] == stop
    assert held(result)["dividends"] == 0.0


def test_a_stop_below_the_decision_close_is_not_met_by_the_dividend_alone(ask):
    # 5% below 100 is 95, above the ex-day's open.
    given = {
        "bars": FILLED_EX,
        "actions": [(day(1), 0, DIVIDEND, 6.0)],
        "level_basis": "signal_close",
    }
    assert held(ask([PriceBasedStopLoss(pct=0.05)], **given))["stop"] == 94.0 * 0.95
    short = held(ask([PriceBasedTakeProfit(pct=0.05)], acts={0: sell_first}, **given))
    assert short["target"] == 94.0 * 0.95


def test_splits_and_dividends_of_days_without_rows_are_taken_one_by_one():
    # Decided at 100: split in two, 3 paid, split in two: (100/2 - 3)/2. So for what is decided in between.
    bars = {"A": [FLAT, None, None, None, (23.5,) * 4], "B": [FLAT] * 5}
    actions = [(day(1), 0, SPLIT, 2.0), (day(2), 0, DIVIDEND, 3.0), (day(3), 0, SPLIT, 2.0)]
    acts = {0: buy_first, 2: buy_first, 4: buy_first}
    result = run(market(bars, actions=actions), acts=acts)
    assert result.orders["decision_close"].tolist() == [23.5, 23.5, 23.5]
    assert result.orders["decision_time"].is_monotonic_increasing


def test_the_close_a_level_decided_at_is_without_the_dividend(ask):
    # The stop stands at 95 less 6; the low of 88 meets it. The close before was 100.
    result = ask([PriceBasedStopLoss(pct=0.05)], [FLAT, FLAT, FLAT, (94.0, 95.0, 88.0, 90.0)])
    assert result.orders["decision_close"].tolist() == [100.0, 94.0]


@pytest.mark.parametrize("act", [buy_first, sell_first])
def test_without_a_row_on_its_ex_day_an_asset_is_marked_without_what_was_paid(act):
    # Ten units at 100; 6 are paid on the third day, on which only B has a row, and A opens at 94 a day later.
    bars = {"A": [FLAT, FLAT, None, (94.0,) * 4], "B": [FLAT] * 4}
    actions = [(day(2), 0, DIVIDEND, 6.0)]
    for adjusts, marks in (("levels", [100.0, 94.0, 94.0]), ("none", [100.0, 100.0, 94.0])):
        result = run(market(bars, actions=actions), acts={0: act}, dividend_adjusts=adjusts)
        assert result.positions["mark"].tolist() == marks
        worth = result.equity["equity"].to_numpy() - 100_000.0
        units = result.fills["quantity"].sum()
        assert worth.tolist() == [0.0, 0.0, units * (marks[1] - 94.0), 0.0]


def test_a_position_that_is_closed_at_the_end_is_sold_without_the_dividend_it_was_paid():
    bars = {"A": [FLAT, FLAT, None], "B": [FLAT] * 3}
    data = market(bars, actions=[(day(2), 0, DIVIDEND, 6.0)])
    result = run(data, acts={0: buy_first}, close_at_end=True)
    assert result.fills["price"].tolist() == [100.0, 94.0]
    assert only_trade(result)["net_pnl"] == 0.0


def test_marks_follow_splits_and_dividends_of_days_without_rows_in_order():
    # 100: 10 paid, 90; split in three and 2 paid on one day, the split first, 28; 30 paid, more than that, 28.
    bars = {"A": [FLAT, FLAT, None, None, None, (28.0,) * 4], "B": [FLAT] * 6}
    actions = [
        (day(2), 0, DIVIDEND, 10.0),
        (day(3) - 2, 0, DIVIDEND, 2.0),
        (day(3) - 1, 0, SPLIT, 3.0),
        (day(4), 0, DIVIDEND, 30.0),
    ]
    result = run(market(bars, actions=actions), acts={0: buy_first})
    assert result.positions["mark"].tolist() == [100.0, 90.0, 28.0, 28.0, 28.0]
    values = result.positions["value"].to_numpy()
    cash = result.equity["cash"].to_numpy()[1:]
    np.testing.assert_array_equal(cash + values, result.equity["equity"].to_numpy()[1:])
