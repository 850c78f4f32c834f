"""What fills cost, by hand: the parts of slippage and commission, and what is said where a bar lacks them."""

import functools

import pandas as pd
import pytest
from scenes import FLAT, Acts, day, fills, run

from ml4t.backtest import (
    BacktestConfig,
    Commission,
    CostModelError,
    MarketData,
    SignalStrategy,
    Slippage,
    Strategy,
    run_backtest,
)
from ml4t.backtest.risk import PriceBasedStopLoss, PriceBasedTakeProfit
from ml4t.backtest.runfile import RunFile

NAN = float("nan")


def bars(*rows):
    """Daily bars of one asset: (open, high, low, close), volume, bid, ask."""
    prices = zip(*(row[0] for row in rows), strict=True)
    columns = dict(zip(("open", "high", "low", "close"), map(list, prices), strict=True))
    for place, name in enumerate(("volume", "bid", "ask"), 1):
        columns[name] = [row[place] for row in rows]
    n = len(rows)
    return MarketData.from_arrays(
        ["A"], [day(t) for t in range(n)], range(n + 1), [0] * n,
        **{name: [float(value) for value in values] for name, values in columns.items()},
    )  # fmt: skip


QUOTED = (FLAT, 1600.0, 99.9, 100.3)
TRADES = {0: lambda s: s.buy("A", 100.0), 1: lambda s: s.sell("A", 100.0)}


def traded(slippage, *rows):
    """A purchase at the second bar and a sale at the third."""
    return run(bars(QUOTED, *rows), acts=Acts(TRADES), slippage=slippage)


@pytest.mark.parametrize(
    ("slippage", "paid", "got"),
    [
        (0.01, 101.0, 99.0),
        (Slippage(per_unit=0.02), 100.02, 99.98),
        (Slippage(spread=0.5), 100.2, 99.8),  # half of 0.4
        # 100 of 1,600 units: a sixteenth, whose root is a quarter of 4%.
        (Slippage(impact=0.04), 101.0, 99.0),
        (Slippage(impact=0.04, impact_curve="linear"), 100.25, 99.75),
        # The sum: 100·(1 ± (0.01 + 0.01)) ± (0.02 + 0.2).
        (Slippage(percent=0.01, per_unit=0.02, spread=0.5, impact=0.04), 102.22, 97.78),
        (Slippage(extra_on_stops=0.05), 100.0, 100.0),
    ],
)
def test_each_part_of_slippage_is_paid_on_both_sides(slippage, paid, got):
    result = traded(slippage, QUOTED, QUOTED)
    assert fills(result, "price") == [(pytest.approx(paid),), (pytest.approx(got),)]
    assert result.metrics["slippage_cost"] == pytest.approx(100.0 * (paid - 100.0 + 100.0 - got))
    assert not any("in place of" in note for note in result.notes)


def test_some_types_slip_by_parts_of_their_own():
    # At 100 each: a market order pays 1%, one at the open 0.02, one at the close nothing; the stop 2% and 3% more.
    by_type = {
        "market_on_open": Slippage(per_unit=0.02),
        "market_on_close": 0.0,
        "stop": {"percent": 0.02, "extra_on_stops": 0.03},
    }
    acts = {
        0: lambda s: (
            s.buy("A", 1.0),
            s.buy("A", 1.0, fill_at="next_open"),
            s.buy("A", 1.0, fill_at="next_close"),
            s.sell("A", 3.0, stop=90.0),
        )
    }
    slippage = Slippage(percent=0.01, extra_on_stops=0.5, by_type=by_type)
    result = run([FLAT, FLAT, (100.0, 100.0, 90.0, 91.0)], acts=Acts(acts), slippage=slippage)
    paid = pytest.approx([101.0, 100.02, 100.0, 90.0 * 0.95])
    assert result.fills["price"].tolist() == paid
    for wrong, message in (
        (
            {"limit": 0.1},
            "slippage.by_type.limit: there is no such setting; there are market_on_open",
        ),
        ({"stop": slippage}, "stop has a by_type of its own"),
        ({"stop": Slippage(ticks=1)}, r"slippage\.ticks counts ticks, and there is no tick_size"),
    ):
        with pytest.raises(ValueError, match=message):
            BacktestConfig(slippage={"by_type": wrong})


