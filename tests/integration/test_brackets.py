"""Brackets by hand: what an order enters leaves at its stop or its limit, and one cancels the other."""

import numpy as np
import pytest
from scenes import FLAT, Acts, day, fills, market, only_trade, run

from ml4t.backtest.risk import PriceBasedStopLoss

BOTH = (100.0, 112.0, 94.0, 105.0)  # a stop at 95 and a target at 110 lie in it


def bracket(**given):
    return Acts(
        {0: lambda s: s.buy("A", 10.0, **{"stop_loss": 95.0, "take_profit": 110.0} | given)}
    )


@pytest.mark.parametrize(
    ("bar", "price", "why", "moment"),
    [
        ((100.0, 105.0, 94.0, 100.0), 95.0, "stop_loss", "inside"),
        ((100.0, 112.0, 96.0, 100.0), 110.0, "take_profit", "inside"),
        ((92.0, 99.0, 90.0, 91.0), 92.0, "stop_loss", "open"),  # a gap fills at the open
        ((115.0, 116.0, 114.0, 115.0), 115.0, "take_profit", "open"),
        (BOTH, 95.0, "stop_loss", "inside"),  # adverse first
    ],
)
def test_the_entry_bar_and_every_later_bar_try_both(bar, price, why, moment):
    for bars in ([FLAT, bar], [FLAT, FLAT, bar]):
        if bars[1] == bar and moment == "open":
            continue  # it is bought at that open
        result = run(bars, acts=bracket())
        assert fills(result, "quantity", "price", "moment")[1:] == [(-10.0, price, moment)]
        trade = only_trade(result)
        assert (trade["exit_type"], trade["reason"]) == (why, why)
        assert trade["level"] == {"stop_loss": 95.0, "take_profit": 110.0}[why]


def test_one_cancels_the_other():
    result = run([FLAT, FLAT, (100.0, 105.0, 94.0, 100.0), BOTH], acts=bracket())
    rows = result.orders[["order_type", "status", "reason", "parent_id"]].values.tolist()
    assert rows == [
        ["market", "filled", "order", 0],
        ["stop", "filled", "stop_loss", 1],
        ["limit", "cancelled", "one_cancels_other", 1],
    ]
    assert len(fills(result, "price")) == 2


def test_both_in_one_bar_is_told_as_ambiguous():
    result = run([FLAT, FLAT, BOTH], acts=bracket())
    other = run([FLAT, FLAT, BOTH], acts=bracket(), intrabar="favourable_first")
    assert only_trade(result)["exit_price"] == 95.0
    assert only_trade(other)["exit_price"] == 110.0
    assert result.fills["intrabar"].dropna().tolist() == ["adverse_first"]
    assert other.fills["intrabar"].dropna().tolist() == ["favourable_first"]


def test_a_stop_slips_and_a_limit_does_not():
    stop = run([FLAT, FLAT, (100.0, 100.0, 94.0, 94.0)], acts=bracket(), slippage=0.01)
    limit = run([FLAT, FLAT, (100.0, 111.0, 100.0, 111.0)], acts=bracket(), slippage=0.01)
    assert only_trade(stop)["exit_price"] == pytest.approx(95.0 * 0.99)
    assert only_trade(limit)["exit_price"] == 110.0


def test_an_entry_inside_the_bar_counts_what_can_come_after_it():
    # Bought at 97 on the way down to 94: the stop of 95 lies on that way. With a low of 96 it does not, and
    # the high of 112 may have come before: nothing is sold.
    entry = bracket(limit=97.0)
    stopped = run([FLAT, (100.0, 112.0, 94.0, 105.0)], acts=entry)
    held = run([FLAT, (100.0, 112.0, 96.0, 105.0)], acts=bracket(limit=97.0))
    assert fills(stopped, "quantity", "price") == [(10.0, 97.0), (-10.0, 95.0)]
    assert fills(held, "quantity", "price") == [(10.0, 97.0)]


