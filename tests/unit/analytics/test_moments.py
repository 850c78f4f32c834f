"""Moments and sums in C are those that NumPy's calls make of the same values, to the last bit."""

import math

import numpy as np
import pytest

from ml4t.backtest.analytics.moments import Moments, simple_returns_of, sum_of
from ml4t.backtest.analytics.trade_sums import counted_exits, profit_sums

LENGTHS = (0, 1, 2, 7, 8, 9, 127, 128, 129, 255, 1_000, 5_000, 100_003)


IN_PIECES = tuple(map(int, np.__version__.split(".")[:2])) < (2, 4)
"""Older versions of NumPy sum what is longer than their buffer piece after piece, and round otherwise."""


def is_numpys(own, numpys, n):
    """Tell whether a sum of n values, or what is made of one, is the one that NumPy has."""
    if IN_PIECES and n > np.getbufsize():
        return math.isclose(own, numpys, rel_tol=1e-12)
    return own == numpys


def drawn(n, seed=0):
    """Return returns, some of them none, as a flat account has them."""
    random = np.random.default_rng(seed)
    returns = random.normal(1e-4, 0.01, n)
    returns[random.random(n) < 0.3] = 0.0
    return returns


@pytest.mark.parametrize("n", LENGTHS)
def test_sums_have_the_rounding_of_numpy(n):
    values = drawn(n)
    assert is_numpys(sum_of(values), float(np.add.reduce(values)), n)


@pytest.mark.parametrize("n", LENGTHS[2:])
def test_moments_are_those_of_numpy(n):
    returns = drawn(n)
    moments = Moments(returns)
    mean = float(np.add.reduce(returns)) / n
    assert is_numpys(moments.mean, mean, n)
    assert is_numpys(moments.growth, float(np.multiply.reduce(1.0 + returns)), n)
    away = np.square(returns - moments.mean)
    assert is_numpys(moments.deviation, math.sqrt(float(np.add.reduce(away)) / (n - 1)), n)
    below = np.square(np.minimum(returns, 0.0))
    assert is_numpys(moments.downside, math.sqrt(float(np.add.reduce(below)) / n), n)


@pytest.mark.parametrize("n", [0, 1])
def test_of_fewer_than_two_returns_only_growth_is_known(n):
    moments = Moments(np.full(n, 0.5))
    assert moments.growth == 1.5**n
    assert all(map(math.isnan, (moments.mean, moments.deviation, moments.downside)))


@pytest.mark.parametrize("place", [0, 3, 200, 299])
def test_a_return_without_a_meaning_makes_every_moment_one(place):
    returns = drawn(300)
    returns[place] = np.nan
    moments = Moments(returns)
    found = (moments.growth, moments.mean, moments.deviation, moments.downside)
    assert all(map(math.isnan, found))


def test_equal_returns_have_no_dispersion():
    assert Moments(np.full(1_000, 0.1)).deviation == 0.0


@pytest.mark.parametrize("seed", range(5))
def test_returns_are_those_of_numpy(seed):
    random = np.random.default_rng(seed)
    # Of few values, so that equity stands still, and is sometimes gone.
    equity = random.choice([100.0, 101.0, 0.1, 7.3, 0.0, -5.0, np.nan], 2_000)
    before = np.append(100.0, equity[:-1])
    before[before <= 0.0] = np.nan
    np.testing.assert_array_equal(simple_returns_of(equity, 100.0), equity / before - 1.0)


def test_returns_of_nothing_are_none():
    assert len(simple_returns_of(np.empty(0), 100.0)) == 0


@pytest.mark.parametrize("n", LENGTHS)
def test_profits_are_summed_as_numpy_sums_those_that_won_and_lost(n):
    profit = drawn(n)
    won, lost = profit[profit > 0.0], profit[profit < 0.0]
    n_won, sum_won, n_lost, sum_lost, total = profit_sums(profit)
    assert (n_won, n_lost) == (len(won), len(lost))
    for own, some in ((sum_won, won), (sum_lost, lost), (total, profit)):
        assert is_numpys(own, float(np.add.reduce(some)), n)


def test_exits_are_counted_by_rule_and_else_by_reason():
    rule = np.array([0, 1, 1, -1, -1, -1, 9, 0], np.int32)
    reason = np.array([5, 5, 5, 1, -1, 1, 1, 0], np.int32)
    assert counted_exits(rule, reason, 2, 3) == [2, 2, 1, 0, 2, 0]


def test_exits_need_a_reason_for_each_rule():
    with pytest.raises(ValueError, match="one length, had 2 and 3"):
        counted_exits(np.zeros(2, np.int32), np.zeros(3, np.int32), 1, 1)
    with pytest.raises(ValueError, match="must not be negative"):
        counted_exits(np.zeros(2, np.int32), np.zeros(2, np.int32), -1, 1)
