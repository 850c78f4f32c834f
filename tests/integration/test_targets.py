"""Targets by hand: what waits counts once, nothing goes past a target, and a basket is paid as one."""

import numpy as np
import pandas as pd
import pytest
from scenes import FLAT, Acts, day, fills, market, run

from ml4t.backtest import BacktestConfig, Commission, Strategy, run_backtest
from ml4t.backtest.risk import PriceBasedStopLoss, RiskDecision, RiskRule, TimeBasedExit

CASH = {"account": "cash"}


def flat_bars(n):
    return [FLAT] * n


def orders(result, *columns):
    return list(result.orders[list(columns)].itertuples(index=False, name=None))


def events(result):
    names = ["kind", "reason", "asset", "asked", "given"]
    return list(result.events[names].itertuples(index=False, name=None))


# ---- what waits ----------------------------------------------------------------------------------


def test_two_exits_of_one_position_count_once_for_a_target_of_zero():
    # 100 held; a rule's exit and close() both take them. Counted in full they were 200, and zero bought 100.
    acts = Acts(
        {
            0: lambda s: s.buy("A", 100.0),
            3: lambda s: (s.close("A"), s.order_target_weights({"B": 0.5})),
        }
    )
    data = market({"A": flat_bars(7), "B": flat_bars(7)})
    result = run(data, [TimeBasedExit(3)], acts, **CASH)
    assert fills(result, "asset", "quantity", "reason")[:3] == [
        ("A", 100.0, "order"), ("A", -100.0, "time_exit"), ("B", 500.0, "order"),
    ]  # fmt: skip
    assert result.open_positions["asset"].tolist() == ["B"]


def test_closes_said_while_an_asset_has_no_rows_count_once():
    bars = [FLAT if t not in (3, 4, 5, 6) else None for t in range(10)]
    acts = {t: lambda s: s.close("A") for t in (3, 4, 5)}
    acts |= {0: lambda s: s.buy("A", 100.0), 6: lambda s: s.order_target_percent("A", 0.0)}
    result = run(market({"A": bars, "B": flat_bars(10)}), (), Acts(acts), **CASH)
    assert len(result.open_positions) == 0
    assert [fill[0] for fill in fills(result, "quantity")] == [100.0, -100.0]


def test_pending_and_quantity_after_orders_say_what_waits_can_still_do():
    seen = []

    def look(strategy):
        seen.append((strategy.pending("A"), strategy.quantity_after_orders("A")))

    def act(strategy):
        look(strategy)
        strategy.sell("A", 30.0)
        look(strategy)
        strategy.close("A")  # of the 100, and finds 70
        look(strategy)
        strategy.close("A")  # finds nothing
        look(strategy)
        strategy.buy("A", 5.0)
        look(strategy)

    run(flat_bars(5), (), Acts({0: lambda s: s.buy("A", 100.0), 2: act}))
    assert seen == [(0.0, 100.0), (-30.0, 70.0), (-100.0, 0.0), (-100.0, 0.0), (-95.0, 5.0)]


def test_in_submission_order_a_close_finds_what_was_bought_before_it():
    # Exits first: close takes the 100, the 20 bought are left. By submission: 120, and close takes 100.
    # Either way 20 are left, but a second close finds nothing under the first and nothing under the other.
    seen = []

    def act(strategy):
        strategy.buy("A", 20.0)
        strategy.close("A")
        strategy.close("A")
        seen.append(strategy.quantity_after_orders("A"))

    acts = Acts({0: lambda s: s.buy("A", 100.0), 2: act})
    held = []
    for sequence in ("exits_first", "submission"):
        result = run(flat_bars(5), (), acts, order_sequence=sequence)
        held.append(result.open_positions["quantity"].sum())
    assert seen == held


# ---- held to its target --------------------------------------------------------------------------


@pytest.mark.parametrize("target", [0.5, 0.0001])
def test_a_target_above_zero_never_ends_short_when_a_stop_went_before_it(target):
    # 1,000 held; half of it is ordered for the next close, and the stop takes all inside the bar.
    bars = [*flat_bars(3), (100.0, 101.0, 94.0, 96.0), (96.0, 96.0, 96.0, 96.0)]
    acts = Acts(
        {
            0: lambda s: s.order_target_percent("A", 1.0),
            2: lambda s: s.order_target_percent("A", target),
        }
    )
    result = run(bars, [PriceBasedStopLoss(pct=0.05)], acts, fill_at="next_close")
    assert fills(result, "quantity", "price") == [(1000.0, 100.0), (-1000.0, 95.0)]
    assert len(result.open_positions) == 0
    sold = 1000.0 * (target - 1.0)
    assert events(result) == [("cancelled", "target_reached", "A", sold, 0.0)]
    assert orders(result, "status", "target_units")[1] == ("cancelled", 1000.0 * target)


