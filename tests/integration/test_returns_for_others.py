"""What `quantstats`, `empyrical` and `pyfolio` make of `result.returns` beside a benchmark by dates."""

import importlib

import numpy as np
import pandas as pd
import pytest

from ml4t.backtest import Strategy, run_backtest

NEW_YORK = "America/New_York"
DATES = pd.bdate_range("2024-01-02", periods=120, name="date")  # over the change of clocks in March
MOVES = np.random.default_rng(7).normal(0.0, 0.01, len(DATES))
# Each close is of one date, and so is the benchmark's return to it.
CLOSES = 100.0 * np.cumprod(1.0 + MOVES)
BENCHMARK = pd.Series(CLOSES, DATES).pct_change().fillna(0.0)


class HoldsHalf(Strategy):
    """Half of the equity in the asset, once for all: its beta is near a half."""

    def on_market_data(self, event):
        if not self.position(event.asset):
            self.buy(event.asset, percent=0.5)


def by_dates():
    return run_backtest(
        pd.DataFrame({"A": CLOSES}, DATES), HoldsHalf(), bar_time=f"16:00 {NEW_YORK}"
    )


def by_midnights_of_utc():
    return run_backtest(pd.DataFrame({"A": CLOSES}, DATES.tz_localize("UTC")), HoldsHalf())


def past_midnight_of_utc():
    # Three bars a session; the last at 20:00 in New York is complete at 01:00 UTC of the next day.
    hours = pd.to_timedelta(np.tile([10, 16, 20], len(DATES)), unit="h")
    times = (DATES.repeat(3) + hours).tz_localize(NEW_YORK)
    return run_backtest(pd.DataFrame({"A": np.repeat(CLOSES, 3)}, times), HoldsHalf())


def beta_of_quantstats(returns, benchmark):
    return importlib.import_module("quantstats").stats.greeks(returns, benchmark)["beta"]


def beta_of_empyrical(returns, benchmark):
    return importlib.import_module("empyrical").beta(returns, benchmark)


def beta_of_pyfolio(returns, benchmark):
    stats = importlib.import_module("pyfolio.timeseries").perf_stats(returns, benchmark)
    return stats["Beta"]


@pytest.mark.filterwarnings("ignore")  # their imports call what others deprecate
@pytest.mark.parametrize("run", [by_dates, by_midnights_of_utc, past_midnight_of_utc])
@pytest.mark.parametrize("beta", [beta_of_quantstats, beta_of_empyrical, beta_of_pyfolio])
def test_the_beta_of_half_an_asset_is_right(run, beta):
    pytest.importorskip(beta.__name__.removeprefix("beta_of_"))
    returns = run().returns
    assert returns.index.equals(DATES.as_unit("ns"))
    # By its definition, of the two as arrays: no date is needed where every session has one.
    r, b = returns.to_numpy(), BENCHMARK.to_numpy()
    expected = np.cov(r, b)[0, 1] / np.var(b, ddof=1)
    assert expected == pytest.approx(0.5, abs=0.05)
    assert beta(returns, BENCHMARK) == pytest.approx(expected, abs=1e-9)
