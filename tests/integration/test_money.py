"""Prices that are exact, and cash that falls below zero (semantics sections 5 and 6)."""

from random import Random

import numpy as np
import pytest
from scenes import FLAT, day, fills, market, only_trade, run

from ml4t.backtest import Commission
from ml4t.backtest.records.frames import TABLES
from ml4t.backtest.risk import PriceBasedStopLoss


def bought(units):
    return {0: lambda s: s.buy("A", units)}


def test_a_trade_of_one_fill_has_its_price_to_the_bit():
    rng = Random(5)
    for _ in range(50):
        entry, leave, units = (
            rng.uniform(1.0, 200.0),
            rng.uniform(1.0, 200.0),
            rng.uniform(0.1, 9.0),
        )
        bars = [FLAT, (entry,) * 4, (leave,) * 4]
        result = run(bars, acts=bought(units) | {1: lambda s: s.close("A")})
        trade = only_trade(result)
        assert (trade["entry_price"], trade["exit_price"]) == (entry, leave)
        assert trade["mfe"] == max(0.0, leave - entry)
        assert trade["mae"] == min(0.0, leave - entry)
        assert result.orders["average_price"].tolist() == [entry, leave]


def test_fills_at_one_price_leave_the_average_where_it_is():
    # 0.1 · 3 is not 0.3: an average of sums would move.
    price = 0.1
    bars = [FLAT, *[(price,) * 4] * 5]
    acts = {t: lambda s: s.buy("A", 0.3) for t in range(3)} | {4: lambda s: s.close("A")}
    result = run(bars, acts=acts)
    assert only_trade(result)["entry_price"] == only_trade(result)["exit_price"] == price
    assert set(result.positions["entry_price"]) == {price}


def test_an_exit_at_a_level_is_at_that_level():
    level = 100.0 * (1.0 - 0.07)
    bars = [FLAT, FLAT, (100.0, 100.0, 90.0, 91.0)]
    trade = only_trade(run(bars, [PriceBasedStopLoss(pct=0.07)], bought(1.0 / 3.0)))
    assert trade["exit_price"] == trade["level"] == level


def test_averages_of_several_prices_are_weighted_by_units_and_divided_by_splits():
    # 10 at 100 and 30 at 104: 103. Of two for one 51.5. Out: 20 at 50 and 60 at 54: 53.
    bars = [FLAT, FLAT, (104.0,) * 4, (50.0,) * 4, (50.0,) * 4, (54.0,) * 4]
    acts = {
        0: lambda s: s.buy("A", 10.0),
        1: lambda s: s.buy("A", 30.0),
        3: lambda s: s.sell("A", 20.0),
        4: lambda s: s.close("A"),
    }
    trade = only_trade(run(market({"A": bars}, actions=[(day(3), 0, 0, 2.0)]), acts=acts))
    assert (trade["entry_price"], trade["exit_price"], trade["quantity"]) == (51.5, 53.0, 80.0)


def debts(result):
    """Day, order, and the cash that was left, of each event."""
    events = result.events[result.events["kind"] == "negative_cash"]
    days = [(time.value - day(0)) // (day(1) - day(0)) for time in events["timestamp"]]
    assert (events["reason"] == "negative_cash").all()
    assert events["given"].isna().all()
    return list(zip(days, events["order_id"], events["asked"], strict=True))


def test_a_cash_account_that_fees_take_below_zero_says_so_once_a_fall():
    # All of the cash buys; then a thousandth of a unit is sold, worth 0.10, for a fee of 1, twice. Nothing
    # is told at the second: it is the same fall. The sale of one unit ends it; the next trims begin another.
    trim, sell_one = (lambda s: s.sell("A", 0.001)), (lambda s: s.sell("A", 1.0))
    acts = {0: lambda s: s.buy("A", percent=1.0), 1: trim, 2: trim, 3: sell_one}
    acts |= {4: lambda s: s.buy("A", 0.97), 5: trim}
    settings = {"account": "cash", "commission": Commission(minimum=1.0)}
    result = run([FLAT] * 8, acts=acts, **settings)
    cash = result.equity["cash"].tolist()
    assert cash[1:4] == pytest.approx([0.0, -0.9, -1.8], abs=1e-9)
    assert [(t, order) for t, order, _ in debts(result)] == [(2, 2), (6, 6)]
    assert [left for _, _, left in debts(result)] == [cash[2], cash[6]]
    # A margin account may owe.
    assert debts(run([FLAT] * 8, acts=acts, **settings | {"account": "margin"})) == []


def test_entries_that_nobody_checks_take_cash_below_zero_and_say_so():
    acts = {0: lambda s: s.buy("A", 10.0)}
    result = run([FLAT] * 3, acts=acts, account="cash", initial_cash=500.0, on_insufficient="allow")
    assert debts(result) == [(1, 1, -500.0)]


def test_a_whole_position_leaves_though_its_fee_is_more_than_it_brings():
    acts = {0: lambda s: s.buy("A", percent=1.0), 1: lambda s: s.close("A")}
    bars = [FLAT, FLAT, (0.0001,) * 4]
    result = run(
        bars, acts=acts, account="cash", initial_cash=100.0, commission=Commission(fixed=1.0)
    )
    assert fills(result, "position_after")[-1] == (0.0,)
    ((when, _, left),) = debts(result)
    assert (when, left) == (2, result.equity["cash"].iloc[-1])


def test_no_zero_of_a_table_has_a_sign(tmp_path):
    # A short that moved nowhere: its excursions, its P&L and its value are products of 0 and a minus.
    acts = {
        0: lambda s: s.sell("A", 10.0),
        1: lambda s: s.close("A"),
        2: lambda s: s.sell("A", 5.0),
    }
    result = run([FLAT] * 5, acts=acts)
    folder = result.to_parquet(tmp_path / "result")
    stored = type(result).load(folder)
    for table in TABLES:
        for frame in (getattr(result, table), getattr(stored, table)):
            numbers = frame.select_dtypes("float")
            assert not (np.signbit(numbers) & (numbers == 0.0)).to_numpy().any(), table
    assert result.trades["mfe"].tolist() == [0.0]
