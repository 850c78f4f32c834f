"""The reference engine against the answers of semantics 4, written out by hand."""

from __future__ import annotations

import pytest
from reference import (
    Act,
    Action,
    Bar,
    Decision,
    Market,
    Script,
    Settings,
    run,
    scripted,
    stop_loss,
    take_profit,
    time_exit,
    trailing_stop,
)
from reference.records import NO_TIME
from reference.script import ON_START

DAY = 86_400_000_000_000
FLAT = (100, 100, 100, 100)


def market_of(*bars, actions=(), columns=None) -> Market:
    """One asset, one bar a day; None is a missing row."""
    rows = {(t, 0): Bar(*map(float, bar)) for t, bar in enumerate(bars) if bar is not None}
    times = [DAY * (t + 1) for t in range(len(bars))]
    return Market(times, ["A"], rows, columns or {}, list(actions))


def buy_first(units=10.0) -> Script:
    return Script({0: [Act("buy", 0, units)]})


def sell_first(units=10.0) -> Script:
    return Script({0: [Act("sell", 0, units)]})


def exit_of(bars, rules, **settings):
    chosen = Settings(account="margin", **settings)
    return run(market_of(FLAT, *bars), buy_first(), rules, chosen).fills[1:]


@pytest.mark.parametrize(
    ("start", "level"),
    [("entry_high", 110 * 0.95), ("fill", 100 * 0.95), ("entry_close", 109 * 0.95)],
)
def test_watermark_start(start, level):
    out = run(
        market_of(FLAT, (100, 110, 99, 109), (108, 108, 107, 107)),
        buy_first(),
        [trailing_stop(0.05)],
        Settings(watermark_start=start, watermark="high"),
    )
    # The second bar after the entry lifts no mark: H stays what the entry bar gave, but for 108.
    expected = max(level, 108 * 0.95)
    assert out.positions[0]["stop"] == expected


def test_equality_touches():
    (fill,) = exit_of([FLAT, (99, 100, 95, 99)], [stop_loss(price=95.0)])
    assert fill["price"] == 95.0
    (fill,) = exit_of([FLAT, (99, 110, 98, 99)], [take_profit(price=110.0)])
    assert fill["price"] == 110.0
    assert exit_of([FLAT, (99, 100, 95.1, 99)], [stop_loss(price=95.0)]) == []


def test_check_entry_bar_switch():
    assert exit_of([(100, 101, 94, 99)], [stop_loss(price=95.0)], check_entry_bar=False) == []


def test_gap_fill_and_slip_stops_and_open_decides():
    gap = [FLAT, (90, 92, 88, 91)]
    (fill,) = exit_of(gap, [stop_loss(price=95.0)], gap_fill="level", slippage=0.01)
    assert (fill["base_price"], fill["price"]) == (95.0, 95.0 * (1.0 + -1.0 * 0.01))
    (fill,) = exit_of(gap, [stop_loss(price=95.0)], slip_stops=False, slippage=0.01)
    assert fill["price"] == 90.0
    over = [FLAT, (115, 118, 94, 96)]
    rules = [stop_loss(price=95.0), take_profit(price=110.0)]
    (fill,) = exit_of(over, rules, intrabar="favourable_first")
    assert fill["price"] == 115.0
    (fill,) = exit_of(over, rules, intrabar="favourable_first", open_decides=False)
    assert (fill["price"], fill["exit_type"]) == (95.0, "stop_loss")


def test_level_basis_signal_close():
    bars = [(104, 106, 103, 105), (105, 106, 94, 96)]
    (fill,) = exit_of(bars, [stop_loss(0.05)], level_basis="signal_close")
    assert fill["price"] == 100 * 0.95
    (fill,) = exit_of(bars, [stop_loss(0.05)])
    assert fill["price"] == 104 * 0.95


@pytest.mark.parametrize(("decided", "time", "price"), [("next_open", 4, 103), ("close", 3, 102)])
def test_time_exit_on_the_exact_bar(decided, time, price):
    bars = [(100, 101, 99, 101), (101, 102, 101, 102), (103, 104, 103, 104)]
    (fill,) = exit_of(bars, [time_exit(2)], exit_decided_at_close=decided)
    assert (fill["timestamp"], fill["price"], fill["exit_type"]) == (time * DAY, price, "time_exit")
    assert fill["decision_time"] == 3 * DAY


