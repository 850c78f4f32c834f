"""What orders may fill of a bar's volume, by hand: one budget for an asset and bar, and where the rest goes."""

import pandas as pd
import pytest
from scenes import DAY, FLAT, Acts, day, fills, run

from ml4t.backtest import BacktestConfig, MarketData, SignalStrategy, run_backtest
from ml4t.backtest.risk import PriceBasedStopLoss, PriceBasedTakeProfit, TimeBasedExit

NAN = float("nan")
HOUR = DAY // 24
DIPS, RISES = (100.0, 100.0, 90.0, 91.0), (100.0, 110.0, 100.0, 109.0)


def bars(*rows, **features):
    """Daily bars of one asset: (open, high, low, close) and volume. A tenth of it is what orders may fill."""
    prices = zip(*(row for row, _ in rows), strict=True)
    columns = dict(zip(("open", "high", "low", "close"), map(list, prices), strict=True))
    columns["volume"] = [volume for _, volume in rows]
    n = len(rows)
    return MarketData.from_arrays(
        ["A"], [day(t) for t in range(n)], range(n + 1), [0] * n,
        **{name: [float(value) for value in values] for name, values in columns.items()},
        features=features,
    )  # fmt: skip


def capped(rows, acts=None, rules=(), **settings):
    return run(bars(*rows), rules, Acts(acts or {}), max_participation=0.1, **settings)


def events(result, *names):
    return result.events[list(names or ("kind", "asked", "given"))].values.tolist()


BUY_10 = {0: lambda s: s.buy("A", 10.0)}


def test_an_order_fills_over_as_many_bars_as_it_takes():
    rows = [(FLAT, 100), (FLAT, 40), (FLAT, 0), (FLAT, NAN), (FLAT, 50), (FLAT, 100)]
    result = capped(rows, BUY_10)
    # A tenth of 40, of nothing twice, of 50, and the last unit.
    assert fills(result, "quantity") == [(4.0,), (5.0,), (1.0,)]
    assert events(result) == [
        ["capped", 10.0, 4.0], ["capped", 6.0, 0.0], ["capped", 6.0, 0.0], ["capped", 6.0, 5.0],
    ]  # fmt: skip
    assert result.orders[["status", "quantity", "filled_quantity"]].values.tolist() == [
        ["filled", 10.0, 10.0]
    ]
    assert result.counters["capped_without_volume"] == 1
    assert any("max_participation" in note for note in result.notes)


def test_an_exact_fit_is_no_cut_and_whole_units_take_whole_budgets():
    rows = [(FLAT, 100), (FLAT, 100), (FLAT, 39.0), (FLAT, 100)]
    result = capped(rows, {0: BUY_10[0], 1: lambda s: s.sell("A", 10.0)}, quantity="whole")
    # A tenth of 39 is 3.9: three whole units.
    assert fills(result, "quantity") == [(10.0,), (-3.0,), (-7.0,)]
    assert events(result) == [["capped", -10.0, -3.0]]


def test_all_orders_of_a_bar_share_its_volume_and_exits_come_first():
    acts = {
        0: lambda s: s.buy("A", 6.0),
        1: lambda s: (s.buy("A", 5.0), s.close("A"), s.buy("A", 1.0, limit=100.0)),
    }
    result = capped([(FLAT, 100), (FLAT, 100), (FLAT, 80), (FLAT, 100)], acts)
    # Of 8 units the close takes 6 and the entry made before it 2; the limit order finds nothing.
    assert fills(result, "order_id", "quantity") == [
        (1, 6.0), (3, -6.0), (2, 2.0), (2, 3.0), (4, 1.0),
    ]  # fmt: skip
    assert events(result, "kind", "order_id", "given") == [["capped", 2, 2.0]]


@pytest.mark.parametrize(
    ("valid", "filled", "why"),
    [("ioc", [4.0], "immediate_or_cancel"), ("fok", [], "fill_or_kill")],
)
@pytest.mark.parametrize("given", [{}, {"limit": 100.0}, {"stop": 100.0}])
def test_what_has_one_turn_does_not_wait_for_volume(valid, filled, why, given):
    acts = {0: lambda s: s.buy("A", 10.0, valid=valid, **given)}
    result = capped([(FLAT, 100), (FLAT, 40), (FLAT, 100)], acts)
    assert fills(result, "quantity") == [(units,) for units in filled]
    assert events(result, "kind", "reason")[-1] == ["cancelled", why]


