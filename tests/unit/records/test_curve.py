"""Drawdown and leverage of an equity curve."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from unit.made_up import result_of

from ml4t.backtest.records.curve import underwater


def test_drawdown_and_leverage_follow_the_contract():
    result = result_of([90.0, 110.0, 99.0, -1.0], gross=np.array([45.0, 0.0, 198.0, 5.0]))
    equity = result.equity
    np.testing.assert_array_equal(
        equity["drawdown"], [90 / 100 - 1.0, 0.0, 99 / 110 - 1.0, -1 / 110 - 1.0]
    )
    np.testing.assert_array_equal(equity["leverage"], [0.5, 0.0, 2.0, np.nan])
    assert equity.index.name == "timestamp"
    assert equity.index[0] == pd.Timestamp("2014-01-02", tz="UTC")


@pytest.mark.parametrize("n", [1, 999, 1000, 1001, 5_432])
@pytest.mark.parametrize("trend", [-1e-3, 0.0, 1e-3])
def test_drawdown_of_long_curves_is_the_simple_one(n, trend):
    random = np.random.default_rng(n)
    equity = 100.0 * np.exp(np.cumsum(random.normal(trend, 1e-3, n)))
    peak = np.maximum(np.maximum.accumulate(equity), 100.0)
    np.testing.assert_array_equal(result_of(equity).equity["drawdown"], equity / peak - 1.0)


@pytest.mark.parametrize("seed", range(20))
def test_largest_drawdown_and_longest_time_are_those_of_every_point(seed):
    random = np.random.default_rng(seed)
    n = int(random.integers(1, 60))
    # Of few values, so that peaks are met again and stretches begin and end anywhere.
    equity = random.choice([70.0, 90.0, 99.0, 100.0, 101.0, 110.0, -5.0], n)
    stamps = np.cumsum(random.integers(1, 9, n))
    drawdown = equity / np.maximum(np.maximum.accumulate(equity), 100.0) - 1.0
    peaks = [-1, *np.flatnonzero(drawdown >= 0.0), n]
    times = [
        stamps[min(end, n - 1)] - stamps[max(peak, 0)]
        for peak, end in pairwise(peaks)
        if end - peak > 1
    ]
    assert underwater(stamps, equity, 100.0) == (min(0.0, drawdown.min()), max(times, default=0))
