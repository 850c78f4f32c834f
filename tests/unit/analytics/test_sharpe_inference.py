"""Probabilistic Sharpe ratio and bootstrap intervals."""

import math
import sys

import numpy as np
import pandas as pd
import pytest
from unit.made_up import result_of

from ml4t.backtest import AnalysisError
from ml4t.backtest.analytics.sharpe_inference import probabilistic_sharpe, sharpe_moments

N = 750
RETURNS = np.random.default_rng(4).normal(6e-4, 0.01, N)


def of_returns(returns):
    dates = pd.bdate_range("2014-01-02", periods=len(returns), tz="UTC")
    return result_of(100.0 * np.cumprod(1.0 + returns), timestamps=dates.as_unit("ns").asi8)


@pytest.fixture(scope="module")
def result():
    return of_returns(RETURNS)


def test_probability_by_hand():
    # Normal returns, n = 101, SR 0.1: variance 1 + 0.5·0.01 = 1.005; z = 0.1·10/1.0024969 = 0.9975093.
    assert probabilistic_sharpe(0.1, 101, 0.0, 3.0) == pytest.approx(0.8407409, abs=1e-6)
    assert probabilistic_sharpe(0.1, 101, 0.0, 3.0, benchmark=0.1) == 0.5


def test_the_figures_of_the_paper():
    """The example of Bailey and López de Prado (2012): 24 months, SR 0.458 a month, γ3 -2.448, γ4 10.164."""
    assert probabilistic_sharpe(0.458, 24, -2.448, 10.164) == pytest.approx(0.913, abs=5e-4)
    # The same with normal returns.
    assert probabilistic_sharpe(0.458, 24, 0.0, 3.0) == pytest.approx(0.982, abs=5e-4)


def test_fat_tails_and_falls_make_less_sure():
    normal = probabilistic_sharpe(0.1, 250, 0.0, 3.0)
    assert probabilistic_sharpe(0.1, 250, -1.0, 3.0) < normal
    assert probabilistic_sharpe(0.1, 250, 0.0, 9.0) < normal
    assert probabilistic_sharpe(0.1, 500, 0.0, 3.0) > normal


def test_the_variance_of_two_values_can_be_zero():
    # γ4 = 1 + γ3² and SR = 2/γ3 make it 0: a coin's.
    assert probabilistic_sharpe(1.0, 10, 2.0, 5.0) == 1.0
    assert probabilistic_sharpe(1.0, 10, 2.0, 5.0, benchmark=1.0) == 0.5
    assert probabilistic_sharpe(1.0, 10, 2.0, 5.0, benchmark=2.0) == 0.0


@pytest.mark.parametrize(
    "given", [(0.1, 1, 0.0, 3.0), (math.nan, 9, 0.0, 3.0), (0.1, 9, math.nan, 3.0)]
)
def test_without_moments_there_is_no_probability(given):
    assert math.isnan(probabilistic_sharpe(*given))


def test_moments_are_those_of_scipy():
    stats = pytest.importorskip("scipy.stats")
    found = sharpe_moments(RETURNS)
    assert found.sharpe == pytest.approx(RETURNS.mean() / RETURNS.std(ddof=1))
    assert found.skewness == pytest.approx(stats.skew(RETURNS))
    assert found.kurtosis == pytest.approx(stats.kurtosis(RETURNS, fisher=False))


def test_of_a_run_the_benchmark_is_annual(result):
    year = result.metrics["periods_per_year"]
    moments = sharpe_moments(result.returns.to_numpy())
    assert moments.sharpe * math.sqrt(year) == pytest.approx(result.metrics["sharpe"])
    assert result.probabilistic_sharpe() == probabilistic_sharpe(*moments)
    assert result.probabilistic_sharpe(0.5) == pytest.approx(
        probabilistic_sharpe(*moments, benchmark=0.5 / math.sqrt(year))
    )
    assert result.probabilistic_sharpe(result.metrics["sharpe"]) == pytest.approx(0.5)


def test_returns_that_do_not_vary_have_no_probability():
    assert math.isnan(result_of([100.0] * 50).probabilistic_sharpe())


def test_intervals_are_the_same_for_the_same_seed(result):
    first = result.bootstrap(200)
    pd.testing.assert_frame_equal(first, result.bootstrap(200))
    assert not first.equals(result.bootstrap(200, seed=1))
    assert first.attrs["samples"] == 200


