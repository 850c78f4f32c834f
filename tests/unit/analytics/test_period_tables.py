"""Tables by month and year, and rolling measures."""

import numpy as np
import pandas as pd
import pytest
from unit.made_up import result_of

from ml4t.backtest import AnalysisError
from ml4t.backtest.analytics.period_tables import max_drawdown

N = 600
DATES = pd.bdate_range("2013-11-20", periods=N)
MOVES = pd.Series(np.random.default_rng(2).normal(4e-4, 0.01, N), DATES)
OTHER = pd.Series(np.random.default_rng(3).normal(2e-4, 0.01, N), DATES)


@pytest.fixture(scope="module")
def result():
    stamps = (DATES.tz_localize("UTC") + pd.Timedelta(hours=21)).as_unit("ns").asi8
    return result_of(100.0 * np.cumprod(1.0 + MOVES.to_numpy()), timestamps=stamps)


def test_months_are_compounded_and_a_year_is_its_months(result):
    table = result.monthly_table()
    assert table.columns.to_list()[:2] == ["Jan", "Feb"]
    assert table.index.to_list() == [2013, 2014, 2015, 2016]
    march = MOVES["2014-03"]
    assert table.loc[2014, "Mar"] == pytest.approx((1 + march).prod() - 1)
    assert table.loc[2013].iloc[:10].isna().all()
    whole = (1 + table.drop(columns="year")).prod(axis=1) - 1
    np.testing.assert_allclose(whole, table["year"])
    assert (1 + table["year"]).prod() - 1 == pytest.approx(result.metrics["total_return"])


def test_months_are_those_of_empyrical(result):
    stats = pytest.importorskip("empyrical")
    monthly = stats.aggregate_returns(result.returns, "monthly")
    ours = result.monthly_table().drop(columns="year").to_numpy().ravel()
    np.testing.assert_allclose(ours[~np.isnan(ours)], monthly.to_numpy(), atol=1e-12)


def test_years_beside_a_benchmark(result):
    table = result.yearly_table(benchmark=OTHER, periods_per_year=252)
    year = MOVES["2014"]
    row = table.loc[2014]
    assert row["sessions"] == len(year)
    assert row["return"] == pytest.approx((1 + year).prod() - 1)
    assert row["volatility"] == pytest.approx(year.std() * np.sqrt(252))
    assert row["sharpe"] == pytest.approx(year.mean() / year.std() * np.sqrt(252))
    worth = np.append(1.0, (1 + year).cumprod())
    assert row["max_drawdown"] == pytest.approx((worth / np.maximum.accumulate(worth)).min() - 1)
    assert row["benchmark"] == pytest.approx((1 + OTHER["2014"]).prod() - 1)
    assert row["excess"] == row["return"] - row["benchmark"]
    assert "benchmark" not in result.yearly_table()


def test_a_benchmark_without_the_first_session_has_the_same_years(result):
    table = result.yearly_table(benchmark=OTHER.iloc[1:])
    pd.testing.assert_frame_equal(table.iloc[1:], result.yearly_table(benchmark=OTHER).iloc[1:])
    assert table.loc[2013, "sessions"] == len(MOVES["2013"])


def test_drawdown_counts_from_the_beginning():
    assert max_drawdown(np.array([-0.1, 0.2])) == pytest.approx(-0.1)
    assert max_drawdown(np.array([0.1, 0.2])) == 0.0


def test_a_window_is_measured_as_a_run_of_its_sessions(result):
    table = result.rolling(100, benchmark=OTHER, periods_per_year=252)
    assert table.iloc[:99].isna().all(axis=None)
    for end in (100, 101, 457, N):
        part, theirs = MOVES.iloc[end - 100 : end], OTHER.iloc[end - 100 : end]
        row = table.iloc[end - 1]
        assert row["return"] == pytest.approx((1 + part).prod() - 1)
        assert row["volatility"] == pytest.approx(part.std() * np.sqrt(252))
        assert row["sharpe"] == pytest.approx(part.mean() / part.std() * np.sqrt(252))
        downside = np.sqrt((part.clip(upper=0) ** 2).mean())
        assert row["sortino"] == pytest.approx(part.mean() / downside * np.sqrt(252))
        worth = (1 + part).cumprod()
        assert row["drawdown"] == pytest.approx(worth.iloc[-1] / worth.max() - 1)
        assert row["beta"] == pytest.approx(part.cov(theirs) / theirs.var())
        assert row["correlation"] == pytest.approx(part.corr(theirs))


def test_a_window_as_long_as_the_run_is_the_run(result):
    last = result.rolling(N).iloc[-1]
    metrics = result.metrics
    assert last["return"] == pytest.approx(metrics["total_return"])
    for name in ("volatility", "sharpe", "sortino"):
        assert last[name] == pytest.approx(metrics[name])


def test_windows_in_which_nothing_happened_have_no_ratio():
    flat = result_of([100.0] * 60 + [101.0, 100.0, 102.0])
    table = flat.rolling(10)
    assert table["volatility"].iloc[50] == 0.0
    assert np.isnan(table["sharpe"].iloc[50])
    assert table["sharpe"].iloc[-1] > 0


@pytest.mark.parametrize("window", [1, 0, 2.5, True, "63", None])
def test_a_window_is_a_number_of_sessions(result, window):
    with pytest.raises(AnalysisError, match="window must be a whole number from 2 on, was"):
        result.rolling(window)


def test_a_window_beyond_all_sessions_is_one_that_numbers_hold(result):
    with pytest.raises(AnalysisError, match="window must be at most 2,147,483,647"):
        result.rolling(10**19)


@pytest.mark.parametrize("window", [63, 2**31 - 1])
def test_a_run_shorter_than_the_window_has_rows_of_nothing(window):
    table = result_of([100.0, 101.0, 102.0]).rolling(window)
    assert len(table) == 3
    assert table.isna().all(axis=None)