def test_the_rest_of_a_stop_is_at_the_market_that_of_a_limit_is_not():
    away = (120.0, 120.0, 120.0, 120.0)
    rows = [(FLAT, 100), (RISES, 40), (away, 100)]
    stop = capped(rows, {0: lambda s: s.buy("A", 10.0, stop=105.0)})
    limit = capped(
        [(FLAT, 100), (DIPS, 40), (away, 100)], {0: lambda s: s.buy("A", 10.0, limit=95.0)}
    )
    assert fills(stop, "quantity", "price", "moment") == [
        (4.0, 105.0, "inside"), (6.0, 120.0, "open"),
    ]  # fmt: skip
    assert fills(limit, "quantity", "price") == [(4.0, 95.0)]
    assert limit.orders["status"].tolist() == ["open"]


def test_a_stop_of_a_rule_goes_on_at_the_next_open_and_a_target_stays():
    rows = [(FLAT, 100), (FLAT, 100)]
    fell = (80.0, 80.0, 80.0, 80.0)
    stop = capped([*rows, (DIPS, 40), (fell, 100)], BUY_10, [PriceBasedStopLoss(price=95.0)])
    assert fills(stop, "quantity", "price", "exit_type")[1:] == [
        (-4.0, 95.0, "stop_loss"), (-6.0, 80.0, "stop_loss"),
    ]  # fmt: skip
    assert stop.trades["exit_price"].tolist() == [pytest.approx(0.4 * 95.0 + 0.6 * 80.0)]
    target = capped(
        [*rows, (RISES, 40), (FLAT, 100), (RISES, 100)], BUY_10, [PriceBasedTakeProfit(price=105.0)]
    )
    assert fills(target, "quantity", "price")[1:] == [(-4.0, 105.0), (-6.0, 105.0)]
    assert len(target.trades) == 1


def test_a_stop_without_volume_is_triggered_all_the_same_and_no_rule_sells_twice():
    rows = [(FLAT, 100), (FLAT, 100), (DIPS, 0), (FLAT, 50), (FLAT, 100)]
    result = capped(rows, BUY_10, [PriceBasedStopLoss(price=95.0), TimeBasedExit(2)])
    assert fills(result, "quantity", "price")[1:] == [(-5.0, 100.0), (-5.0, 100.0)]
    assert len(result.orders) == 2


def test_a_bracket_guards_what_has_filled():
    acts = {0: lambda s: s.buy("A", 10.0, stop_loss=95.0, take_profit=105.0)}
    result = capped([(FLAT, 100), (FLAT, 40), (FLAT, 60), (RISES, 100)], acts)
    children = result.orders[result.orders["reduce_only"]]
    assert children["quantity"].tolist() == [-4.0, -4.0, -6.0, -6.0]
    assert fills(result, "quantity", "price")[2:] == [(-4.0, 105.0), (-6.0, 105.0)]


def test_the_first_part_of_an_order_cancels_the_others_of_its_ring():
    def two(strategy):
        one = strategy.buy("A", 10.0, limit=100.0)
        strategy.buy("A", 10.0, stop=100.0, oco=one)

    result = capped([(FLAT, 100), (FLAT, 40), (FLAT, 100)], {0: two})
    assert fills(result, "order_id", "quantity") == [(1, 4.0), (1, 6.0)]
    assert ["cancelled", 10.0, 0.0] in events(result)


def test_a_target_is_held_to_over_all_its_parts():
    acts = {
        0: lambda s: s.order_target_quantity("A", 10.0),
        1: lambda s: (s.order_target_quantity("A", 10.0), s.buy("A", 3.0)),
    }
    result = capped([(FLAT, 100), (FLAT, 40), (FLAT, 50), (FLAT, 100)], acts)
    # 4, then 5; said again in between it asks for nothing. Then the last unit, and the three beside it.
    assert fills(result, "order_id", "quantity") == [(1, 4.0), (1, 5.0), (1, 1.0), (2, 3.0)]


