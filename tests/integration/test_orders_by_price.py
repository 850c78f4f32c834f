"""Orders that wait for a price, by hand: what a trader expects of limits, stops, their time and their changes."""

import numpy as np
import pandas as pd
import pytest
from scenes import FLAT, Acts, day, fills, market, run

from ml4t.backtest import MarketData, Strategy, run_backtest
from ml4t.backtest.risk import PriceBasedStopLoss

UP = (100.0, 110.0, 95.0, 105.0)
DIVIDEND = 1


def order(side, **given):
    return Acts({0: lambda s: getattr(s, side)("A", 10.0, **given)})


@pytest.mark.parametrize(
    ("side", "given", "bar", "price"),
    [
        ("buy", {"limit": 97.0}, UP, 97.0),
        ("buy", {"limit": 95.0}, UP, 95.0),  # just touched
        ("buy", {"limit": 101.0}, UP, 100.0),  # the open is better
        ("buy", {"limit": 94.0}, UP, None),
        ("sell", {"limit": 108.0}, UP, 108.0),
        ("sell", {"limit": 99.0}, UP, 100.0),
        ("buy", {"stop": 108.0}, UP, 108.0),
        ("buy", {"stop": 98.0}, UP, 100.0),  # met by the open
        ("sell", {"stop": 97.0}, UP, 97.0),
        ("sell", {"stop": 102.0}, UP, 100.0),  # a gap fills at the open
        ("buy", {"stop": 111.0}, UP, None),
        ("buy", {"stop": 103.0, "limit": 104.0}, UP, 103.0),
        (
            "buy",
            {"stop": 109.0, "limit": 106.0},
            UP,
            106.0,
        ),  # beyond the limit; the close is within it
        ("buy", {"stop": 109.0, "limit": 104.0}, UP, None),  # the close of 105 is not
        ("buy", {"stop": 99.0, "limit": 96.0}, UP, 96.0),  # triggered by the open, then reached
    ],
)
def test_an_order_fills_where_the_bar_brings_its_price(side, given, bar, price):
    result = run([FLAT, bar], acts=order(side, **given), account="margin")
    assert fills(result, "price") == ([] if price is None else [(price,)])


def test_a_limit_never_slips_and_a_stop_does():
    limit = run([FLAT, UP], acts=order("buy", limit=97.0), slippage=0.01)
    stop = run([FLAT, UP], acts=order("buy", stop=108.0), slippage=0.01)
    assert fills(limit, "price") == [(97.0,)]
    assert fills(stop, "price") == [(pytest.approx(108.0 * 1.01),)]


def test_an_order_is_not_tried_on_the_bar_that_made_it():
    result = run([UP, FLAT], acts=order("buy", limit=97.0), fill_at="close")
    assert fills(result, "price") == []


def test_a_stop_of_the_rules_acts_after_an_entry_inside_the_bar():
    # Bought at 97 on the way down to 95; 2% below is 95.06, which lies on the rest of the way.
    result = run([FLAT, UP], PriceBasedStopLoss(pct=0.02), acts=order("buy", limit=97.0))
    assert fills(result, "quantity", "price", "moment") == [
        (10.0, 97.0, "inside"),
        (-10.0, pytest.approx(95.06), "inside"),
    ]


def test_money_freed_inside_a_bar_buys_nothing_inside_it():
    # All cash is in A; its limit of 108 sells inside the bar in which B would be bought at 97.
    bars = market({"A": [FLAT, FLAT, UP, FLAT], "B": [FLAT, FLAT, UP, FLAT]})

    def both(strategy):
        strategy.sell("A", 100.0, limit=108.0)
        strategy.buy("B", 10.0, limit=97.0)

    acts = {0: lambda s: s.buy("A", 100.0), 1: both}
    result = run(bars, acts=Acts(acts), account="cash", initial_cash=10_000.0)
    assert fills(result, "asset", "quantity") == [("A", 100.0), ("A", -100.0)]
    assert result.events[["kind", "reason"]].values.tolist() == [["rejected", "insufficient_cash"]]


def test_value_and_percent_are_sized_at_the_price_that_is_waited_for():
    # Half of 100,000 at 80 are 625 units, 1,000 at 80 are 12.5.
    half = run([FLAT, FLAT], acts=Acts({0: lambda s: s.buy("A", percent=0.5, limit=80.0)}))
    thousand = run([FLAT, FLAT], acts=Acts({0: lambda s: s.buy("A", value=1000.0, stop=80.0)}))
    assert half.orders["quantity"].tolist() == [625.0]
    assert thousand.orders["quantity"].tolist() == [12.5]