def test_what_slips_comes_to_lie_on_a_tick_against_the_trader():
    # 100.03 and 99.97 lie between ticks of 5 cents; two ticks more are 10 cents.
    result = run(bars(QUOTED, QUOTED, QUOTED), acts=Acts(TRADES), slippage=0.0003, tick_size=0.05)
    assert fills(result, "price") == [(pytest.approx(100.05),), (pytest.approx(99.95),)]
    two = Slippage(per_unit=0.03, ticks=2)
    result = run(bars(QUOTED, QUOTED, QUOTED), acts=Acts(TRADES), slippage=two, tick_size=0.05)
    assert fills(result, "price") == [(pytest.approx(100.15),), (pytest.approx(99.85),)]
    with pytest.raises(
        ValueError, match=r"slippage\.ticks counts ticks, and there is no tick_size"
    ):
        BacktestConfig(slippage=two)


def test_a_limit_is_no_worse_than_asked_for_and_fills_at_its_tick():
    acts = {
        0: lambda s: s.buy("A", 10.0, limit=99.97, take_profit=101.02),
        1: lambda s: s.modify(s.buy("A", 1.0, limit=50.0), limit=60.07),
    }
    wide = (100.0, 110.0, 90.0, 100.0)
    result = run([FLAT, wide, FLAT, wide], acts=Acts(acts), tick_size=0.05)
    assert fills(result, "price") == [(pytest.approx(99.95),), (pytest.approx(101.05),)]
    assert result.orders["limit_price"].tolist() == pytest.approx([99.95, 101.05, 60.05])


def test_a_limit_below_a_tick_stays_as_asked_and_a_purchase_pays_a_tick_at_least():
    result = run([FLAT] * 3, acts=Acts({0: lambda s: s.buy("A", 1.0, limit=0.004)}), tick_size=0.01)
    assert result.orders["limit_price"].tolist() == [0.004]
    bought = run(
        [FLAT] * 3, acts=Acts({0: lambda s: s.buy("A", 1.0)}), tick_size=1e12, initial_cash=1e15
    )
    assert fills(bought, "price") == [(1e12,)]
    for wrong in (1e-320, 1e16):
        with pytest.raises(ValueError, match="tick_size"):
            BacktestConfig(tick_size=wrong)
    with pytest.raises(ValueError, match=r"1e\+308 ticks are more than 1e\+15, the largest price"):
        BacktestConfig(tick_size=1e10, slippage=Slippage(ticks=1e308))


def test_stops_pay_their_extra_targets_and_limits_nothing():
    slippage = Slippage(percent=0.01, extra_on_stops=0.02, per_unit=0.5)
    down, up = (100.0, 100.0, 90.0, 91.0), (100.0, 110.0, 100.0, 109.0)
    limit = {0: lambda s: s.buy("A", 10.0, limit=100.0)}
    for rule, bar, price in (
        (PriceBasedStopLoss(price=95.0), down, 95.0 * 0.97 - 0.5),
        (PriceBasedTakeProfit(price=105.0), up, 105.0),
    ):
        result = run([FLAT, FLAT, bar], [rule], Acts(limit), slippage=slippage)
        assert fills(result, "price") == [(100.0,), (pytest.approx(price),)]
    stop = {0: lambda s: s.buy("A", 10.0, stop=105.0)}
    result = run([FLAT, up], acts=Acts(stop), slippage=slippage)
    assert fills(result, "price") == [(pytest.approx(105.0 * 1.03 + 0.5),)]


def test_what_stands_in_for_quotes_and_volume_is_counted_by_fill_and_said():
    slippage = Slippage(spread=0.5, without_quotes=0.002, impact=0.04, without_volume=0.03)
    crossed, dry = (FLAT, 1600.0, 100.3, 99.9), (FLAT, 0.0, 99.9, 100.3)
    result = traded(slippage, crossed, dry)
    # 100·(1 + 0.01 + 0.002), and 100·(1 − 0.03) − 0.2.
    assert fills(result, "price") == [(pytest.approx(101.2),), (pytest.approx(96.8),)]
    assert result.counters["fills_without_quotes"] == 1
    assert result.counters["fills_without_volume"] == 1
    said = [note for note in result.notes if "in place of" in note]
    assert said == [
        "1 fill without a bid and an ask above it: 0.2000% of the price was paid (without_quotes=0.002) in place "
        "of the spread.",
        "1 fill in bars without volume: 3.0000% of the price was paid (without_volume=0.03) in place of the impact.",
    ]