def test_an_order_stops_at_its_target_when_a_sale_before_it_was_cancelled():
    # 100 held, 40 to be sold; a target of 120 buys 60. Without the sale 20 are enough, 40 are cancelled.
    def act(strategy):
        sale = strategy.sell("A", 40.0)
        strategy.order_target_quantity("A", 120)
        strategy.cancel(sale)

    result = run(flat_bars(5), (), Acts({0: lambda s: s.buy("A", 100.0), 2: act}))
    assert fills(result, "quantity", "position_after") == [(100.0, 100.0), (20.0, 120.0)]
    assert events(result)[1:] == [("cancelled", "target_reached", "A", 60.0, 20.0)]
    assert orders(result, "quantity", "filled_quantity", "status")[2] == (60.0, 20.0, "cancelled")


def test_a_sale_stops_at_its_target_when_a_purchase_before_it_was_cancelled():
    # 100 held, 50 to be bought; a target of 90 sells 60. Without the purchase 10 are enough.
    def act(strategy):
        purchase = strategy.buy("A", 50.0)
        strategy.order_target_quantity("A", 90)
        strategy.cancel(purchase)

    result = run(flat_bars(5), (), Acts({0: lambda s: s.buy("A", 100.0), 2: act}))
    assert fills(result, "quantity", "position_after") == [(100.0, 100.0), (-10.0, 90.0)]
    assert events(result)[1:] == [("cancelled", "target_reached", "A", -60.0, -10.0)]


def test_a_split_multiplies_the_target_of_what_waits():
    # 50 ordered with a target of 50; two for one before they fill: 100, with a target of 100.
    data = market({"A": flat_bars(4)}, actions=[(day(1), 0, 0, 2.0)])
    result = run(data, (), Acts({0: lambda s: s.order_target_quantity("A", 50)}))
    assert orders(result, "quantity", "target_units", "status") == [(100.0, 100.0, "filled")]


# ---- no change, whole units, small changes -------------------------------------------------------


class AllIn(Strategy):
    def on_market_data(self, event):
        self.order_target_percent("A", 1.0)


@pytest.mark.parametrize("commission", [{}, {"minimum": 1.0}, {"fixed": 1.0}])
def test_a_target_said_at_every_close_is_traded_until_it_is_met_and_then_left(commission):
    rng = np.random.default_rng(0)
    closes = (100 * np.exp(np.cumsum(rng.normal(0, 0.01, 252)))).round(2)
    times = pd.date_range("2024-03-04 21:00", periods=252, freq="B", tz="UTC")
    prices = pd.DataFrame({"timestamp": times, "asset": "A", "close": closes})
    result = run_backtest(
        prices, AllIn(), config=BacktestConfig(commission=Commission(**commission))
    )
    assert len(result.fills) == 2
    assert result.metrics["commission"] == 2.0 * bool(commission)
    assert result.equity["cash"].min() >= 0.0


def test_under_whole_units_the_target_is_floored_and_not_the_change():
    # 90 held, 85.3 wanted: 85. The change floored, 4, would leave 86.
    acts = {0: lambda s: s.buy("A", 90.0), 2: lambda s: s.order_target_quantity("A", 85.3)}
    result = run(flat_bars(5), (), Acts(acts), quantity="whole")
    assert fills(result, "quantity", "position_after")[1] == (-5.0, 85.0)


def test_under_whole_units_less_than_a_unit_is_no_order_and_no_rejection():
    acts = {
        0: lambda s: s.buy("A", 90.0),
        2: lambda s: (s.order_target_quantity("A", 90.9), s.order_target_quantity("B", 0.4)),
    }
    result = run(market({"A": flat_bars(5), "B": flat_bars(5)}), (), Acts(acts), quantity="whole")
    assert len(result.orders) == 1
    assert len(result.events) == 0