def test_a_dividend_takes_buy_limits_and_sell_stops_down():
    # On the ex-day of 3 a fair price is 97: a sell stop at 98 becomes 95, a buy limit at 96 becomes 93.
    bars = market({"A": [FLAT, (97.0, 97.0, 96.0, 97.0)]}, actions=[(day(1), 0, DIVIDEND, 3.0)])

    def wait(strategy):
        strategy.sell("A", 1.0, stop=98.0)
        strategy.buy("A", 1.0, limit=96.0)
        strategy.sell("A", 1.0, limit=103.0)
        strategy.buy("A", 1.0, stop=104.0)

    result = run(bars, acts=Acts({0: wait}), account="margin")
    assert fills(result, "price") == []
    assert result.orders["stop_price"].tolist()[::3] == [95.0, 104.0]
    assert result.orders["limit_price"].tolist()[1:3] == [93.0, 103.0]
    kept = run(bars, acts=Acts({0: wait}), account="margin", dividend_adjusts="none")
    assert fills(kept, "quantity", "price") == [(-1.0, 97.0), (1.0, 96.0)]


def test_a_split_divides_the_price_and_multiplies_the_units():
    bars = market({"A": [FLAT, (50.0, 50.0, 48.0, 50.0)]}, actions=[(day(1), 0, 0, 2.0)])
    result = run(bars, acts=order("buy", limit=98.0))
    assert fills(result, "quantity", "price") == [(20.0, 49.0)]


# ----- how long ---------------------------------------------------------------------------------

HOURS = pd.to_datetime([
    "2024-03-07 15:00", "2024-03-07 16:00", "2024-03-07 20:00",
    "2024-03-08 00:00", "2024-03-08 10:00",
])  # fmt: skip


class Waits(Strategy):
    """One order at the first bar; notes at which bars it is still there."""

    def __init__(self, **given):
        self.given, self.waited = given, []

    def on_market_data(self, event):
        if not self.waited:
            self.buy("A", 1, limit=50.0, **self.given)
        self.waited.append(len(self.open_orders()))


def hours(zone):
    times = HOURS.tz_localize(zone)
    return MarketData.from_tables(pd.DataFrame({"timestamp": times, "asset": "A", "close": 100.0}))


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Asia/Tokyo"])
def test_a_day_order_waits_until_midnight_of_the_market(zone):
    # The bar of midnight closes the day. 20:00 in New York is the next day in UTC; 7 March has no part of it.
    strategy = Waits(valid="day")
    result = run_backtest(hours(zone), strategy)
    assert strategy.waited == [1, 1, 1, 1, 0]
    (row,) = result.orders.to_dict("records")
    assert (row["status"], row["time_in_force"]) == ("expired", "day")
    assert row["valid_until"] == pd.Timestamp("2024-03-08", tz=zone)
    assert result.events[["kind", "reason"]].values.tolist() == [["expired", "expired"]]


def test_a_day_order_of_the_last_bar_of_a_day_waits_through_the_next():
    strategy = Waits(valid="day")
    run_backtest(MarketData.from_tables(last_bar_first()), strategy)
    assert strategy.waited == [1, 1, 1, 0]


def last_bar_first():
    times = pd.to_datetime(
        ["2024-03-06 16:00", "2024-03-07 10:00", "2024-03-07 16:00", "2024-03-08 10:00"]
    )
    times = times.tz_localize("America/New_York")
    return pd.DataFrame({"timestamp": times, "asset": "A", "close": 100.0})


def test_an_order_waits_up_to_and_with_its_time():
    strategy = Waits(valid_until="2024-03-07 20:00")
    run_backtest(hours("UTC"), strategy)
    assert strategy.waited == [1, 1, 1, 0, 0]


# ----- changes ----------------------------------------------------------------------------------


def test_a_change_counts_from_the_next_bar_and_keeps_the_place():
    def change(strategy):
        first, *_ = strategy.open_orders()
        strategy.modify(first, quantity=3.0, limit=96.0)

    def two(strategy):
        strategy.buy("A", 10.0, limit=90.0)
        strategy.buy("A", 5.0, limit=96.0)

    result = run([FLAT, FLAT, UP], acts=Acts({0: two, 1: change}))
    assert fills(result, "order_id", "quantity", "price") == [(1, 3.0, 96.0), (2, 5.0, 96.0)]
    assert result.events[["kind", "asked", "given"]].values.tolist() == [["modified", 10.0, 3.0]]


def test_an_order_that_was_triggered_and_filled_in_part_goes_on_waiting():
    # 5 of A are held. The sell limit of 20 turns them at 103 into -15 and ends the position, so the stop-limit
    # of 20 only takes the 15 back at 104: its other 5 wait as a limit of 120, and fill at the next open.
    def wait(strategy):
        strategy.sell("A", 20.0, limit=103.0)
        strategy.buy("A", 20.0, stop=104.0, limit=120.0)

    acts = {0: lambda s: s.buy("A", 5.0), 1: wait}
    result = run([FLAT, FLAT, UP, FLAT], acts=Acts(acts), account="margin")
    assert fills(result, "quantity", "price") == [
        (5.0, 100.0), (-5.0, 103.0), (-15.0, 103.0), (15.0, 104.0), (5.0, 100.0),
    ]  # fmt: skip
    assert result.orders["status"].tolist() == ["filled"] * 3