def test_a_table_without_quotes_and_volume_is_one_where_all_are_missing():
    acts = Acts({0: lambda s: s.buy("A", 10.0), 1: lambda s: s.order_target_percent("A", 0.02)})
    result = run([FLAT] * 3, acts=acts, slippage=Slippage(spread=0.5, impact=0.1))
    assert fills(result, "price") == [(100.0,), (100.0,)] == fills(result, "base_price")
    counted = {name: n for name, n in result.counters.items() if name.startswith("fills_without")}
    assert counted == {"fills_without_quotes": 2, "fills_without_volume": 2}
    assert sum("nothing was paid" in note for note in result.notes) == 2


def test_a_sale_never_brings_less_than_a_hundredth_and_says_so():
    result = traded(Slippage(per_unit=150.0), QUOTED, QUOTED)
    assert fills(result, "price") == [(250.0,), (1.0,)]
    assert result.counters["least_left"] == 1
    assert any(note.startswith("Slippage would have taken 99%") for note in result.notes)


def test_an_order_through_zero_has_one_price_that_of_all_its_units():
    acts = Acts({0: lambda s: s.buy("A", 100.0), 1: lambda s: s.sell("A", 400.0)})
    data = bars(*[QUOTED] * 3)
    result = run(data, acts=acts, slippage=Slippage(impact=0.04))
    # 400 of 1,600: half of 4%, for the 100 that close and for the 300 that open.
    assert fills(result, "quantity", "price") == [(100.0, 101.0), (-100.0, 98.0), (-300.0, 98.0)]


def test_an_entry_that_is_scaled_keeps_the_price_of_the_units_asked():
    acts = Acts({0: lambda s: s.buy("A", 400.0)})
    config = {"slippage": Slippage(impact=0.04), "initial_cash": 10_200.0, "account": "cash"}
    result = run(bars(QUOTED, QUOTED), acts=acts, **config)
    # 400 of 1,600 cost 102 each, and 10,200 buys 100 of them.
    assert fills(result, "quantity", "price") == [(100.0, 102.0)]


def test_positions_closed_at_the_end_pay_the_spread_of_the_last_bar():
    data = bars(QUOTED, QUOTED, (FLAT, 1600.0, 99.0, 101.0))
    acts = Acts({0: lambda s: s.buy("A", 1.0)})
    result = run(data, acts=acts, slippage=Slippage(spread=0.5), close_at_end=True)
    assert fills(result, "price") == [(pytest.approx(100.2),), (99.0,)]
    assert result.counters["fills_without_quotes"] == 0


@pytest.mark.parametrize(
    ("commission", "units", "paid"),
    [
        (Commission(per_unit=0.005, minimum=1.0), 100.0, 1.0),
        (Commission(per_unit=0.005, minimum=1.0), 1000.0, 5.0),
        (Commission(per_unit=0.005, maximum=3.0), 1000.0, 3.0),
        (Commission(per_unit=0.05, maximum_percent=0.0002), 100.0, 2.0),  # of 10,000
        (Commission(minimum=15.0, maximum_percent=0.01), 10.0, 10.0),  # it wins over the minimum
        (Commission(percent=0.001, maker_percent=0.0001), 10.0, 1.0),
    ],
)
def test_an_order_pays_at_least_its_minimum_and_at_most_its_maxima(commission, units, paid):
    acts = Acts({0: lambda s: s.buy("A", units)})
    result = run([FLAT, FLAT], acts=acts, commission=commission, initial_cash=1e6)
    assert fills(result, "commission") == [(pytest.approx(paid),)]


def test_the_maximum_is_one_of_the_order_not_of_its_fills():
    acts = Acts({0: lambda s: s.buy("A", 10.0), 1: lambda s: s.sell("A", 30.0)})
    commission = Commission(percent=0.01, maximum=15.0)
    result = run([FLAT] * 3, acts=acts, commission=commission)
    # 1% of 1,000 is 10, of 3,000 it would be 30: the rest of 15 for the 20 that open.
    assert fills(result, "commission") == [(10.0,), (10.0,), (5.0,)]


def test_limits_and_targets_are_makers_stops_and_the_market_takers():
    commission = Commission(percent=0.01, maker_percent=0.001)
    up, down = (100.0, 110.0, 100.0, 109.0), (100.0, 100.0, 90.0, 91.0)
    rules = [PriceBasedTakeProfit(price=105.0), PriceBasedStopLoss(price=95.0)]
    for act, bar, entry, leaving in (
        (lambda s: s.buy("A", 10.0, limit=100.0), up, 1.0, 1.05),
        (lambda s: s.buy("A", 10.0), down, 10.0, 9.5),
        (lambda s: s.buy("A", 10.0, stop=100.0), up, 10.0, 1.05),
        (lambda s: s.buy("A", 10.0, stop=100.0, limit=100.0), down, 1.0, 9.5),
    ):
        result = run([FLAT, FLAT, bar], rules, Acts({0: act}), commission=commission)
        assert fills(result, "commission") == [(pytest.approx(entry),), (pytest.approx(leaving),)]