@pytest.mark.parametrize(
    ("setting", "left", "traded"),
    [
        # 100 held at 100, equity 100,000.
        ({"min_trade_units": 5.0}, 104.9, 105.0),
        ({"min_trade_value": 500.0}, 104.9, 105.0),
        ({"min_trade_percent": 0.005}, 95.1, 95.0),
        ({"drift_band": 0.25}, 80.0, 79.9),  # 20 of 80 is a quarter: inside
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_change_smaller_than_the_settings_want_is_left_alone_and_counted(setting, left, traded):
    results = [
        run(
            flat_bars(5),
            (),
            Acts(
                {
                    0: lambda s: s.buy("A", 100.0),
                    2: lambda s, units=units: s.order_target_quantity("A", units),
                }
            ),
            **setting,
        )
        for units in (left, traded)
    ]
    assert [len(result.orders) for result in results] == [1, 2]
    assert [result.counters["targets_left_alone"] for result in results] == [1, 0]
    assert "1 target left alone" in results[0].summary()
    assert "left alone" not in results[1].summary()


def test_a_target_of_zero_and_plain_orders_are_never_too_small():
    acts = Acts({0: lambda s: s.buy("A", 1.0), 2: lambda s: s.order_target_quantity("A", 0)})
    result = run(flat_bars(5), (), acts, min_trade_units=10.0, drift_band=0.5)
    assert [fill[0] for fill in fills(result, "quantity")] == [1.0, -1.0]
    # With something waiting it is a plain order of a target, and exempt as well.
    acts = Acts({0: lambda s: (s.buy("A", 1.0), s.order_target_quantity("A", 0))})
    result = run(flat_bars(3), (), acts, min_trade_units=10.0, drift_band=0.5)
    assert [fill[0] for fill in fills(result, "quantity")] == [1.0, -1.0]


def test_a_target_of_zero_needs_no_price():
    acts = Acts({0: lambda s: s.order_target_percent("B", 0.0)})
    result = run(market({"A": flat_bars(4), "B": [None, None, FLAT, FLAT]}), (), acts)
    assert len(result.orders) == 0

    def act(strategy):
        strategy.buy("B", 10.0)
        strategy.order_target_percent("B", 0.0)

    data = market({"A": flat_bars(4), "B": [None, None, FLAT, FLAT]})
    result = run(data, (), Acts({0: act}))
    assert orders(result, "quantity", "status") == [(10.0, "filled"), (-10.0, "filled")]


@pytest.mark.parametrize("quantity", [float("nan"), float("inf"), 1e16, 1e-13])
def test_a_target_in_units_must_be_of_a_size_an_order_can_have(quantity):
    acts = Acts({0: lambda s: s.order_target_quantity("A", quantity)})
    with pytest.raises(Exception, match="quantity must be"):
        run(flat_bars(2), (), acts)


def test_a_target_of_more_units_than_an_order_can_have_is_an_error():
    acts = Acts({0: lambda s: s.order_target_value("A", 1e300)})
    with pytest.raises(Exception, match="must be of a size in"):
        run(flat_bars(2), (), acts)


def test_a_target_passes_the_rules_that_look_at_orders():
    class Half(RiskRule):
        def evaluate(self, context):
            return RiskDecision.no_action()

        def validate_order(self, order, context):
            return order.with_quantity(order.quantity / 2)

    result = run(flat_bars(3), [Half()], Acts({0: lambda s: s.order_target_quantity("A", 10)}))
    assert orders(result, "quantity", "target_units") == [(5.0, 10.0)]


# ---- beside an exit ------------------------------------------------------------------------------


@pytest.mark.parametrize("share", [0.1, 0.02, 0.3])
def test_a_target_on_the_side_of_a_position_that_a_rule_closes_is_rejected(share):
    # 100 held, a time exit decided at the close of bar 3. Nothing is sold and bought at the next open.
    acts = Acts({0: lambda s: s.buy("A", 100.0), 3: lambda s: s.order_target_percent("A", share)})
    result = run(flat_bars(6), [TimeBasedExit(3)], acts)
    assert fills(result, "quantity", "reason") == [(100.0, "order"), (-100.0, "time_exit")]
    (event,) = events(result)
    assert event == ("rejected", "exit_pending", "A", pytest.approx(1000.0 * share), 0.0)
    assert orders(result, "status", "reason")[-1] == ("rejected", "exit_pending")


def test_a_target_of_the_other_side_is_honoured_beside_an_exit():
    acts = Acts({0: lambda s: s.buy("A", 100.0), 3: lambda s: s.order_target_quantity("A", -40)})
    result = run(flat_bars(6), [TimeBasedExit(3)], acts)
    assert fills(result, "quantity", "reason")[1:] == [(-100.0, "time_exit"), (-40.0, "order")]
    assert events(result) == []


def test_a_target_of_zero_beside_an_exit_does_nothing():
    acts = Acts({0: lambda s: s.buy("A", 100.0), 3: lambda s: s.order_target_percent("A", 0.0)})
    result = run(flat_bars(6), [TimeBasedExit(3)], acts)
    assert len(result.orders) == 2
    assert events(result) == []


@pytest.mark.parametrize("account", ["margin", "cash"])
def test_selling_what_a_rule_is_selling_already_is_said(account):
    acts = Acts({0: lambda s: s.buy("A", 10.0), 3: lambda s: s.sell("A", s.quantity("A"))})
    result = run(flat_bars(6), [TimeBasedExit(3)], acts, account=account)
    assert events(result)[0] == ("duplicate_exit", "exit_pending", "A", -10.0, 0.0)
    assert result.events["order_id"][0] == 3
    assert result.open_positions["quantity"].tolist() == ([-10.0] if account == "margin" else [])


def test_selling_beside_a_close_is_said_as_far_as_it_finds_nothing():
    # 10 held and being closed, 4 more are bought at that open: of 6 sold, 4 find something.
    def act(strategy):
        strategy.close("A")
        strategy.buy("A", 4.0)
        strategy.sell("A", 6.0)

    result = run(flat_bars(5), (), Acts({0: lambda s: s.buy("A", 10.0), 2: act}))
    assert events(result)[0] == ("duplicate_exit", "exit_pending", "A", -6.0, -4.0)


def test_selling_twice_or_less_than_an_exit_leaves_is_a_short_that_was_ordered():
    acts = {0: lambda s: s.buy("A", 10.0), 2: lambda s: (s.sell("A", 10.0), s.sell("A", 10.0))}
    assert events(run(flat_bars(5), (), Acts(acts))) == []


# ---- baskets -------------------------------------------------------------------------------------

GAP = [FLAT, (105.0, 105.0, 100.0, 105.0), (105.0, 105.0, 105.0, 105.0)]


def equal_weights(strategy):
    names = strategy.data.assets
    strategy.order_target_weights({name: 1 / len(names) for name in names})


def one_by_one(strategy):
    for name in strategy.data.assets:
        strategy.order_target_percent(name, 1 / len(strategy.data.assets))


@pytest.mark.parametrize("act", [equal_weights, one_by_one])
@pytest.mark.parametrize("names", ["ABCDE", "EDCBA"])
def test_a_basket_that_a_gap_made_too_dear_is_scaled_by_one_factor(act, names):
    # 200 of each at 100 cost 105 each at the open: 100,000/105,000 of them, 190.476..., a fifth each.
    data = market(dict.fromkeys(names, GAP))
    result = run(data, (), Acts({0: act}), **CASH)
    units = dict(fills(result, "asset", "quantity"))
    assert units == pytest.approx(dict.fromkeys(names, 200 * 100 / 105), rel=1e-12)
    assert len(set(units.values())) == 1
    assert 0.0 <= result.equity["cash"].iloc[-1] < 1e-9
    assert result.events["kind"].tolist() == ["scaled"] * 5


def test_the_factor_of_a_basket_pays_the_costs_too():
    # Each pays 10 and 1%: 5·(200·f·105·1.01 + 10) = 100,000, so f = 99,950/106,050.
    data = market(dict.fromkeys("ABCDE", GAP))
    commission = Commission(percent=0.01, fixed=10.0)
    result = run(data, (), Acts({0: equal_weights}), commission=commission, **CASH)
    units = [quantity for _, quantity in fills(result, "asset", "quantity")]
    assert units == pytest.approx([200 * 99_950 / 106_050] * 5, rel=1e-12)
    assert 0.0 <= result.equity["cash"].iloc[-1] < 1e-6


def test_a_basket_in_whole_units_is_floored_after_the_factor():
    data = market(dict.fromkeys("ABCDE", GAP))
    result = run(data, (), Acts({0: equal_weights}), quantity="whole", **CASH)
    assert [quantity for _, quantity in fills(result, "asset", "quantity")] == [190.0] * 5


def test_a_basket_that_cannot_be_paid_is_rejected_as_a_whole():
    data = market(dict.fromkeys("ABCDE", GAP))
    result = run(data, (), Acts({0: equal_weights}), on_insufficient="reject", **CASH)
    assert len(result.fills) == 0
    assert result.events["reason"].tolist() == ["insufficient_cash"] * 5


def test_a_basket_that_can_be_paid_fills_as_ordered():
    data = market(dict.fromkeys("ABCDE", flat_bars(3)))
    result = run(data, (), Acts({0: equal_weights}), **CASH)
    assert [quantity for _, quantity in fills(result, "asset", "quantity")] == [200.0] * 5
    assert len(result.events) == 0


def test_a_basket_of_a_margin_account_keeps_to_the_leverage_as_a_whole():
    # Weights of 200% in all, at 105: 2·100,000/(5·400·105) of each; gross is twice the equity, no more.
    data = market(dict.fromkeys("ABCDE", GAP))
    acts = Acts({0: lambda s: s.order_target_weights(dict.fromkeys("ABCDE", 0.4))})
    result = run(data, (), acts)
    units = [quantity for _, quantity in fills(result, "asset", "quantity")]
    assert units == pytest.approx([400 * 200_000 / 210_000] * 5, rel=1e-12)


def test_what_is_sold_pays_for_the_basket_and_shorts_of_a_cash_account_take_no_part():
    # A is left for B, C and D; the short in E can never be paid and costs the others nothing.
    data = market(dict.fromkeys("ABCDE", flat_bars(6)))
    weights = {"B": 0.4, "C": 0.4, "D": 0.4, "E": -0.5}
    acts = {
        0: lambda s: s.order_target_percent("A", 1.0),
        2: lambda s: s.order_target_weights(weights),
    }
    result = run(data, (), Acts(acts), **CASH)
    rows = fills(result, "asset", "quantity")
    assert rows[1] == ("A", -1000.0)
    assert dict(rows[2:]) == pytest.approx(dict.fromkeys("BCD", 1000 / 3), rel=1e-12)
    assert events(result)[0] == ("rejected", "short_in_cash_account", "E", -500.0, 0.0)


@pytest.mark.parametrize("names", ["ABC", "CBA", "BCA"])
def test_in_submission_order_a_basket_sells_before_it_buys(names):
    # All in A; then half B, half C: whoever comes first in the list, A pays for both.
    data = market(dict.fromkeys(names, flat_bars(6)))
    acts = {
        0: lambda s: s.order_target_percent("A", 1.0),
        2: lambda s: s.order_target_weights({"B": 0.5, "C": 0.5}),
    }
    result = run(data, (), Acts(acts), order_sequence="submission", **CASH)
    held = dict(result.open_positions[["asset", "quantity"]].itertuples(index=False, name=None))
    assert held == {"B": 500.0, "C": 500.0}
    assert len(result.events) == 0


def test_orders_made_one_by_one_keep_their_order():
    # 600 each at 100 with 100,000: the first gets all it asked, the second what is left.
    def act(strategy):
        strategy.buy("B", 600.0)
        strategy.buy("A", 600.0)

    result = run(market(dict.fromkeys("AB", flat_bars(3))), (), Acts({0: act}), **CASH)
    assert fills(result, "asset", "quantity") == [("B", 600.0), ("A", 400.0)]


def test_a_plain_order_before_a_basket_is_paid_before_it():
    def act(strategy):
        strategy.buy("C", 500.0)
        strategy.order_target_weights({"A": 0.5, "B": 0.5}, keep_others=True)

    result = run(market(dict.fromkeys("ABC", flat_bars(3))), (), Acts({0: act}), **CASH)
    rows = fills(result, "asset", "quantity")
    assert rows[0] == ("C", 500.0)
    assert dict(rows[1:]) == pytest.approx({"A": 250.0, "B": 250.0}, rel=1e-12)


def test_weights_said_twice_at_one_timestamp_are_one_basket():
    # 0.3 of each, then 0.4 of each: 1.2 in all is too much, whoever comes first.
    def act(strategy):
        strategy.order_target_weights(dict.fromkeys("ABC", 0.3))
        strategy.order_target_weights(dict.fromkeys("ABC", 0.4))

    result = run(market(dict.fromkeys("ABC", flat_bars(3))), (), Acts({0: act}), **CASH)
    held = result.open_positions["quantity"].tolist()
    assert held == pytest.approx([1000 / 3] * 3, rel=1e-12)


def test_baskets_of_two_timestamps_are_two():
    # B has no row until bar 3: its half of the first basket waits, and comes before the second.
    bars = {"A": flat_bars(6), "B": [FLAT, None, None, *flat_bars(3)]}
    acts = {
        0: lambda s: s.order_target_weights({"A": 0.5, "B": 0.5}),
        2: lambda s: s.order_target_percent("A", 0.8),
    }
    result = run(market(bars), (), Acts(acts), **CASH)
    assert fills(result, "asset", "quantity") == [("A", 500.0), ("B", 500.0)]
    assert events(result) == [("rejected", "insufficient_cash", "A", 300.0, 0.0)]