def test_a_short_is_guarded_on_the_other_sides():
    acts = Acts({0: lambda s: s.sell("A", 10.0, stop_loss=105.0, take_profit=90.0)})
    lost = run([FLAT, FLAT, (100.0, 106.0, 99.0, 100.0)], acts=acts)
    acts = Acts({0: lambda s: s.sell("A", 10.0, stop_loss=105.0, take_profit=90.0)})
    won = run([FLAT, FLAT, (100.0, 101.0, 89.0, 100.0)], acts=acts)
    assert only_trade(lost)["exit_price"] == 105.0
    assert only_trade(won)["exit_price"] == 90.0


def test_what_closes_the_position_takes_its_children_along():
    acts = {0: lambda s: s.buy("A", 10.0, stop_loss=95.0), 1: lambda s: s.close("A")}
    result = run([FLAT, FLAT, FLAT, BOTH], acts=Acts(acts))
    assert result.orders[["status", "reason"]].values.tolist() == [
        ["filled", "order"],
        ["cancelled", "position_closed"],
        ["filled", "close"],
    ]
    assert len(result.events) == 1  # no duplicate exit: a child guards, it is not on its way


def test_targets_do_not_take_children_for_exits():
    # 10 are held and guarded; a target of 10 again changes nothing, one of 4 sells 6, and zero closes.
    said = []

    def again(strategy):
        said.append(strategy.order_target_quantity("A", 10.0))
        said.append(strategy.quantity_after_orders("A"))
        said.append(len(strategy.open_orders("A")))
        strategy.order_target_quantity("A", 4.0)

    acts = {
        0: lambda s: s.buy("A", 10.0, stop_loss=50.0, take_profit=150.0),
        1: again,
        2: lambda s: s.order_target_quantity("A", 0.0),
    }
    result = run([FLAT] * 4, acts=Acts(acts))
    assert said == [None, 10.0, 2]
    assert fills(result, "quantity") == [(10.0,), (-6.0,), (-4.0,)]
    assert result.orders["reason"].tolist()[-1] == "close"


def test_two_brackets_guard_their_own_units():
    acts = {
        0: lambda s: s.buy("A", 10.0, stop_loss=95.0, take_profit=110.0),
        1: lambda s: s.buy("A", 5.0, stop_loss=90.0, take_profit=120.0),
    }
    result = run([FLAT, FLAT, FLAT, (100.0, 100.0, 94.0, 94.0), FLAT], acts=Acts(acts))
    assert fills(result, "quantity", "price") == [(10.0, 100.0), (5.0, 100.0), (-10.0, 95.0)]
    assert result.open_positions["quantity"].tolist() == [5.0]


def test_through_zero_only_what_enters_is_guarded():
    acts = {
        0: lambda s: s.sell("A", 4.0),
        1: lambda s: s.buy("A", 10.0, stop_loss=95.0, take_profit=110.0),
    }
    result = run([FLAT, FLAT, FLAT, (100.0, 100.0, 94.0, 94.0)], acts=Acts(acts))
    assert fills(result, "quantity") == [(-4.0,), (4.0,), (6.0,), (-6.0,)]


def test_scaled_to_what_can_be_paid_so_are_its_children():
    result = run([FLAT, FLAT, FLAT], acts=bracket(), account="cash", initial_cash=600.0)
    assert result.orders["quantity"].tolist() == [10.0, -6.0, -6.0]


def test_an_order_that_is_refused_leaves_no_child():
    refused = {"account": "cash", "initial_cash": 10.0, "on_insufficient": "reject"}
    result = run([FLAT, FLAT], acts=bracket(), **refused)
    assert result.orders["status"].tolist() == ["rejected"]


def test_a_rule_and_a_bracket_guard_together():
    result = run(
        [FLAT, FLAT, (100.0, 100.0, 94.0, 94.0)], PriceBasedStopLoss(pct=0.03), acts=bracket()
    )
    assert only_trade(result)["exit_price"] == 97.0
    assert only_trade(result)["rule"] == "PriceBasedStopLoss"
    assert result.orders["status"].tolist() == ["filled", "cancelled", "cancelled", "filled"]