def test_what_is_closed_at_the_end_without_a_bar_has_no_spread():
    table = pd.DataFrame({
        "timestamp": pd.to_datetime([day(0), day(1), day(0), day(1), day(2)], utc=True),
        "asset": ["A", "A", "B", "B", "B"], "close": 100.0, "bid": 99.0, "ask": 101.0,
    })  # fmt: skip
    config = BacktestConfig(
        slippage=Slippage(spread=0.5, without_quotes=0.05), close_at_end=True, initial_cash=1e6
    )
    acts = Acts({0: lambda s: [s.buy(asset, 1.0) for asset in "AB"]})
    result = run_backtest(table, acts, config=config)
    # A had its last bar the day before.
    assert fills(result, "price") == [(101.0,), (101.0,), (95.0,), (99.0,)]
    assert result.counters["fills_without_quotes"] == 1


class EachBar(Strategy):
    """Three units at each bar."""

    def on_timestamp_batch(self, timestamp, events, context) -> None:
        self.buy("A", 3.0)


# ---- tiers and rebates ---------------------------------------------------------------------------


def buys(*units):
    """Market orders at the first bars, one each."""
    return {t: lambda s, n=n: s.buy("A", n) for t, n in enumerate(units)}


def test_each_part_of_a_fill_pays_the_rates_of_its_tier():
    # 5 units: 5 cents and 1% of 500. Then 5 in the first tier and 15 in the second, at 0.9 cents; then 5 in the
    # second and 15 in the third, without a percent and at the cents of the second.
    tiers = [{"above": 10, "per_unit": 0.009}, {"above": 30, "percent": 0.0}]
    commission = Commission(percent=0.01, per_unit=0.01, tiers=tiers)
    result = run([FLAT] * 4, acts=Acts(buys(5.0, 20.0, 20.0)), commission=commission)
    paid = [5.05, 5.05 + 15.135, 5.045 + 0.135]
    assert result.fills["commission"].tolist() == pytest.approx(paid)
    by_value = Commission(percent=0.01, tiers_by="value", tiers=[{"above": 1500, "percent": 0.001}])
    result = run([FLAT] * 3, acts=Acts(buys(10.0, 10.0)), commission=by_value)
    assert result.fills["commission"].tolist() == pytest.approx([10.0, 5.0 + 0.5])


def test_a_month_begins_with_no_volume_and_a_midnight_belongs_to_the_day_it_closes():
    # Bars at the midnights in New York that end 31 January, 1 February and so on: only the first two are one month.
    times = pd.date_range("2024-01-31", periods=4, freq="D", tz="America/New_York")
    prices = pd.DataFrame({"A": 100.0}, index=times)
    commission = Commission(per_unit=1.0, tiers=[{"above": 3, "per_unit": 0.0}])
    config = BacktestConfig(commission=commission)
    result = run_backtest(prices, EachBar(), timezone="America/New_York", config=config)
    assert result.fills["commission"].tolist() == [3.0, 3.0, 0.0]


def test_a_rebate_is_paid_out_where_it_is_called_one():
    # 10 at 100 by a limit: 0.02% of 1,000 back; the market order pays 0.06%.
    with pytest.raises(
        ValueError, match=r"maker_percent must not be negative without rebates=True"
    ):
        Commission(maker_percent=-0.0002)
    commission = Commission(percent=0.0006, maker_percent=-0.0002, rebates=True)
    acts = {0: lambda s: (s.buy("A", 10.0, limit=100.0), s.buy("A", 10.0))}
    result = run([FLAT, FLAT], acts=Acts(acts), commission=commission)
    assert sorted(result.fills["commission"]) == pytest.approx([-0.2, 0.6])
    assert result.metrics["commission"] == pytest.approx(0.4)
    assert result.equity["cash"].iloc[-1] == pytest.approx(100_000.0 - 2_000.0 - 0.4)


