"""A walk whose test parts leave gaps: what its result counts, what it says of it, and what leaves the gaps out."""

import numpy as np
import pandas as pd
import pytest
from unit.walk_forward.walked import always, market

from ml4t.backtest import BacktestResult, MarketData, SignalStrategy
from ml4t.backtest.walk_forward import WalkForward, walk_forward

N = 1_000


@pytest.fixture(scope="module")
def prices():
    close = 100.0 * np.exp(np.cumsum(np.random.default_rng(3).normal(0.0008, 0.0126, N)))
    days = pd.bdate_range("2018-01-01", periods=N)
    return pd.DataFrame({"date": days, "asset": "A", "close": close, "up": 1.0})


@pytest.fixture(scope="module")
def result(prices):
    data = MarketData.from_tables(prices, signals=["up"])
    splits = WalkForward(train=250, test=21, step=126)
    return walk_forward(lambda train: SignalStrategy("up", percent=1.0), data, splits).result


def said_of_gaps(result):
    return [note for note in result.notes if "between the parts of the walk" in note]


def test_a_note_tells_that_gaps_count_as_time_out_of_the_market(result, tmp_path):
    (said,) = said_of_gaps(result)
    assert said.startswith(
        "5 gaps between the parts of the walk, in which nothing ran: they count as time out"
    )
    assert said in str(result.summary())
    again = BacktestResult.load(result.to_parquet(tmp_path / "run"))
    assert said_of_gaps(again) == [said]
    assert again.metrics == result.metrics


def test_figures_of_a_year_are_those_of_all_the_time(result):
    returns, years = (
        result.returns,
        (result.equity.index[-1] - result.equity.index[0]).days / 365.25,
    )
    assert len(returns) == 6 * 21
    own = result.metrics
    assert own["periods_per_year"] == pytest.approx((len(returns) - 1) / years)
    assert own["volatility"] == pytest.approx(returns.std() * np.sqrt((len(returns) - 1) / years))
    assert own["cagr"] == pytest.approx((1.0 + returns).prod() ** (1.0 / years) - 1.0)


def test_the_returns_in_a_year_that_are_given_leave_the_gaps_out(result):
    returns = result.returns
    without = result.measure(periods_per_year=252)
    assert without["volatility"] == pytest.approx(returns.std() * np.sqrt(252))
    assert without["sharpe"] == pytest.approx(returns.mean() / returns.std() * np.sqrt(252))


def test_a_benchmark_with_the_dates_of_the_returns_leaves_the_gaps_out(result, prices):
    benchmark = prices.set_index("date")["close"].pct_change().dropna()
    begin, end = result.returns.index[[0, -1]]
    whole = result.measure(benchmark=benchmark, only=["benchmark_return"])["benchmark_return"]
    assert whole == pytest.approx((1.0 + benchmark[begin:end]).prod() - 1.0)
    own = benchmark[benchmark.index.isin(result.returns.index)]
    without = result.measure(benchmark=own, only=["benchmark_return", "beta"])
    assert without["benchmark_return"] == pytest.approx((1.0 + own).prod() - 1.0)
    both = np.cov(result.returns, own)
    assert without["beta"] == pytest.approx(both[0, 1] / both[1, 1])


def test_one_gap_and_none():
    (said,) = said_of_gaps(walk_forward(always(), market(), WalkForward(80, 40, 90)).result)
    assert said.startswith("1 gap between the parts of the walk, in which nothing ran: ")
    for positions in ("flat", "carried"):
        walked = walk_forward(always(), market(), WalkForward(80, 40), positions=positions)
        assert not said_of_gaps(walked.result)
        assert "gaps" not in walked.result.info