def test_a_child_can_be_moved_and_cancelled():
    def trail(strategy):
        stop, target = strategy.open_orders("A")
        assert (stop.parent, stop.stop, target.limit) == (1, 95.0, 110.0)
        strategy.modify(stop, stop=99.0)
        strategy.cancel(target)

    acts = {0: lambda s: s.buy("A", 10.0, stop_loss=95.0, take_profit=110.0), 1: trail}
    result = run([FLAT, FLAT, (100.0, 115.0, 98.0, 100.0)], acts=Acts(acts))
    assert only_trade(result)["exit_price"] == 99.0


def test_splits_and_dividends_move_what_a_bracket_waits_for():
    # Ordered at 100 for 95 and 110; two for one before the fill: 47.5 and 55. A dividend of 1 takes the stop
    # of the long down to 46.5, its target stays.
    bars = [FLAT, (50.0,) * 4, (49.0,) * 4, (49.0, 49.0, 46.0, 46.0)]
    actions = [(day(1), 0, 0, 2.0), (day(2), 0, 1, 1.0)]
    result = run(market({"A": bars}, actions=actions), acts=bracket())
    orders = result.orders
    assert orders["stop_price"].tolist()[1] == 46.5
    assert orders["limit_price"].tolist()[2] == 55.0
    assert fills(result, "quantity", "price") == [(20.0, 50.0), (-20.0, 46.5)]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"stop_loss": 110.0, "take_profit": 95.0},
            "stop_loss must be below take_profit of an order that buys",
        ),
        ({"stop_loss": 98.0, "limit": 97.0}, "stop_loss must be below the order's own price"),
        (
            {"take_profit": 104.0, "stop_loss": None, "stop": 105.0},
            "own price must be below take_profit",
        ),
        ({"stop_loss": -1.0}, "stop_loss must be a price"),
        ({"take_profit": np.inf}, "take_profit must be a price"),
    ],
)
def test_a_bracket_that_makes_no_sense_is_refused(given, message):
    with pytest.raises(Exception, match=message):
        run([FLAT, FLAT], acts=bracket(**given))


def test_a_bracket_lies_around_the_limit_on_its_tick():
    # 100.009 is bought at 100.00: a stop at 100.005 would lie above what is paid.
    def act(strategy):
        with pytest.raises(
            ValueError,
            match=r"stop_loss must be below the order's own price .* was 100.005 beside 100",
        ):
            strategy.buy("A", 10.0, limit=100.009, stop_loss=100.005)
        strategy.buy("A", 10.0, limit=100.009, stop_loss=99.995)

    result = run([FLAT, FLAT, (100.0, 100.0, 99.0, 99.0)], acts=Acts({0: act}), tick_size=0.01)
    assert fills(result, "quantity", "price") == [(10.0, 100.0), (-10.0, pytest.approx(99.99))]


def test_an_entry_inside_meets_its_own_children_alone():
    # Triggered at 107 beyond its limit of 106, which it has at the close. The bracket of the other order entered at
    # 103, after the high: its target of 105.5 is on no path any more.
    acts = {
        0: lambda s: (
            s.buy("A", 10.0, stop=107.0, limit=106.0, take_profit=120.0),
            s.buy("A", 1.0, limit=103.0, take_profit=105.5),
        )
    }
    bars = [
        (105.0, 105.0, 105.0, 105.0),
        (105.0, 108.0, 101.0, 104.0),
    ]  # the high is nearer to the open
    result = run(bars, acts=Acts(acts))
    assert fills(result, "quantity", "price") == [(1.0, 103.0), (10.0, 106.0)]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"limit": 90.0}, "stop_loss must be below the order's own price"),
        ({"limit": 93.0}, "stop_loss must be below the order's own price"),
        ({"limit": 99.0}, "the order's own price must be below take_profit"),
    ],
)
def test_a_change_keeps_an_order_between_the_ends_of_its_bracket(change, message):
    seen = []

    def orders(strategy):
        made = strategy.buy("A", 5.0, limit=95.0, stop_loss=93.0, take_profit=99.0)
        with pytest.raises(ValueError, match=message):
            strategy.modify(made, **change)
        strategy.modify(made, limit=94.0)
        seen.append(made.limit)

    run([FLAT, FLAT], acts=Acts({0: orders}))
    assert seen == [94.0]
