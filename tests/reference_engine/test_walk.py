"""The walk of semantics 4 in the reference engine, on bars whose answers are written out by hand."""

from __future__ import annotations

import pytest
from reference import (
    Act,
    Action,
    Bar,
    Market,
    Script,
    Settings,
    run,
    scripted,
    stop_loss,
    take_profit,
)
from reference.market import DAY, NAN
from reference.rules import Decision

FLAT = (100, 100, 100, 100)
MARGIN = Settings(account="margin")


def outcome_of(bars, *acts, rules=(), settings=MARGIN, actions=()):
    """One asset, one bar a day, the acts at the close of the first."""
    rows = {(t, 0): Bar(*map(float, bar)) for t, bar in enumerate([FLAT, *bars])}
    times = [DAY * (t + 1) for t in range(len(rows))]
    market = Market(times, ["A"], rows, actions=list(actions))
    return run(market, Script({0: list(acts)}), list(rules), settings)


def fills_of(bars, *acts, **more):
    return [
        (fill["quantity"], fill["price"], fill["moment"])
        for fill in outcome_of(bars, *acts, **more).fills
    ]


def order(units, limit=NAN, stop=NAN, **more) -> Act:
    return Act(
        "buy" if units > 0 else "sell", 0, abs(units), limit=float(limit), stop=float(stop), **more
    )


# Open, high, low, close; who buys first finds the market at 100.
@pytest.mark.parametrize(
    ("act", "bar", "price", "moment"),
    [
        (order(10, limit=98), (97, 99, 96, 98), 97, "open"),  # better than the limit
        (order(10, limit=98), (100, 101, 98, 99), 98, "inside"),  # equality touches
        (order(-10, limit=103), (101, 103, 100, 102), 103, "inside"),
        (order(10, stop=103), (104, 105, 103, 104), 104 * 1.01, "open"),  # a gap, and slippage
        (order(10, stop=103), (101, 104, 100, 102), 103 * 1.01, "inside"),
        (order(-10, stop=97), (99, 100, 96, 98), 97 * 0.99, "inside"),
        (order(10, limit=104, stop=103), (101, 105, 100, 105), 103, "inside"),  # no slippage
        (order(10, limit=102, stop=103), (104, 106, 101, 105), 102, "inside"),  # the open triggers
        (
            order(10, limit=102, stop=103),
            (101, 104, 100, 101),
            102,
            "inside",
        ),  # the close is within
    ],
)
def test_what_a_resting_order_fills_at(act, bar, price, moment):
    settings = Settings(account="margin", slippage=0.01)
    ((_, found, when),) = fills_of([bar], act, settings=settings)
    assert (found, when) == (pytest.approx(price, rel=1e-15), moment)


@pytest.mark.parametrize(
    ("act", "bar"),
    [
        (order(10, limit=98), (100, 101, 98.5, 99)),
        (order(10, stop=103), (100, 102.5, 99, 102)),
        (order(10, limit=102, stop=103), (101, 104, 100, 103)),  # triggered; the close beyond L
    ],
)
def test_what_a_bar_does_not_reach_rests(act, bar):
    out = outcome_of([bar], act)
    assert out.fills == []
    assert out.orders[0]["status"] == "open"


def test_a_stop_limit_that_was_triggered_is_a_limit_order_from_then_on():
    bars = [(101, 104, 100, 103), (102.5, 103, 101, 103)]
    assert fills_of(bars, order(10, limit=102, stop=103)) == [(10.0, 102.0, "inside")]


# A buy limit at 98; then a stop at 96 and a target at 102, armed by its fill.
@pytest.mark.parametrize(
    ("intrabar", "bar", "exit_price"),
    [
        ("adverse_first", (100, 103, 95, 100), 96),  # the low must still come
        ("favourable_first", (100, 103, 95, 100), 102),
        ("nearest_to_open", (100, 103, 95, 100), 96),  # high, low, close
        ("adverse_first", (100, 103, 97, 100), None),  # the high need not come after the low
        ("nearest_to_open", (100, 104, 97, 100), 102),  # low, high, close
    ],
)
def test_levels_after_an_entry_inside(intrabar, bar, exit_price):
    rules = [stop_loss(price=96.0), take_profit(price=102.0)]
    settings = Settings(account="margin", intrabar=intrabar)
    fills = fills_of([bar], order(10, limit=98), rules=rules, settings=settings)
    assert fills[0] == (10.0, 98.0, "inside")
    assert [price for _, price, _ in fills[1:]] == ([] if exit_price is None else [exit_price])


def test_what_the_price_of_an_entry_inside_meets_exits_there():
    # A long from 103 on, whose rule says a stop of 104 from the start.
    rule = scripted(opening={(1, 0): Decision(stop=104.0, reason="above")})
    fills = fills_of([(100, 105, 99, 105)], order(10, stop=103), rules=[rule])
    assert fills == [(10.0, 103.0, "inside"), (-10.0, 103.0, "inside")]


