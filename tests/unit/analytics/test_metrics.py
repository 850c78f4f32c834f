"""Performance measures against empyrical-reloaded and hand arithmetic."""

import copy

import empyrical
import numpy as np
import pandas as pd
import pytest
from unit.made_up import DAY, MINUTE, START, result_of, rows

from ml4t.backtest import analytics
from ml4t.backtest.config import BacktestConfig
from ml4t.backtest.core import records as codes
from ml4t.backtest.datasets import load_us_stocks

LIBRARY = {
    "volatility": empyrical.annual_volatility,
    "sharpe": empyrical.sharpe_ratio,
    "sortino": empyrical.sortino_ratio,
}
GROWTH = {"cagr": empyrical.annual_return, "calmar": empyrical.calmar_ratio}


def assert_agrees_with_library(result):
    metrics = result.metrics
    equity = np.append(result.config.initial_cash, result.equity["equity"].to_numpy())
    per_bar = empyrical.simple_returns(equity)
    returns = result.returns.to_numpy()
    for name, measure in LIBRARY.items():
        expected = measure(returns, annualization=metrics["periods_per_year"])
        np.testing.assert_allclose(metrics[name], expected, rtol=1e-9, err_msg=name)
    # The library's years are n/annualization: with the years that passed, its growth is by elapsed time.
    years = (pd.Timestamp(metrics["end"]) - pd.Timestamp(metrics["start"])) / pd.Timedelta(
        days=365.25
    )
    for name, measure in GROWTH.items():
        expected = measure(returns, annualization=len(returns) / years)
        np.testing.assert_allclose(metrics[name], expected, rtol=1e-9, err_msg=name)
    np.testing.assert_allclose(metrics["max_drawdown"], empyrical.max_drawdown(per_bar), rtol=1e-9)
    np.testing.assert_allclose(
        metrics["total_return"], empyrical.cum_returns_final(returns), rtol=1e-9, atol=1e-12
    )


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("volatility", [1e-4, 0.01, 0.05])
def test_daily_measures_are_the_librarys(seed, volatility):
    random = np.random.default_rng(seed)
    equity = 100.0 * np.cumprod(1.0 + random.normal(volatility / 20, volatility, 700))
    assert_agrees_with_library(result_of(equity))


@pytest.mark.parametrize("symbol", ["AAPL", "GE", "XOM"])
def test_measures_of_a_real_stock_are_the_librarys(symbol):
    closes = load_us_stocks()[symbol].to_numpy()
    config = BacktestConfig(initial_cash=float(closes[0]))
    result = result_of(closes, config=config)
    assert_agrees_with_library(result)
    assert result.metrics["max_drawdown"] < -0.5


def test_a_curve_that_never_falls_agrees_with_the_library():
    result = result_of(100.0 * 1.001 ** np.arange(1, 50))
    assert result.metrics["max_drawdown"] == 0.0
    assert result.metrics["calmar"] is None
    # Infinite, which JSON has no word for.
    assert result.metrics["sortino"] is None
    assert np.isposinf(empyrical.sortino_ratio(result.returns.to_numpy()))


def test_a_flat_curve_has_no_ratio_and_no_risk():
    metrics = result_of(np.full(40, 100.0)).metrics
    assert (metrics["cagr"], metrics["volatility"], metrics["max_drawdown"]) == (0.0, 0.0, 0.0)
    assert all(metrics[name] is None for name in ("sharpe", "sortino", "calmar"))


def test_equal_returns_have_no_dispersion():
    returns = np.full(100, 0.1)
    assert np.std(returns, ddof=1) > 0.0  # the residue of a rounded mean
    assert analytics.sharpe_ratio(returns, 252.0) == np.inf


