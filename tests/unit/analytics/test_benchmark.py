"""A run beside a benchmark: whose returns are compared, and that the measures are the library's."""

import math
import sys

import numpy as np
import pandas as pd
import pytest
from unit.made_up import result_of

from ml4t.backtest import AnalysisError
from ml4t.backtest.analytics.benchmark_measures import BENCHMARK_MEASURES
from ml4t.backtest.analytics.benchmark_returns import beside

RANDOM = np.random.default_rng(5)
DATES = pd.bdate_range("2014-01-02", periods=300)
OURS = pd.Series(RANDOM.normal(5e-4, 0.01, 300), DATES)
THEIRS = 0.5 * OURS + pd.Series(RANDOM.normal(3e-4, 0.005, 300), DATES)
STAMPS = (DATES.tz_localize("UTC") + pd.Timedelta(hours=21)).as_unit("ns").asi8


def run():
    return result_of(100.0 * np.cumprod(1.0 + OURS.to_numpy()), timestamps=STAMPS)


def test_measures_beside_a_benchmark_follow_those_of_the_run():
    result = run()
    measured = result.measure(benchmark=THEIRS)
    assert list(measured) == [*result.metrics, *BENCHMARK_MEASURES]
    assert {name: measured[name] for name in result.metrics} == result.metrics


def test_the_measures_are_those_of_empyrical():
    stats = pytest.importorskip("empyrical")
    result = run()
    found = result.measure(benchmark=THEIRS, periods_per_year=252)
    r, b = result.returns, THEIRS
    assert found["alpha"] == pytest.approx(stats.alpha(r, b))
    assert found["beta"] == pytest.approx(stats.beta(r, b))
    assert found["up_capture"] == pytest.approx(stats.up_capture(r, b))
    assert found["down_capture"] == pytest.approx(stats.down_capture(r, b))
    assert found["tracking_error"] == pytest.approx(stats.annual_volatility(r - b))
    assert found["information_ratio"] == pytest.approx(stats.excess_sharpe(r, b) * math.sqrt(252))
    assert found["benchmark_return"] == pytest.approx(stats.cum_returns_final(b))
    assert found["correlation"] == pytest.approx(r.corr(b))


def test_returns_that_make_a_year_are_counted_as_for_the_run():
    result = run()
    found = result.measure(benchmark=THEIRS)
    year = result.metrics["periods_per_year"]
    again = result.measure(benchmark=THEIRS, periods_per_year=year)
    assert found == again
    assert found["alpha"] != result.measure(benchmark=THEIRS, periods_per_year=252)["alpha"]


def test_only_what_is_asked_for_is_measured():
    found = run().measure(benchmark=THEIRS, only=["beta", "sharpe"])
    assert list(found) == ["beta", "sharpe"]
    assert run().measure(benchmark=THEIRS, only="sharpe") == run().measure(only="sharpe")
    with pytest.raises(ValueError, match="beta is measured beside a benchmark: give benchmark="):
        run().measure(only=["beta"])
    with pytest.raises(ValueError, match="no measure 'betta'; did you mean 'beta'"):
        run().measure(benchmark=THEIRS, only=["betta"])


def test_under_a_month_nothing_is_annualised():
    dates = DATES[:10]
    result = result_of(
        100.0 * np.cumprod(1.0 + OURS.to_numpy()[:10]),
        timestamps=(dates.tz_localize("UTC")).as_unit("ns").asi8,
    )
    found = result.measure(benchmark=THEIRS)
    annual = ("alpha", "tracking_error", "information_ratio", "up_capture", "down_capture")
    assert [found[name] for name in annual] == [None] * 5
    assert found["beta"] is not None


def test_a_benchmark_of_equal_returns_has_neither_beta_nor_alpha():
    found = run().measure(benchmark=THEIRS * 0.0)
    nothing = ("alpha", "beta", "correlation", "up_capture", "down_capture")
    assert [found[name] for name in nothing] == [None] * 5
    assert found["benchmark_return"] == 0.0


def test_of_an_equity_of_zero_nothing_is_measured():
    result = result_of([100.0, 50.0, -10.0, 20.0], timestamps=STAMPS[:4])
    found = result.measure(benchmark=THEIRS, periods_per_year=252, only=["alpha", "beta"])
    assert found == {"alpha": None, "beta": None}


@pytest.mark.parametrize(
    "given",
    [
        THEIRS,
        THEIRS.to_frame(),
        THEIRS.to_dict(),
        THEIRS.sample(frac=1.0, random_state=1),
        THEIRS.tz_localize("UTC"),
        THEIRS.set_axis(DATES.tz_localize("America/New_York") + pd.Timedelta(hours=16)),
        THEIRS.set_axis(DATES.strftime("%Y-%m-%d")),
        THEIRS.set_axis(DATES.date),
        THEIRS.set_axis(DATES.to_period("D")),
        THEIRS.set_axis(DATES.as_unit("us")),
    ],
    ids=["series", "frame", "dict", "shuffled", "utc", "closes", "text", "date", "period", "us"],
)  # fmt: skip
def test_dates_are_read_in_any_form(given):
    returns, benchmark = beside(run().returns, given)
    assert len(returns) == 300
    np.testing.assert_allclose(benchmark.to_numpy(), THEIRS.to_numpy(), rtol=0, atol=1e-15)
    assert benchmark.index.equals(returns.index)