def test_priority_then_tightness_then_order():
    bars = [FLAT, (99, 100, 90, 95)]
    (fill,) = exit_of(bars, [stop_loss(price=93.0, priority=1), stop_loss(price=95.0)])
    assert (fill["price"], fill["rule"]) == (93.0, 0)
    (fill,) = exit_of(bars, [stop_loss(price=93.0), stop_loss(price=95.0)])
    assert (fill["price"], fill["rule"]) == (95.0, 1)
    (fill,) = exit_of(bars, [trailing_stop(0.05), stop_loss(0.05), stop_loss(price=95.0)])
    assert (fill["price"], fill["rule"], fill["exit_type"]) == (95.0, 1, "stop_loss")
    both = [time_exit(1), scripted({(1, 0): Decision(True, "risk_exit", priority=1, reason="r")})]
    (fill,) = exit_of([FLAT, FLAT], both)
    assert (fill["exit_type"], fill["reason"], fill["rule"]) == ("risk_exit", "r", 1)


def test_split_divides_levels_and_waiting_orders():
    market = market_of(
        FLAT, FLAT, (50, 51, 47, 48), FLAT, actions=[Action(DAY * 2 + 5, 0, "split", 2.0)]
    )
    script = Script({0: [Act("buy", 0, 10.0)], 1: [Act("buy", 0, 4.0)]})
    out = run(market, script, [stop_loss(price=95.0)], Settings())
    assert [fill["quantity"] for fill in out.fills] == [10.0, 8.0, -28.0]
    assert out.fills[2]["price"] == 47.5
    (trade,) = out.trades
    assert (trade["quantity"], trade["entry_price"]) == (28.0, (1000.0 + 400.0) / 28.0)


def test_cash_in_lieu_is_a_fill_without_an_order():
    market = market_of(FLAT, FLAT, (66, 67, 65, 66), actions=[Action(DAY * 3, 0, "split", 1.5)])
    out = run(market, buy_first(5.0), [], Settings(quantity="whole"))
    lieu = out.fills[1]
    assert (lieu["order_id"], lieu["quantity"], lieu["price"]) == (0, -0.5, 100 / 1.5)
    assert (lieu["reason"], lieu["position_after"]) == ("cash_in_lieu", 7.0)


def test_through_zero_pays_one_running_commission_and_exit_first():
    out = run(
        market_of(FLAT, FLAT, FLAT, FLAT),
        Script({0: [Act("buy", 0, 10.0)], 1: [Act("sell", 0, 25.0)]}),
        [],
        Settings(account="margin", commission_pct=0.01, commission_minimum=12.0),
    )
    assert [fill["quantity"] for fill in out.fills] == [10.0, -10.0, -15.0]
    assert [fill["commission"] for fill in out.fills] == [12.0, 12.0, 25.0 - 12.0]
    assert [fill["position_after"] for fill in out.fills] == [10.0, 0.0, -15.0]


def test_close_orders_are_cut_and_cancelled_with_their_position():
    out = run(
        market_of(FLAT, FLAT, FLAT),
        Script({0: [Act("buy", 0, 10.0)], 1: [Act("close", 0), Act("close", 0)]}),
        [],
        Settings(),
    )
    assert [order["status"] for order in out.orders] == ["filled", "filled", "cancelled"]
    assert out.orders[2]["reason"] == "position_closed"


def test_missing_row_makes_orders_wait_and_stops_the_count():
    out = run(
        market_of(FLAT, None, (90, 91, 89, 90), None, (91, 92, 90, 91)),
        buy_first(),
        [],
        Settings(),
    )
    (fill,) = out.fills
    assert (fill["timestamp"], fill["price"]) == (3 * DAY, 90.0)
    assert out.positions[0]["bars_held"] == 2


def test_nan_input_arms_nothing_and_is_read_again_at_a_close():
    columns = {"s": {(0, 0): float("nan"), (1, 0): float("nan"), (2, 0): 0.05, (3, 0): 0.5}}
    low = (100, 100, 90, 100)
    out = run(
        market_of(FLAT, low, low, low, columns=columns), buy_first(), [stop_loss("s")], Settings()
    )
    assert (out.fills[1]["timestamp"], out.fills[1]["price"]) == (4 * DAY, 95.0)
    assert [event["kind"] for event in out.events] == ["nan_input"]