def test_minute_data_are_measured_per_session_and_drawdown_per_bar():
    random = np.random.default_rng(3)
    equity = 100.0 * np.cumprod(1.0 + random.normal(0.0, 1e-3, 5 * 1440))
    result = result_of(equity, step=MINUTE)
    # The first stamp is a midnight: that bar closes the day before.
    ends = [0, *range(1440, 7200, 1440), 7199]
    closing = np.concatenate(([100.0], equity[ends]))
    np.testing.assert_allclose(result.returns.to_numpy(), closing[1:] / closing[:-1] - 1.0)
    assert result.metrics["sessions"] == 6
    assert result.metrics["max_drawdown"] < empyrical.max_drawdown(result.returns.to_numpy())
    peak = np.maximum.accumulate(np.append(100.0, equity))[1:]
    assert result.metrics["max_drawdown"] == (equity / peak - 1.0).min()


def test_sessions_follow_the_time_zone_of_the_data():
    # 23:00 UTC is 18:00 in New York: the same day there as 22:00, and as 03:00 UTC of the next day.
    hours = np.array([22, 23, 27, 28, 29], dtype=np.int64) * 3_600_000_000_000 + START
    np.testing.assert_array_equal(analytics.session_ends(hours), [1, 4])
    np.testing.assert_array_equal(analytics.session_ends(hours, "America/New_York"), [4])
    later = np.append(hours, START + 30 * 3_600_000_000_000)  # 01:00 in New York
    np.testing.assert_array_equal(analytics.session_ends(later, "America/New_York"), [4, 5])


@pytest.mark.parametrize(
    ("info", "zone"),
    [
        ({}, None),
        ({"bar_time": None, "timezone": None}, None),
        ({"bar_time": "16:00", "timezone": None}, None),
        ({"bar_time": None, "timezone": "Europe/Berlin"}, "Europe/Berlin"),
        ({"bar_time": "16:00 America/New_York", "timezone": "UTC"}, "America/New_York"),
    ],
)
def test_the_zone_of_sessions_is_that_of_the_tables(info, zone):
    assert analytics.session_zone(info) == zone


@pytest.mark.parametrize(
    ("info", "ends", "dates"),
    [
        ({}, [0, 2], ["2014-01-01", "2014-01-02"]),
        ({"timezone": "America/New_York"}, [1, 2], ["2014-01-01", "2014-01-02"]),
        ({"timezone": "Asia/Tokyo"}, [2], ["2014-01-02"]),
    ],
)
def test_returns_are_those_of_the_zones_sessions(info, ends, dates):
    # 00:00, 03:00 and 06:00 UTC; the evening before at 19:00 and 22:00, then 01:00, in New York
    result = result_of([101.0, 102.0, 103.0], step=180 * MINUTE, info=info)
    curve = np.array([100.0, 101.0, 102.0, 103.0])
    np.testing.assert_allclose(
        (1.0 + result.returns).cumprod() * 100.0, curve[1:][ends], rtol=1e-15
    )
    assert result.returns.index.name == "session"
    assert result.returns.index.tolist() == [pd.Timestamp(date) for date in dates]
    assert result.metrics["sessions"] == len(dates)


def test_sessions_survive_a_midnight_that_the_clock_skips():
    # Sao Paulo put its clocks on at midnight of 2014-10-19: that day started at 01:00, 03:00 UTC.
    stamps = pd.DatetimeIndex(
        ["2014-10-18 15:00", "2014-10-19 02:59", "2014-10-19 03:01", "2014-10-20 15:00"], tz="UTC"
    ).as_unit("ns")
    np.testing.assert_array_equal(
        analytics.session_ends(stamps.asi8, "America/Sao_Paulo"), [1, 2, 3]
    )


@pytest.mark.parametrize(
    ("frequency", "expected"),
    [
        ("B", 5 / 7),  # Friday 2010-01-01 to Friday 2010-12-31: 52 weeks, and five days in each
        ("D", 1.0),
        ("W-FRI", 1 / 7),
        ("3D", 1 / 3),
    ],
)
def test_returns_of_a_year_are_counted(frequency, expected):
    stamps = pd.date_range("2010-01-01 21:00", "2010-12-31 21:00", freq=frequency, tz="UTC")
    counted = analytics.periods_per_year(stamps.as_unit("ns").asi8)
    assert counted == pytest.approx(365.25 * expected, rel=1e-12)


