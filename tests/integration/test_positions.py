"""What becomes of a position: adds, partial closes, reversals, excursions, exits on the exact bar."""

import pandas as pd
import pytest
from scenes import FLAT, buy_first, day, fills, market, only_trade, run, sell_first

from ml4t.backtest.data.tables.corporate_actions import KINDS
from ml4t.backtest.risk import (
    PriceBasedStopLoss,
    PriceBasedTakeProfit,
    RiskManager,
    TimeBasedExit,
    TrailingStop,
)

BOTH_EXECUTIONS = pytest.mark.parametrize("lower", [True, False], ids=["lowered", "in Python"])


def play(bars, rules, acts=None, *, lower=True, **settings):
    return run(bars, acts=acts, risk_manager=RiskManager(rules, lower=lower), **settings)


@BOTH_EXECUTIONS
def test_an_add_at_the_open_moves_the_stop_of_that_bar(lower):
    # E = (100·10 + 90·10)/20 = 95, its 10% stop 85.5; without the add it would be 90.
    bars = [FLAT, FLAT, (90.0, 91.0, 86.0, 88.0), (87.0, 88.0, 85.0, 86.0)]
    acts = {0: buy_first, 1: buy_first}
    result = play(bars, [PriceBasedStopLoss(pct=0.1)], acts, lower=lower)
    assert fills(result, "quantity", "price")[2:] == [(-20.0, 85.5)]
    trade = only_trade(result)
    assert (trade["entry_price"], trade["quantity"], trade["stop_at_entry"]) == (95.0, 20.0, 90.0)
    assert trade["bars_held"] == 2


@BOTH_EXECUTIONS
def test_an_add_never_loosens_a_trail(lower):
    bars = [FLAT, FLAT, (90.5, 91.0, 90.5, 91.0), (91.0, 91.0, 89.0, 90.0)]
    acts = {0: buy_first, 1: buy_first}
    result = play(bars, [TrailingStop(0.1)], acts, lower=lower)
    assert fills(result, "quantity", "price")[2:] == [(-20.0, 90.0)]


@BOTH_EXECUTIONS
def test_a_partial_close_leaves_the_levels_to_what_is_left(lower):
    bars = [FLAT, FLAT, (102.0, 103.0, 101.0, 102.0), (101.0, 102.0, 94.0, 96.0)]
    acts = {0: buy_first, 1: lambda s: s.sell("A", 4.0)}
    result = play(bars, [PriceBasedStopLoss(pct=0.05)], acts, lower=lower)
    assert fills(result, "quantity", "price", "position_after")[1:] == [
        (-4.0, 102.0, 6.0),
        (-6.0, 95.0, 0.0),
    ]
    trade = only_trade(result)
    assert trade["exit_price"] == (102.0 * 4.0 + 95.0 * 6.0) / 10.0
    assert trade["net_pnl"] == 2.0 * 4.0 - 5.0 * 6.0
    assert (trade["exit_type"], trade["bars_held"]) == ("stop_loss", 2)


@BOTH_EXECUTIONS
def test_a_reversal_starts_a_new_position_with_levels_of_its_own(lower):
    bars = [FLAT, FLAT, (104.0, 105.0, 103.0, 104.0), (104.0, 110.0, 103.0, 109.0)]
    acts = {0: buy_first, 1: lambda s: s.sell("A", 25.0)}
    rules = [PriceBasedStopLoss(pct=0.05), PriceBasedTakeProfit(pct=0.5)]
    result = play(bars, rules, acts, lower=lower)
    short_stop = 104.0 * (1.0 + 0.05)
    assert fills(result, "quantity", "price", "position_after", "order_id")[1:] == [
        (-10.0, 104.0, 0.0, 2),
        (-15.0, 104.0, -15.0, 2),
        (15.0, short_stop, 0.0, 3),
    ]
    long, short = result.trades.to_dict("records")
    assert (long["side"], long["net_pnl"], long["exit_type"], long["bars_held"]) == (
        "long",
        40.0,
        "other",
        1,
    )
    assert (short["side"], short["exit_type"], short["bars_held"]) == ("short", "stop_loss", 1)
    assert (short["stop_at_entry"], short["target_at_entry"]) == (short_stop, 52.0)
    assert short["net_pnl"] == (short_stop - 104.0) * -15.0


