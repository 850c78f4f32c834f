"""Stop orders that trail the market, by hand."""

import pytest
from scenes import FLAT, Acts, day, fills, market, run

UP = (100.0, 110.0, 96.0, 108.0)
BACK = (107.0, 108.0, 104.0, 106.0)


def held(**given):
    """Ten, which a trailing stop is to sell from the close of the second bar on, at 100."""
    return Acts({0: lambda s: s.buy("A", 10.0), 1: lambda s: s.sell("A", 10.0, **given)})


@pytest.mark.parametrize(
    ("given", "bar", "price", "moment"),
    [
        ({"trail": 5.0}, BACK, 105.0, "inside"),  # 95, then 110 - 5
        ({"trail_percent": 0.05}, BACK, 104.5, "inside"),  # 95, then 110·0.95
        ({"trail": 5.0}, (103.0, 104.0, 102.0, 103.0), 103.0, "open"),  # a gap fills at the open
        ({"trail": 5.0}, (107.0, 120.0, 106.0, 107.0), None, None),  # today's high comes too late
        ({"trail": 3.0}, BACK, 97.0, "inside"),  # met in the bar before, at the stop of its close
    ],
)
def test_the_stop_follows_the_highs_of_bars_that_are_over(given, bar, price, moment):
    result = run([FLAT, FLAT, UP, bar], acts=held(**given))
    expected = [] if price is None else [(pytest.approx(price), moment)]
    assert fills(result, "price", "moment")[1:] == expected
    assert result.orders["order_type"].tolist() == ["market", "trailing_stop"]


def test_one_that_buys_follows_the_lows():
    # 105, then 90 + 5.
    acts = {0: lambda s: s.sell("A", 10.0), 1: lambda s: s.buy("A", 10.0, trail=5.0)}
    bars = [FLAT, FLAT, (100.0, 104.0, 90.0, 92.0), (93.0, 96.0, 92.0, 95.0)]
    assert fills(run(bars, acts=Acts(acts)), "price")[1:] == [(95.0,)]


def test_it_follows_closes_where_water_marks_do():
    # 108 - 5 is below the low of 104.
    result = run([FLAT, FLAT, UP, BACK], acts=held(trail=5.0), watermark="close")
    assert fills(result, "price")[1:] == []
    assert result.orders["stop_price"].tolist()[1] == 103.0


def test_it_slips_as_stops_do_and_enters_like_other_orders():
    # From flat at 100: a buy stop of 102; bought there on the way to 110.
    result = run([FLAT, UP], acts=Acts({0: lambda s: s.buy("A", 5.0, trail=2.0)}), slippage=0.01)
    assert fills(result, "quantity", "price") == [(5.0, pytest.approx(102.0 * 1.01))]


def test_a_bar_that_is_missing_moves_nothing():
    bars = market({"A": [FLAT, FLAT, None, UP], "B": [FLAT] * 4})
    result = run(bars, acts=held(trail=5.0))
    assert result.orders["stop_price"].tolist()[1] == 105.0


def test_actions_move_what_it_has_followed():
    # Two for one: H 50, 2.5 behind it. On the ex-day of 3: H 97, and 92.
    half = (50.0, 50.0, 48.0, 50.0)
    split = run(
        market({"A": [FLAT, FLAT, half]}, actions=[(day(2), 0, 0, 2.0)]), acts=held(trail=5.0)
    )
    paid = run(
        market({"A": [FLAT, FLAT, (97.0, 97.0, 93.0, 97.0)]}, actions=[(day(2), 0, 1, 3.0)]),
        acts=held(trail=5.0),
    )
    assert split.orders[["stop_price", "trail"]].values.tolist()[1] == [47.5, 2.5]
    assert paid.orders[["stop_price", "trail"]].values.tolist()[1] == [92.0, 5.0]


def test_a_value_becomes_units_at_the_first_stop():
    # 950 at 100 - 5 are 10.
    result = run([FLAT, FLAT], acts=Acts({0: lambda s: s.sell("A", value=950.0, trail=5.0)}))
    assert result.orders["quantity"].tolist() == [-10.0]


def test_without_a_price_to_trail_it_is_rejected():
    class Starts(Acts):
        def on_start(self):
            self.buy("A", 1.0, trail=5.0)

    result = run([FLAT, FLAT], acts=Starts({0: lambda s: s.sell("A", 1.0, trail=100.0)}))
    assert result.orders["reason"].tolist() == ["no_price", "no_price"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"trail": 0.0}, "trail must be a price in"),
        ({"trail_percent": 5}, r"trail_percent must be between 0 and 1 \(0.05 is 5%\), was 5"),
        ({"trail": 1.0, "trail_percent": 0.1}, "give trail or trail_percent"),
        ({"trail": 1.0, "stop": 99.0}, "leave limit, stop and fill_at out"),
        ({"trail": 1.0, "fill_at": "next_close"}, "leave limit, stop and fill_at out"),
        ({"trail": 1.0, "stop_loss": 90.0}, "an order that trails has no bracket"),
    ],
)
def test_what_no_order_can_trail_by_is_refused(given, message):
    with pytest.raises(Exception, match=message):
        run([FLAT, FLAT], acts=Acts({0: lambda s: s.sell("A", 1.0, **given)}))


def test_its_stop_is_not_changed_by_hand():
    def change(strategy):
        strategy.modify(strategy.open_orders()[0], stop=90.0)

    with pytest.raises(Exception, match="waits for no stop"):
        run([FLAT] * 3, acts=Acts({0: lambda s: s.sell("A", 1.0, trail=5.0), 1: change}))