def test_mfe_and_mae_on_entry_and_exit_bars():
    bars = [(100, 104, 98, 103), (103, 120, 94, 110)]
    out = run(market_of(FLAT, *bars), buy_first(), [stop_loss(price=95.0)], Settings())
    (trade,) = out.trades
    assert (trade["mfe"], trade["mae"], trade["bars_held"]) == (4.0, -5.0, 1)


def test_scaled_to_what_can_be_paid_costs_included():
    out = run(
        market_of(FLAT, FLAT),
        buy_first(1000.0),
        [],
        Settings(initial_cash=10_000.0, commission_fixed=1.0),
    )
    (fill,) = out.fills
    assert fill["quantity"] * 100.0 + 1.0 <= 10_000.0 < fill["quantity"] * 100.0 + 1.0 + 1e-9
    (event,) = out.events
    assert (event["kind"], event["asked"], event["given"]) == ("scaled", 1000.0, fill["quantity"])
    whole = run(
        market_of(FLAT, FLAT),
        buy_first(1000.0),
        [],
        Settings(initial_cash=10_050.0, quantity="whole"),
    )
    assert whole.fills[0]["quantity"] == 100.0


def test_fill_at_close_fills_in_the_same_bar():
    bars = [(100, 100, 90, 100), (100, 100, 90, 100)]
    out = run(
        market_of(FLAT, *bars), buy_first(), [stop_loss(price=95.0)], Settings(fill_at="close")
    )
    assert [fill["timestamp"] for fill in out.fills] == [DAY, 2 * DAY]
    assert out.fills[0]["moment"] == "close"


def test_removed_rule_takes_its_level_with_it():
    low = (100, 100, 90, 100)
    script = Script({0: [Act("buy", 0, 10.0)], 1: [Act("remove_rule", index=0)]})
    out = run(market_of(FLAT, FLAT, low), script, [stop_loss(price=95.0)], Settings())
    assert len(out.fills) == 1
    script = Script({0: [Act("buy", 0, 10.0)], 1: [Act("add_rule", rule=stop_loss(price=95.0))]})
    out = run(market_of(FLAT, FLAT, low, low), script, [], Settings())
    assert out.fills[1]["timestamp"] == 4 * DAY  # asked at the close of day 3


def test_dividends_credit_longs_and_debit_shorts():
    market = market_of(FLAT, FLAT, FLAT, actions=[Action(3 * DAY, 0, "dividend", 0.5)])
    margin = Settings(account="margin")
    assert run(market, buy_first(), [], margin).equity[-1][1] == 100_005.0
    assert run(market, sell_first(), [], margin).equity[-1][1] == 99_995.0


def two_assets(*bars) -> Market:
    """Assets A and B with the same bars."""
    rows = {(t, asset): Bar(*map(float, bar)) for t, bar in enumerate(bars) for asset in (0, 1)}
    return Market([DAY * (t + 1) for t in range(len(bars))], ["A", "B"], rows)


def test_a_rule_that_cancels_at_a_fill_takes_nobody_elses_turn():
    script = Script({0: [Act("buy", 0, 10.0), Act("buy", 1, 1.0), Act("buy", 1, 2.0)]})
    # A opens first; of the two orders that then wait, the first is cancelled.
    rule = scripted(opening={(1, 0): Decision(cancel=0)})
    out = run(two_assets(FLAT, FLAT), script, [rule], Settings())
    assert [fill["quantity"] for fill in out.fills] == [10.0, 2.0]
    assert [order["status"] for order in out.orders] == ["filled", "cancelled", "filled"]
    (event,) = out.events
    assert (event["timestamp"], event["kind"], event["order_id"]) == (2 * DAY, "cancelled", 2)


def test_an_order_cancelled_after_its_exit_keeps_that_fill():
    script = Script({0: [Act("buy", 1, 10.0)], 1: [Act("buy", 0, 10.0), Act("sell", 1, 25.0)]})
    rule = scripted(opening={(2, 0): Decision(cancel=0)})
    out = run(two_assets(FLAT, FLAT, FLAT), script, [rule], Settings(account="margin"))
    order, (event,) = out.orders[2], out.events
    assert (order["status"], order["filled_quantity"], order["rest"]) == ("cancelled", -10.0, 0.0)
    assert (event["asked"], event["given"]) == (-25.0, -10.0)