def test_large_orders_that_cancel_out_leave_no_dust_to_a_target():
    # 0.1 + 5e6/3 - 5e6/3 is 0.1 and a rounding of 1e-10, which no target is to trade.
    many = 5e6 / 3
    said = []

    def wait(strategy):
        strategy.buy("A", many, limit=1.0)
        strategy.sell("A", many, limit=1e6)
        said.append(strategy.quantity_after_orders("A"))
        said.append(strategy.order_target_quantity("A", 0.1))

    run([FLAT, FLAT, FLAT], acts=Acts({0: lambda s: s.buy("A", 0.1), 1: wait}), account="margin")
    assert said[0] != 0.1
    assert said[1] is None


# ----- what is refused --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"limit": -1.0}, r"limit must be a price in \[.*\], was -1.0"),
        ({"stop": np.nan}, "stop must be a price in .*, was nan"),
        ({"limit": "95"}, None),
        ({"valid": "DAY"}, "valid must be one of 'gtc', 'day', 'ioc', 'fok', was 'DAY'$"),
        ({"valid": "fok", "valid_until": "2030-01-01"}, "valid='fok' says how long"),
        ({"valid": "day", "valid_until": "2030-01-01"}, "leave valid_until out"),
        ({"valid_until": "2001-01-01"}, "valid_until must be later than now, 2023"),
        ({"valid_until": "tomorow"}, "valid_until"),
        ({"limit": 1.0, "size_at": "fill"}, "size_at='fill' is for"),
    ],
)
def test_what_no_order_can_wait_for_is_refused(given, message):
    with pytest.raises(Exception, match=message) as caught:
        run([FLAT, FLAT], acts=order("buy", **given))
    assert isinstance(caught.value.__cause__, ValueError | TypeError)


def test_what_cannot_be_changed_says_so():
    said = []

    def wait(strategy):
        strategy.waiting = strategy.buy("A", 10.0, limit=90.0)

    def change(strategy):
        for given in ({}, {"stop": 95.0}, {"limit": 0.0}, {"quantity": -1.0}):
            try:
                strategy.modify(strategy.waiting, **given)
            except ValueError as error:
                said.append(str(error))
        strategy.cancel(strategy.waiting)
        try:
            strategy.modify(strategy.waiting, limit=95.0)
        except ValueError as error:
            said.append(str(error))

    run([FLAT, FLAT, FLAT], acts=Acts({0: wait, 1: change}))
    order = "Order('A', 10.0, limit=90, id=1, open)"
    assert said == [
        "modify changes quantity, limit or stop; give one of them",
        f"{order} waits for no stop; cancel it and make another",
        "limit must be a price in [1e-12, 1e+15], was 0.0",
        "quantity must be positive and finite, was -1.0",
        f"{order.replace('open', 'cancelled')} is cancelled: only an order of the strategy that waits can be changed",
    ]


@pytest.mark.parametrize("n", [2, 3])
@pytest.mark.parametrize(
    ("enters", "leaves", "price"), [("buy", "sell", 110.0), ("sell", "buy", 90.0)]
)
@pytest.mark.parametrize("what", ["limit", "stop"])
def test_all_orders_at_the_extreme_of_a_bar_fill(n, enters, leaves, price, what):
    bar = (100.0, 110.0, 90.0, 100.0)
    if what == "stop":
        enters, leaves = leaves, enters

    def orders(strategy):
        for _ in range(n):
            getattr(strategy, leaves)("A", 1.0, **{what: price})

    acts = Acts({0: lambda s: getattr(s, enters)("A", 10.0), 1: orders})
    result = run([FLAT, FLAT, bar], acts=acts, account="margin")
    assert [row[0] for row in fills(result, "price")[1:]] == [price] * n


@pytest.mark.parametrize("intrabar", ["adverse_first", "favourable_first", "nearest_to_open"])
@pytest.mark.parametrize(
    ("side", "given"),
    [
        ("buy", {"stop": 103.0, "stop_loss": 98.0, "take_profit": 120.0}),
        ("sell", {"stop": 97.0, "stop_loss": 102.0, "take_profit": 80.0}),
        ("buy", {"limit": 97.0, "stop_loss": 96.0, "take_profit": 104.0}),
        ("sell", {"limit": 103.0, "stop_loss": 104.0, "take_profit": 96.0}),
    ],
)
def test_an_entry_in_parts_is_the_entry_in_one(side, given, intrabar):
    bars = [FLAT, (100.0, 105.0, 95.0, 99.0), (99.0, 99.5, 98.5, 99.0)]

    def equity(parts):
        def orders(strategy):
            for _ in range(parts):
                getattr(strategy, side)("A", 12.0 / parts, **given)

        result = run(bars, acts=Acts({0: orders}), account="margin", intrabar=intrabar)
        return result.equity["equity"].tolist()

    assert equity(2) == pytest.approx(equity(1), abs=1e-9)
    assert equity(3) == pytest.approx(equity(1), abs=1e-9)