def test_intervals_hold_what_they_are_around(result):
    frame = result.bootstrap(500)
    assert frame.index.to_list() == ["sharpe", "cagr", "max_drawdown"]
    assert (frame["low"] < frame["value"]).all()
    assert (frame["value"] < frame["high"]).all()
    metrics = result.metrics
    for name in frame.index:
        assert frame.loc[name, "value"] == pytest.approx(metrics[name])
    narrow = result.bootstrap(500, level=0.5)
    assert (narrow["low"] > frame["low"]).all()
    assert (narrow["high"] < frame["high"]).all()


def test_the_standard_error_of_independent_returns_is_that_of_theory():
    """√((1 + SR²/2)/n) of normal returns (Lo 2002), annual: with blocks of one session."""
    frame = of_returns(RETURNS).bootstrap(2_000, block=1, periods_per_year=252)
    sharpe = RETURNS.mean() / RETURNS.std(ddof=1)
    expected = math.sqrt((1 + sharpe**2 / 2) / N) * math.sqrt(252)
    assert frame.loc["sharpe", "standard_error"] == pytest.approx(expected, rel=0.08)


def test_blocks_see_what_follows_what():
    """Returns that go on as they began vary more over a year than their single sessions tell."""
    random = np.random.default_rng(0)
    noise, trend = random.normal(0.0, 0.01, 2_000), np.empty(2_000)
    trend[0] = noise[0]
    for i in range(1, 2_000):
        trend[i] = 0.6 * trend[i - 1] + noise[i]
    result = of_returns(trend)
    blocks, single = result.bootstrap(500), result.bootstrap(500, block=1)
    assert blocks.attrs["block"] > 5
    wider = blocks["standard_error"] / single["standard_error"]
    assert wider["sharpe"] > 1.4


def test_under_a_month_there_is_a_drawdown_alone():
    dates = pd.date_range("2014-01-02", periods=25, tz="UTC")
    result = result_of(100.0 * np.cumprod(1.0 + RETURNS[:25]), timestamps=dates.as_unit("ns").asi8)
    frame = result.bootstrap(50)
    assert frame.loc[["sharpe", "cagr"]].isna().all(axis=None)
    assert frame.loc["max_drawdown"].notna().all()


def test_a_run_that_did_nothing_has_intervals_of_nothing():
    frame = result_of([100.0] * 400).bootstrap(20)
    assert frame.loc["sharpe"].isna().all()
    assert frame.loc["cagr"].to_list() == [0.0, 0.0, 0.0, 0.0]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"samples": 1}, "samples must be a whole number from 2 on, was 1"),
        ({"level": 95}, "level is a share of the samples, between 0 and 1, was 95.0"),
        ({"level": "95%"}, "level must be a finite number, was '95%'"),
        ({"block": 0}, "block is a mean length in sessions, at least 1, was 0.0"),
        ({"block": math.nan}, "block must be a finite number, was nan"),
        ({"seed": -1}, "seed must be a whole number from 0 on, was -1"),
    ],
)
def test_an_argument_out_of_its_range_is_one_sentence(result, given, message):
    with pytest.raises(AnalysisError, match=message):
        result.bootstrap(**given)


def test_too_few_sessions_and_a_lost_account_are_refused():
    with pytest.raises(AnalysisError, match="the run has 2 sessions, and 20 are the least"):
        result_of([100.0, 101.0]).bootstrap()
    with pytest.raises(AnalysisError, match="equity was zero or less"):
        result_of([100.0] * 20 + [-1.0, 5.0]).bootstrap()
    with pytest.raises(AnalysisError, match="benchmark must be a finite number, was 'SPY'"):
        result_of([100.0, 101.0]).probabilistic_sharpe("SPY")


def test_a_library_that_is_missing_is_named(result, monkeypatch):
    monkeypatch.setitem(sys.modules, "arch.bootstrap", None)
    with pytest.raises(ImportError, match=r"^bootstrap\(\) needs arch; .*\[metrics\]'$"):
        result.bootstrap()


def test_a_library_that_breaks_on_import_is_named(monkeypatch, tmp_path):
    (tmp_path / "arch").mkdir()
    (tmp_path / "arch" / "__init__.py").write_text("raise TypeError('of another pandas')")
    monkeypatch.syspath_prepend(tmp_path)
    for name in [name for name in sys.modules if name.partition(".")[0] == "arch"]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(ImportError, match=r"cannot be imported \(of another pandas\); try: pip"):
        of_returns(RETURNS).bootstrap()