@pytest.mark.parametrize(
    ("acts", "mfe", "mae"),
    [
        # The entry bar counts in full, 104 and 98; of the exit bar only its open and the exit.
        ({0: buy_first}, 4.0, -5.0),
        # For a short the entry bar's low is the best; the exit bar opens at 103, leaves at 105.
        ({0: sell_first}, 2.0, -5.0),
    ],
    ids=["long", "short"],
)
def test_excursions_on_entry_and_exit_bars(acts, mfe, mae):
    bars = [FLAT, (100.0, 104.0, 98.0, 103.0), (103.0, 120.0, 80.0, 110.0)]
    result = play(bars, [PriceBasedStopLoss(pct=0.05)], acts)
    trade = only_trade(result)
    assert (trade["mfe"], trade["mae"]) == (mfe, mae)
    assert (trade["mfe_pct"], trade["mae_value"]) == (mfe / 100.0, mae * 10.0)


def test_the_open_of_the_exit_bar_is_an_excursion():
    bars = [FLAT, (100.0, 101.0, 99.0, 100.0), (107.0, 108.0, 90.0, 91.0)]
    trade = only_trade(play(bars, [PriceBasedStopLoss(price=95.0)]))
    assert (trade["mfe"], trade["mae"]) == (7.0, -5.0)


@BOTH_EXECUTIONS
@pytest.mark.parametrize("max_bars", [1, 2, 3])
def test_a_time_exit_is_decided_at_the_exact_close_and_fills_at_the_next_open(max_bars, lower):
    bars = [FLAT] + [(100.0 + t, 101.0 + t, 99.0 + t, 100.5 + t) for t in range(5)]
    trade = only_trade(play(bars, [TimeBasedExit(max_bars)], lower=lower))
    # Bought at the open of bar 1: that bar's close is the first.
    assert trade["exit_decision_time"] == pd.Timestamp(day(max_bars), tz="UTC")
    assert trade["exit_time"] == pd.Timestamp(day(max_bars + 1), tz="UTC")
    assert (trade["exit_price"], trade["bars_held"]) == (100.0 + max_bars, max_bars)
    at_close = play(bars, [TimeBasedExit(max_bars)], lower=lower, exit_decided_at_close="close")
    trade = only_trade(at_close)
    assert trade["exit_time"] == pd.Timestamp(day(max_bars), tz="UTC")
    assert (trade["exit_price"], trade["bars_held"]) == (99.5 + max_bars, max_bars)


@BOTH_EXECUTIONS
def test_bars_without_a_row_do_not_count(lower):
    data = market({"A": [FLAT, FLAT, None, None, FLAT, FLAT], "B": [FLAT] * 6})
    trade = only_trade(play(data, [TimeBasedExit(2)], lower=lower))
    assert trade["exit_decision_time"] == pd.Timestamp(day(4), tz="UTC")
    assert trade["exit_time"] == pd.Timestamp(day(5), tz="UTC")


@BOTH_EXECUTIONS
def test_a_rest_that_an_add_left_is_decided_on_anew(lower):
    # Bought at close 1, exit of ten decided at close 2, where five more are bought after it.
    acts = {0: buy_first, 1: lambda s: s.buy("A", 5.0)}
    result = play([FLAT] * 6, [TimeBasedExit(1)], acts, lower=lower, fill_at="next_close")
    days = [(time.value - day(0)) // (day(1) - day(0)) for time in result.fills["timestamp"]]
    assert days == [1, 2, 3, 4]
    assert list(result.fills["quantity"]) == [10.0, 5.0, -10.0, -5.0]
    assert only_trade(result)["quantity"] == 15.0


@BOTH_EXECUTIONS
def test_a_split_divides_every_price_the_position_keeps(lower):
    data = market(
        {"A": [FLAT, FLAT, (50.0, 51.0, 49.0, 50.0), (49.0, 50.0, 47.0, 48.0)]},
        actions=[(day(2), 0, KINDS["split"], 2.0)],
    )
    rules = [PriceBasedStopLoss(price=95.0), PriceBasedTakeProfit(price=300.0)]
    result = play(data, rules, lower=lower)
    trade = only_trade(result)
    assert (trade["exit_price"], trade["quantity"], trade["entry_price"]) == (47.5, 20.0, 50.0)
    assert (trade["stop_at_entry"], trade["target_at_exit"]) == (47.5, 150.0)