@pytest.mark.parametrize(("frequency", "expected"), [("ME", 12), ("QE", 4), ("YE", 1)])
def test_months_and_years_are_counted_too(frequency, expected):
    stamps = pd.date_range("2010-01-01 21:00", periods=40, freq=frequency, tz="UTC").as_unit("ns")
    assert analytics.periods_per_year(stamps.asi8) == pytest.approx(
        expected, rel=2e-3
    )  # months differ in length


def year_of_six_day_weeks(hours):
    """Stamps of a year of foreign exchange, closed on Saturdays (UTC): every so many hours."""
    stamps = pd.date_range("2023-01-01 22:00", "2024-01-01 22:00", freq=f"{hours}h", tz="UTC")
    # A bar of midnight closes the day before.
    return stamps[(stamps - pd.Timedelta(1)).day_of_week != 5].as_unit("ns").asi8


@pytest.mark.parametrize("hours", [24, 1])
def test_ten_percent_in_a_year_of_six_day_weeks_are_ten_percent(hours):
    stamps = year_of_six_day_weeks(hours)
    equity = 100.0 * 1.1 ** (np.arange(len(stamps)) / (len(stamps) - 1))
    metrics = result_of(equity, timestamps=stamps).metrics
    # 365 days are 0.9993 years: 1.1 to the power of 365.25/365
    assert metrics["cagr"] == pytest.approx(1.1 ** (365.25 / 365) - 1.0, rel=1e-12)
    # 2023 has 365 days, 52 of them Saturdays
    assert metrics["periods_per_year"] == pytest.approx(313, abs=1.0)


def test_the_first_return_ends_where_the_time_begins():
    # A loss at the first timestamp, then 30 days: they are years, the return counts in full.
    equity = np.append(100.0, np.full(30, 99.0))
    metrics = result_of(equity, config=BacktestConfig(initial_cash=110.0)).metrics
    assert metrics["cagr"] == pytest.approx((99 / 110) ** (365.25 / 30) - 1.0)
    assert metrics["periods_per_year"] == pytest.approx(365.25)


ANNUAL = ("periods_per_year", "cagr", "volatility", "sharpe", "sortino", "calmar", "turnover")


def test_under_a_month_nothing_is_annualised():
    fill = rows(codes.FILL, 1, quantity=1.0, price=10.0)
    equity = 100.0 + np.sin(np.arange(31.0))
    short, month = (result_of(equity[:n], fills=fill).metrics for n in (30, 31))  # 29 and 30 days
    assert all(short[name] is None for name in ANNUAL)
    assert all(np.isfinite(month[name]) for name in ANNUAL)
    assert np.isfinite(short["total_return"])


def test_a_flat_curve_of_under_a_month_has_no_growth_a_year():
    assert result_of(np.full(5, 100.0)).metrics["cagr"] is None


def test_periods_that_are_given_are_used_under_a_month_too():
    measured = result_of(100.0 + np.sin(np.arange(10.0))).measure(periods_per_year=252)
    assert np.isfinite(measured["sharpe"])
    assert measured["cagr"] is None


def test_periods_per_year_can_be_given():
    result = result_of(100.0 + np.sin(np.arange(50.0)))
    ratio = result.measure(periods_per_year=100)["sharpe"] / result.metrics["sharpe"]
    assert ratio == pytest.approx(np.sqrt(100 / result.metrics["periods_per_year"]))


@pytest.mark.parametrize(
    ("equity", "days"),
    [
        ([100, 101, 102], 0),
        ([100, 90, 95, 100, 99, 100], 3),  # peak on day 0, recovered on day 3
        ([90, 95, 101, 100, 101], 2),  # never at its start: from the first timestamp
        ([100, 101, 90, 91, 92], 3),  # never recovered: to the last
        ([90, 91], 1),
        ([90], 0),
    ],
)
def test_longest_drawdown(equity, days):
    assert result_of(equity).metrics["max_drawdown_duration"] == days