def test_more_than_the_run_covers_is_left_out():
    longer = pd.concat([THEIRS, THEIRS.set_axis(DATES + pd.Timedelta(days=600))])
    pd.testing.assert_series_equal(
        beside(run().returns, longer)[1], beside(run().returns, THEIRS)[1]
    )


def test_the_first_session_needs_no_return():
    """A column of prices has none of its first: nothing is held before it."""
    returns, benchmark = beside(run().returns, THEIRS.iloc[1:])
    assert len(returns) == len(benchmark) == 299
    missing = THEIRS.copy()
    missing.iloc[0] = np.nan
    pd.testing.assert_series_equal(beside(run().returns, missing)[1], benchmark)


@pytest.mark.parametrize("begin", [0, 1])
def test_returns_between_two_sessions_are_compounded(begin):
    """A run by weekdays beside a market that never closes: Monday has Saturday and Sunday in it."""
    days = pd.date_range("2014-01-01", "2015-03-31")
    always = pd.Series(np.random.default_rng(1).normal(0.0, 0.01, len(days)), days)
    worth = (1.0 + always).cumprod()
    expected = worth[DATES].pct_change().to_numpy()
    if begin:
        always = always.drop(DATES[0])
        # Dropped with it: what the first session returned.
    returns, benchmark = beside(run().returns, always)
    assert len(returns) == 300 - begin
    np.testing.assert_allclose(benchmark.to_numpy()[1 - begin :], expected[1:], atol=1e-12)
    if not begin:
        assert benchmark.iloc[0] == pytest.approx(always[DATES[0]])


GAP = THEIRS.copy()
GAP.iloc[[100, 200]] = np.nan


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            THEIRS.iloc[50:],
            r"the benchmark covers 2014-03-13 to 2015-02-25, the run 2014-01-02 to 2015-02-25: 49 of its 300 "
            r"sessions have no return in it, the first 2014-01-03$",
        ),
        (THEIRS.iloc[:-1], r"1 of its 300 sessions has no return in it, the first 2015-02-25$"),
        (GAP, r"2 of its 300 sessions have no return in it, the first 2014-05-22$"),
        ((1 + THEIRS).cumprod() * 50, r"looks like prices \(the median is .*\); give its returns"),
        (THEIRS * 1_000, r"has a return of -.* returns are fractions"),
        (pd.concat([THEIRS, THEIRS]), r"several returns of 2014-01-02; give one for each session"),
        (THEIRS.reset_index(drop=True), r"must have dates as its index, so that"),
        (THEIRS.set_axis([f"x{i}" for i in range(300)]), r"must have dates as its index: "),
        (THEIRS.set_axis([pd.NaT, *DATES[1:]]), r"one of them is missing"),
        (THEIRS * np.nan, r"benchmark has no return: all of its values are missing"),
        (THEIRS.astype(str) + "x", r"must hold numbers, its returns; it holds"),
        (pd.DataFrame({"a": THEIRS, "b": THEIRS}), r"was DataFrame of 2 columns"),
        ("SPY", r"must be a pandas Series of simple returns by date, was str"),
        (THEIRS.to_numpy(), r"was ndarray"),
    ],
    ids=["begins late", "ends early", "gaps", "prices", "percent", "twice", "numbers", "names", "nat",
         "nothing", "texts", "columns", "name", "array"],
)  # fmt: skip
@pytest.mark.parametrize("way", ["measure", "yearly_table", "rolling"])
def test_what_is_wrong_with_a_benchmark_is_one_sentence(given, message, way):
    with pytest.raises(AnalysisError, match=message):
        getattr(run(), way)(benchmark=given)


def test_a_library_that_is_missing_is_named_after_the_benchmark_was_looked_at(monkeypatch):
    monkeypatch.setitem(sys.modules, "empyrical", None)
    with pytest.raises(AnalysisError, match="the benchmark covers"):
        run().measure(benchmark=THEIRS.iloc[50:])
    with pytest.raises(ImportError, match=r"^benchmark= needs empyrical-reloaded; .*\[metrics\]'$"):
        run().measure(benchmark=THEIRS)


@pytest.mark.parametrize("given", [0, -1, math.nan, "252"])
@pytest.mark.parametrize("way", ["measure", "yearly_table", "rolling"])
def test_returns_in_a_year_are_a_number_above_zero(given, way):
    with pytest.raises(
        AnalysisError, match=r"periods_per_year must be (above 0|a finite number), was"
    ):
        getattr(run(), way)(periods_per_year=given)