def test_after_an_exit_inside_only_what_reduces_fills_and_its_rest_waits():
    """Long 10 from 100; at 103 25 are sold, through zero; falling again, 20 are bought at 98: 15 end the
    short, 5 wait. What sells at 104 would add to the short and waits."""
    acts = (Act("buy", 0, 10.0), order(-25, limit=103), order(20, limit=98), order(-3, limit=104))
    settings = Settings(account="margin", intrabar="favourable_first")
    out = outcome_of([(100, 105, 97, 99)], *acts, settings=settings)
    assert [(fill["quantity"], fill["price"]) for fill in out.fills] == [
        (10.0, 100.0),
        (-10.0, 103.0),
        (-15.0, 103.0),
        (15.0, 98.0),
    ]
    assert [row["status"] for row in out.orders] == ["filled", "filled", "open", "open"]
    assert out.orders[2]["rest"] == 5.0


def test_levels_and_orders_share_one_path_and_levels_come_first_at_one_price():
    acts = (Act("buy", 0, 10.0), order(-10, limit=104))
    fills = fills_of([(100, 105, 99, 100)], *acts, rules=[take_profit(price=104.0)])
    assert fills == [(10.0, 100.0, "open"), (-10.0, 104.0, "inside")]
    out = outcome_of([(100, 105, 99, 100)], *acts, rules=[take_profit(price=104.0)])
    assert out.fills[1]["exit_type"] == "take_profit"


def test_money_freed_inside_a_bar_buys_nothing_inside_it():
    """Of 2000, 1500 buy A. Its limit sells at 104; B, later on the same day, asks for 1000 and gets 500."""
    bars = {(t, asset): Bar(100.0, 100.0, 100.0, 100.0) for t in range(2) for asset in range(2)}
    bars[2, 0] = Bar(100.0, 105.0, 100.0, 105.0)
    bars[2, 1] = Bar(100.0, 100.0, 90.0, 100.0)
    market = Market([DAY, 2 * DAY, 3 * DAY], ["A", "B"], bars)
    acts = [Act("sell", 0, 15.0, limit=104.0), Act("buy", 1, 10.0, limit=100.0 - 2.0)]
    script = Script({0: [Act("buy", 0, 15.0)], 1: acts})
    out = run(market, script, [], Settings(initial_cash=2000.0))
    bought = out.fills[-1]
    assert bought["quantity"] * bought["price"] == pytest.approx(500.0, rel=1e-12)
    assert out.equity[-1].cash == pytest.approx(15 * 104.0, rel=1e-12)


def test_a_position_opened_inside_takes_in_what_must_come_after_it():
    # Bought at 98 on the way down: the low must come, the high need not; the close is 99.
    out = outcome_of([(100, 103, 95, 99), (99, 99, 99, 99)], order(10, limit=98))
    (trade,) = outcome_of(
        [(100, 103, 95, 99), FLAT], order(10, limit=98), settings=Settings(close_at_end=True)
    ).trades
    assert out.positions[0]["entry_price"] == 98.0
    assert (trade["mfe"], trade["mae"]) == (2.0, -3.0)


def test_dividends_and_splits_move_what_orders_wait_for():
    acts = (order(10, limit=90), order(-10, stop=80), order(10, stop=120), order(-10, limit=125))
    actions = [Action(2 * DAY, 0, "dividend", 1.0)]
    prices = [
        (row["limit"], row["stop"]) for row in outcome_of([FLAT], *acts, actions=actions).orders
    ]
    assert repr(prices) == repr([(89.0, NAN), (NAN, 79.0), (NAN, 120.0), (125.0, NAN)])
    halved = outcome_of(
        [(50, 50, 50, 50)], *acts, actions=[Action(2 * DAY, 0, "split", 2.0)]
    ).orders
    assert [row["quantity"] for row in halved] == [20.0, -20.0, 20.0, -20.0]
    assert repr([row["limit"] for row in halved]) == repr([45.0, NAN, NAN, 62.5])
    gone = outcome_of([FLAT], order(10, limit=1.0), actions=actions).orders[0]
    assert (gone["status"], gone["reason"]) == ("cancelled", "dividend")


def test_an_order_waits_through_its_last_time_and_no_longer():
    reached = (100, 100, 97, 100)
    until = order(10, limit=98, valid="gtd", valid_until=2 * DAY)
    assert len(outcome_of([reached], until).fills) == 1
    late = outcome_of([FLAT, reached], until)
    assert (late.fills, late.orders[0]["status"], late.orders[0]["ended"]) == (
        [],
        "expired",
        3 * DAY,
    )
    today = order(10, limit=98, valid="day")
    assert len(outcome_of([reached], today).fills) == 1
    assert outcome_of([FLAT, reached], today).orders[0]["reason"] == "expired"


def test_a_changed_order_has_its_new_units_and_price_at_once():
    change = Act("modify", index=0, amount=4.0, limit=97.0)
    out = outcome_of([(100, 100, 96, 100)], order(10, limit=98), change)
    assert [(fill["quantity"], fill["price"]) for fill in out.fills] == [(4.0, 97.0)]
    (event,) = out.events
    assert (event["kind"], event["asked"], event["given"]) == ("modified", 10.0, 4.0)