def test_a_basket_that_cheaper_tiers_make_cheaper_is_searched_as_the_page_says():
    # The units of A lift those of B into a tier of lower rates: a larger part may cost less. Rebates, which
    # nobody gets here, take the shortcut away, and the answer is the same.
    tiers = [{"above": 5e5, "percent": 0.0}, {"above": 6e5, "percent": 1250 / 24_000}]
    price = [0.01, 1000.0] * 3
    data = MarketData.from_arrays(
        ["A", "B"], [day(t) for t in range(3)], [0, 2, 4, 6], [0, 1] * 3,
        open=price, high=price, low=price, close=price,
    )  # fmt: skip

    class Targets(Strategy):
        def on_start(self):
            self.called = False

        def on_timestamp_batch(self, timestamp, events, context):
            if not self.called:
                self.called = True
                self.order_target_quantity("A", 1e6)
                self.order_target_quantity("B", 20.0)

    units = []
    for rebates in (False, True):
        costs = Commission(percent=0.05, tiers=tiers, rebates=rebates)
        config = BacktestConfig(initial_cash=15_500.0, commission=costs)
        units.append(run_backtest(data, Targets(), config=config).fills["quantity"].tolist())
    assert units[0] == units[1] == pytest.approx([508_333, 10.17], rel=1e-3)


@pytest.mark.parametrize(
    ("tiers", "message"),
    [
        ([{"above": 0}], r"commission\.tiers\[0\]\.above must be greater than 0"),
        ([{"above": 9}, {"above": 9}], "one above 9 follows one above 9"),
        (
            [{"above": 9, "per_share": 1}],
            r"commission\.tiers\[0\]\.per_share: there is no such setting",
        ),
        ([{"above": 9, "maker_percent": -0.1}], "without rebates=True"),
    ],
)
def test_tiers_that_cannot_be_are_refused(tiers, message):
    with pytest.raises(ValueError, match=message):
        BacktestConfig(commission={"tiers": tiers})


# ---- models in Python ------------------------------------------------------------------------------


class HalfRange(Slippage):
    """A part of the bar's range a unit."""

    part: float = 0.5

    def amount(self, fill):
        return self.part * (fill.high - fill.low)


class FlatFee(Commission):
    """A fee for an order and a cent a unit, for those that slip."""

    per_order: float = 2.0

    def fee(self, fill):
        return (self.per_order if fill.units_before == 0.0 else 0.0) + 0.01 * abs(fill.quantity)


def test_models_in_python_add_to_the_parts_of_their_class():
    # A range of 4, half of it a unit, and 1% of 100; 2 and 10 cents for an order, and 0.1% of the value.
    wide = (100.0, 102.0, 98.0, 100.0)
    costs = {"slippage": HalfRange(percent=0.01), "commission": FlatFee(percent=0.001)}
    result = run([FLAT, wide, wide], acts=Acts({0: lambda s: s.buy("A", 10.0)}), **costs)
    assert fills(result, "price", "commission") == [(103.0, pytest.approx(2.0 + 0.1 + 1.03))]
    by_type = Slippage(by_type={"stop": HalfRange(part=1.0)})
    stop = [PriceBasedStopLoss(price=99.0)]
    result = run([FLAT, FLAT, wide], stop, slippage=by_type)
    assert result.fills["price"].tolist() == [100.0, 95.0]


def test_a_model_of_one_type_may_have_any_field():
    class Listed(Slippage):
        steps: list[float] = [0.5]  # noqa: RUF012

        def amount(self, fill):
            return self.steps[0]

    by_type = Slippage(by_type={"market_on_open": Listed()})
    acts = {0: lambda s: s.buy("A", 1.0, fill_at="next_open")}
    assert fills(run([FLAT] * 3, acts=Acts(acts), slippage=by_type), "price") == [(100.5,)]


def returning(answer):
    class Model(Commission):
        def fee(self, fill):
            return answer() if callable(answer) else answer

    return Model()


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (NAN, "Model.fee returned nan: a fee is finite, and at most 1e+30"),
        (1e299, "Model.fee returned 1e+299: a fee is finite, and at most 1e+30"),
        (10**400, f"Model.fee returned {10**400}: it must be a number"),
        (-0.5, "Model.fee returned -0.5: a fee below zero is a rebate: rebates=True allows them"),
        ("2", "Model.fee returned '2': it must be a number"),
        (None, "Model.fee returned None: it must be a number"),
        (lambda: 1 / 0, "Model.fee raised ZeroDivisionError: division by zero"),
    ],
)
def test_a_model_that_fails_is_named_with_order_asset_and_time_and_nothing_has_filled(
    answer, message
):
    acts = {0: lambda s: s.buy("A", 1.0), 1: lambda s: s.order_target_weights({"A": 0.9})}
    for at in (0, 1):
        with pytest.raises(CostModelError) as error:
            run([FLAT] * 4, acts=Acts({at: acts[at]}), commission=returning(answer), account="cash")
        told = f"{message} (order 1, asset 'A', {pd.Timestamp(day(at + 1), tz='UTC')})"
        assert str(error.value) == told
        partial = error.value.partial_result
        assert (len(partial.fills), len(partial.events)) == (0, 0)
        assert partial.orders["status"].tolist() == ["open"]
        assert (partial.equity["cash"] == 100_000.0).all()