def test_an_exit_by_rule_that_was_cancelled_is_decided_anew():
    # Decided at the close of day 2 and cancelled then; decided again at the close of day 3.
    market = market_of(FLAT, FLAT, FLAT, FLAT, FLAT)
    script = Script({0: [Act("buy", 0, 10.0)], 1: [Act("cancel", index=0)]})
    out = run(market, script, [time_exit(1)], Settings())
    assert [order["status"] for order in out.orders] == ["filled", "cancelled", "filled"]
    assert [fill["timestamp"] for fill in out.fills] == [2 * DAY, 4 * DAY]


def test_orders_of_on_start_have_no_decision_and_fill_in_the_first_bar():
    script = Script({ON_START: [Act("buy", 0, 10.0), Act("target_percent", 0, 0.5)]})
    splits = [Action(DAY - 5, 0, "split", 2.0), Action(DAY, 0, "split", 3.0)]
    out = run(market_of((99, 101, 98, 100), FLAT, actions=splits), script, [], Settings())
    first, second = out.orders
    assert (first["timestamp"], first["decision_time"], first["decision_row"]) == (
        DAY,
        NO_TIME,
        None,
    )
    assert (second["status"], second["reason"], second["ended"]) == ("rejected", "no_price", DAY)
    # Both splits were past when the run began: ten units were ordered, ten are bought.
    (fill,) = out.fills
    assert (fill["quantity"], fill["price"], fill["timestamp"]) == (10.0, 99.0, DAY)


def test_reduce_only_needs_a_position_against_it():
    acts = {
        0: [Act("reduce", 0, -5.0), Act("buy", 0, 10.0)],
        1: [Act("reduce", 0, 5.0)],
        2: [Act("reduce", 0, -25.0)],
    }
    out = run(market_of(FLAT, FLAT, FLAT, FLAT), Script(acts), [], Settings(account="margin"))
    assert [(order["status"], order["reason"]) for order in out.orders] == [
        ("rejected", "no_position"),
        ("filled", "order"),
        ("rejected", "no_position"),
        ("filled", "order"),
    ]
    assert [fill["quantity"] for fill in out.fills] == [10.0, -10.0]


def test_the_rule_that_is_removed_is_the_one_that_is_meant():
    def in_force(rules, meant):
        removal = Script({0: [Act("buy", 0, 10.0)], 1: [Act("remove_rule", rule=meant)]})
        low = (100, 100, 90, 100)
        fills = run(market_of(FLAT, FLAT, low), removal, rules, Settings()).fills[1:]
        return [fill["rule"] for fill in fills]

    one, other, equal = (stop_loss(price=95.0) for _ in range(3))
    assert in_force([one, other], one) == [1]
    assert in_force([one, one], one) == []
    assert in_force([one], equal) == []
    assert in_force([one, other], equal) == [0]  # two equal it: neither is meant


def test_a_level_decides_at_the_close_of_its_row_on_todays_split_basis():
    rows = (FLAT, (100, 105, 99, 104), None, (30, 31, 29, 30))
    splits = [Action(3 * DAY, 0, "split", 2.0), Action(4 * DAY, 0, "split", 1.3)]
    market = market_of(*rows, actions=splits)
    out = run(market, buy_first(), [stop_loss(price=95.0)], Settings())
    order = out.orders[-1]
    assert (order["source"], order["decision_row"]) == ("level", (2 * DAY, "A"))
    assert order["decision_close"] == 104.0 / 2.0 / 1.3


def test_a_trade_carries_what_was_known_at_its_decision_rows():
    columns = {"s": {(t, 0): float(t) for t in range(5)}}
    market = market_of(FLAT, FLAT, FLAT, FLAT, FLAT, columns=columns)
    market.context = {"mood": {t: 10.0 * t for t in range(5)}}
    script = Script({1: [Act("buy", 0, 10.0)], 3: [Act("close", 0)]})
    (trade,) = run(market, script, [], Settings()).trades
    assert (trade["entry_s"], trade["entry_mood"]) == (1.0, 10.0)
    assert (trade["exit_s"], trade["exit_mood"]) == (3.0, 30.0)