def test_the_impact_is_that_of_what_the_bar_can_fill():
    # 1,000 units of which each bar fills 100 of its 1,000: a tenth, not all of it.
    result = capped(
        [(FLAT, 1000)] * 3, {0: lambda s: s.buy("A", 1000.0)}, slippage={"impact": 0.1, "impact_curve": "linear"}
    )  # fmt: skip
    assert fills(result, "price") == [(pytest.approx(101.0),)] * 2


def test_what_is_closed_at_the_end_is_closed_and_counted():
    result = capped([(FLAT, 100), (FLAT, 100), (FLAT, 40)], BUY_10, close_at_end=True)
    assert fills(result, "quantity") == [(10.0,), (-10.0,)]
    assert result.counters["closed_beyond_participation"] == 1
    assert any("close_at_end" in note for note in result.notes)


def test_a_signal_takes_back_what_its_entry_still_waits_for():
    # On, then off: four units are held when the exit is told, and the other six are not bought any more.
    rows = [(FLAT, 100), (FLAT, 40), (FLAT, 100), (FLAT, 100)]
    data = bars(*rows, on=[1.0, 0.0, 0.0, 0.0], off=[0.0, 1.0, 0.0, 0.0])
    strategy = SignalStrategy(entry="on", exit="off", quantity=10.0)
    result = run_backtest(data, strategy, config=BacktestConfig(max_participation=0.1))
    assert fills(result, "quantity") == [(4.0,), (-4.0,)]
    assert result.orders["status"].tolist() == ["cancelled", "filled"]


def test_fine_bars_share_the_volume_of_their_bar():
    day_of_both, fell = (100.0, 112.0, 94.0, 100.0), (97.0, 97.0, 97.0, 97.0)
    hours = pd.DataFrame(
        [(100.0, 112.0, 100.0, 105.0), (105.0, 105.0, 94.0, 96.0), (96.0, 112.0, 96.0, 100.0)],
        columns=["open", "high", "low", "close"],
    )
    hours["timestamp"] = pd.to_datetime([day(2) - HOUR * before for before in (2, 1, 0)], utc=True)
    result = run_backtest(
        bars((FLAT, 100), (FLAT, 100), (day_of_both, 40), (fell, 100)),
        Acts(BUY_10),
        rules=[PriceBasedStopLoss(price=95.0), PriceBasedTakeProfit(price=110.0)],
        config=BacktestConfig(max_participation=0.1, intrabar="fine"),
        fine={"A": hours},
    )
    # The first hour sells at the target all 4 units that the day has. The second reaches the stop, for the open of the
    # next day; the third the target again, in vain.
    exits = [(-4.0, 110.0, "take_profit"), (-6.0, 97.0, "stop_loss")]
    assert fills(result, "quantity", "price", "exit_type")[1:] == exits
    assert (result.fills["intrabar"] == "fine").tolist() == [False, True, False]
    assert events(result) == [["capped", -10.0, -4.0]]


@pytest.mark.parametrize(
    ("most", "filled", "ended"),
    [(1, [(1, 4.0)], ["expired"]), (2, [(1, 4.0), (2, 4.0)], ["cancelled", "expired"])],
)
def test_an_entry_that_has_filled_in_part_is_one_of_those_there_may_be(most, filled, ended):
    # Orders for a day, of which 4 units fill: the next signal takes the place of the rest if there may be a second entry.
    data = bars(*[(FLAT, 40)] * 4, on=[1.0, 1.0, 1.0, 0.0])
    strategy = SignalStrategy("on", quantity=10.0, valid="day", max_entries=most)
    result = run_backtest(data, strategy, config=BacktestConfig(max_participation=0.1))
    assert fills(result, "order_id", "quantity") == filled
    assert result.orders["status"].tolist() == ended


def test_a_cap_needs_volumes():
    with pytest.raises(ValueError, match=r"max_participation=0\.1 is a fraction of the volume"):
        run([FLAT, FLAT], acts=Acts(BUY_10), max_participation=0.1)


@pytest.mark.parametrize("wrong", [0.0, -0.1, 1.1, NAN, "a tenth"])
def test_a_cap_is_a_fraction(wrong):
    with pytest.raises(ValueError, match="max_participation"):
        BacktestConfig(max_participation=wrong)