@pytest.mark.parametrize("answer", [NAN, -0.01, 2e15])
def test_an_amount_of_slippage_is_no_help(answer):
    class Model(Slippage):
        def amount(self, fill):
            return answer

    with pytest.raises(CostModelError, match=r"Model.amount returned .*: an amount of slippage is"):
        run([FLAT] * 3, slippage=Model())


# ---- costs by kind -----------------------------------------------------------------------------------


def test_costs_by_kind_add_up_for_fills_orders_trades_assets_and_the_summary():
    # Half of a spread of 40 cents is 20 a unit; 0.04 times the root of 100 of 1,600 is 1% of 100; the rest is 1%.
    slippage = Slippage(percent=0.01, spread=0.5, impact=0.04)
    data = bars(QUOTED, QUOTED, QUOTED)
    result = run(data, acts=Acts(TRADES), slippage=slippage, commission=0.001)
    kinds = ["spread_cost", "impact_cost", "other_cost"]
    for table, n in ((result.fills, 1), (result.orders, 1), (result.trades, 2), (result.costs, 2)):
        for row in table.to_dict("records"):
            assert [row[kind] for kind in kinds] == pytest.approx([n * 20.0, n * 100.0, n * 100.0])
            assert row["slippage_cost"] == pytest.approx(
                sum(row[kind] for kind in kinds), rel=1e-12
            )
    assert result.orders["commission"].tolist() == result.fills["commission"].tolist()
    assert result.costs.index.tolist() == ["A"]
    metrics = result.metrics
    assert [metrics[kind] for kind in kinds] == pytest.approx([40.0, 200.0, 200.0])
    summary = str(result.summary())
    assert "spread" in summary
    assert "  other" in summary
    assert "impact" not in str(run(data, acts=Acts(TRADES), slippage=0.01).summary())


def test_what_stands_in_counts_as_what_it_stands_in_for_and_a_floor_is_other():
    # Without quotes 0.3% of 100 a unit. A sale at 100 less 150 is left 1: other is 99 less the spread's 0.3.
    bare = (FLAT, 1600.0, NAN, NAN)
    slippage = Slippage(per_unit=150.0, spread=0.5, without_quotes=0.003)
    result = run(bars(bare, bare, bare), acts=Acts(TRADES), slippage=slippage)
    assert result.fills["spread_cost"].tolist() == pytest.approx([30.0, 30.0])
    assert result.fills["other_cost"].tolist() == pytest.approx([15_000.0, 9_870.0])


@pytest.mark.parametrize("act", [lambda s: s.cancel(s.open_orders()[0]), lambda s: s.buy("A", 1.0)])
def test_a_model_that_is_asked_does_nothing_but_answer(act):
    class Reaching(Strategy):
        def on_timestamp_batch(self, timestamp, events, context):
            self.buy("A", 1.0)

    strategy = Reaching()

    class Model(Commission):
        def fee(self, fill):
            act(strategy)
            return 0.0

    with pytest.raises(
        CostModelError, match=r"a model of costs makes, changes and cancels nothing"
    ):
        run([FLAT] * 3, acts=strategy, commission=Model())


def test_a_run_file_holds_numbers_alone(tmp_path):
    path = tmp_path / "prices.csv"
    pd.DataFrame({"date": pd.bdate_range("2024-03-04", periods=3), "A": 100.0}).to_csv(
        path, index=False
    )
    run_file = functools.partial(RunFile.from_python, path, SignalStrategy("signal"))
    costs = Slippage(by_type={"stop": 0.01}), Commission(tiers=[{"above": 5, "percent": 0.0}])
    config = BacktestConfig(slippage=costs[0], commission=costs[1])
    assert run_file(config=config).config() == config
    for asked in ({"slippage": HalfRange()}, {"slippage": {"by_type": {"stop": HalfRange()}}}):
        with pytest.raises(ValueError, match=r"execution.slippage: HalfRange is a model in Python"):
            run_file(config=BacktestConfig(**asked))