def test_ruin_is_said_to_have_no_measure():
    metrics = result_of([100.0, 50.0, -10.0, -5.0, 20.0], step=10 * DAY).metrics
    assert metrics["total_return"] == pytest.approx(-0.8)
    assert metrics["max_drawdown"] == pytest.approx(-1.1)
    assert all(metrics[name] is None for name in ("cagr", "volatility", "sharpe", "sortino"))


def trades(profits, rule=-1, reason=1, bars_held=1):
    n = len(profits)
    return rows(
        codes.TRADE, n, net_pnl=profits, rule=rule, reason=reason, bars_held=bars_held, side=1
    )


def test_trade_statistics_by_hand():
    metrics = result_of(
        [100.0] * 5, trades=trades([30.0, -10.0, 0.0, 10.0, -10.0], bars_held=[1, 2, 3, 4, 5])
    ).metrics
    assert metrics["trades"] == 5
    assert metrics["win_rate"] == 0.4  # the trade without profit is no win
    assert metrics["profit_factor"] == 2.0  # 40/20
    assert metrics["expectancy"] == 4.0
    assert (metrics["average_win"], metrics["average_loss"]) == (20.0, -10.0)
    assert metrics["average_bars_held"] == 3.0


def test_winners_only_have_an_infinite_profit_factor():
    metrics = result_of([100.0] * 3, trades=trades([1.0])).metrics
    assert metrics["profit_factor"] is None  # infinite
    assert metrics["average_loss"] is None


def test_exits_are_counted_by_rule_and_by_reason_where_there_is_none():
    given = trades([1.0] * 6, rule=[0, 2, 2, -1, -1, 2], reason=[3, 5, 5, 2, 8, 5])
    result = result_of([100.0] * 3, trades=given, rule_names=("Stop", "Target", "Time"))
    assert list(result.metrics["exits_by_rule"].items()) == [
        ("Time", 3), ("Stop", 1), ("close", 1), ("end_of_data", 1)
    ]  # fmt: skip


def test_two_rules_of_one_name_are_counted_together():
    given = trades([1.0] * 3, rule=[0, 1, 1])
    result = result_of([100.0] * 3, trades=given, rule_names=("Stop", "Stop"))
    assert result.metrics["exits_by_rule"] == {"Stop": 3}


def test_costs_turnover_and_exposure_by_hand():
    fills = rows(
        codes.FILL, 2, quantity=[2.0, -1.0], price=[10.0, 30.0], commission=[0.5, 0.25], slippage_cost=[0.0, 2.0]
    )  # fmt: skip
    gross = np.array([0.0, 20.0, 20.0, 0.0])
    result = result_of([100.0] * 4, step=100 * DAY, fills=fills, gross=gross)
    metrics = result.metrics
    assert (metrics["commission"], metrics["slippage_cost"]) == (0.75, 2.0)
    assert metrics["exposure"] == 0.5
    # (20 + 30)/2 traded one way, on 100, in 300 days
    assert metrics["turnover"] == pytest.approx(0.25 * 365.25 / 300)


def test_no_trades_have_no_averages():
    metrics = result_of([100.0, 101.0]).metrics
    assert metrics["trades"] == 0
    assert metrics["exits_by_rule"] == {}
    assert all(metrics[name] is None for name in ("win_rate", "profit_factor", "expectancy"))


def test_measures_are_made_without_a_frame_and_are_those_of_the_frames(busy, monkeypatch):
    result = copy.copy(busy)
    result.__dict__.pop("_metrics", None)
    monkeypatch.setattr(result, "_table", pytest.fail)
    measured = result.measure()
    monkeypatch.undo()
    fills = busy.fills
    of_frames = analytics.performance_metrics(
        busy._table("equity"),
        busy._table("trades"),
        initial_cash=busy.config.initial_cash,
        traded_value=float((fills["quantity"] * fills["price"]).abs().sum()),
        commission=float(fills["commission"].sum()),
        slippage_cost=float(fills["slippage_cost"].sum()),
    )
    for name, value in of_frames.items():
        if isinstance(value, float) and np.isfinite(value):
            assert measured[name] == value, name
    assert measured["exits_by_rule"] == of_frames["exits_by_rule"]
    assert measured["trades"] == len(busy.trades) == 200
