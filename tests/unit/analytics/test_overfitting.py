"""Deflated Sharpe ratio and probability of backtest overfitting: published values, arithmetic by hand, refusals."""

import copy
import math
import pickle
from itertools import combinations
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from ml4t.backtest.analytics import (
    best_of_luck,
    deflated_sharpe,
    probability_of_backtest_overfitting,
)

# Bailey and López de Prado (2014): 2.5 a year over 1,250 days of 250 a year, variance of the trials 1/2.
PUBLISHED = {"variance": 0.5, "periods_per_year": 250}


@pytest.mark.parametrize(
    ("trials", "skewness", "kurtosis", "published"),
    [(100, -3, 10, 0.9004), (46, -3, 10, 0.9505), (88, 0, 3, 0.9505)],
)
def test_the_published_example(trials, skewness, kurtosis, published):
    given = deflated_sharpe(
        2.5, 1250, trials=trials, skewness=skewness, kurtosis=kurtosis, **PUBLISHED
    )
    assert round(float(given), 4) == published


def test_annual_numbers_are_those_of_one_return():
    year = deflated_sharpe(2.5, 1250, trials=100, skewness=-3, kurtosis=10, **PUBLISHED)
    one = deflated_sharpe(
        2.5 / math.sqrt(250), 1250, trials=100, variance=0.5 / 250, skewness=-3, kurtosis=10
    )
    assert float(year) == pytest.approx(float(one), rel=1e-12)
    assert year.benchmark == pytest.approx(one.benchmark * math.sqrt(250), rel=1e-12)
    assert round(one.benchmark, 4) == 0.1132  # published, too


def test_normal_returns_are_the_default():
    named = deflated_sharpe(0.1, 500, trials=10, variance=0.001, skewness=0.0, kurtosis=3.0)
    assert deflated_sharpe(0.1, 500, trials=10, variance=0.001) == named


def test_luck_gives_a_single_trial_nothing_and_more_trials_more():
    assert best_of_luck(1, 0.5) == 0.0
    by_trials = [best_of_luck(n, 0.5) for n in (1, 2, 10, 100, 10_000)]
    assert by_trials == sorted(by_trials)
    assert best_of_luck(100, 0.0) == 0.0


def test_luck_is_about_the_mean_largest_of_so_many_draws():
    draws = np.random.default_rng(1).normal(0.0, 0.3, (4_000, 100)).max(axis=1)
    assert best_of_luck(100, 0.09) == pytest.approx(draws.mean(), abs=0.01)


def noise(n=1_000, trials=40, seed=0):
    return pd.DataFrame(np.random.default_rng(seed).normal(0.0, 0.01, (n, trials)))


def test_all_is_taken_from_the_returns_of_the_trials():
    returns = noise()
    sharpes = returns.mean() / returns.std()
    best = sharpes.idxmax()
    of_best = returns[best] - returns[best].mean()
    spread = math.sqrt((of_best**2).mean())
    expected = deflated_sharpe(
        sharpes[best],
        1_000,
        trials=40,
        variance=sharpes.var(),
        skewness=(of_best**3).mean() / spread**3,
        kurtosis=(of_best**4).mean() / spread**4,
    )
    given = deflated_sharpe(returns)
    assert float(given) == pytest.approx(float(expected), rel=1e-12)
    assert (given.trial, given.trials, given.n) == (best, 40, 1_000)
    annual = deflated_sharpe(returns, periods_per_year=252)
    assert float(annual) == float(given)
    assert annual.sharpe == pytest.approx(given.sharpe * math.sqrt(252))


def test_another_trial_and_another_count_can_be_named():
    returns = noise()
    assert deflated_sharpe(returns, trial=3).trial == 3
    assert deflated_sharpe(returns, trials=5) > deflated_sharpe(returns)


def test_a_trial_that_never_traded_counts_and_has_a_sharpe_ratio_of_zero():
    returns = noise(trials=3).assign(idle=0.0)
    given = deflated_sharpe(returns, trial="idle")
    assert (given.sharpe, given.trials, given.skewness, given.kurtosis) == (0.0, 4, 0.0, 3.0)


def test_it_is_a_float_that_is_copied_with_what_it_holds():
    given = deflated_sharpe(noise())
    for other in (copy.deepcopy(given), pickle.loads(pickle.dumps(given))):
        assert other == given
        assert other.benchmark == given.benchmark
    assert isinstance(given, float)
    assert f"{given:.4f}" in repr(given)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"sharpe": 0.1}, "needs n, the number of its returns"),
        ({"sharpe": 0.1, "n": 100, "trials": 0, "variance": 1}, "trials must be a finite number of at least 1"),
        ({"sharpe": 0.1, "n": 100, "trials": 5, "variance": -1}, "variance must be a finite number of at least 0"),
        ({"sharpe": 0.1, "n": 1, "trials": 5, "variance": 1}, "n must be a finite number of at least 2"),
        ({"sharpe": math.nan, "n": 9, "trials": 5, "variance": 1}, "sharpe must be a finite number, was nan"),
        ({"sharpe": 0.1, "n": 9, "trials": 5, "variance": 1, "kurtosis": 0.0}, "3 for normal returns, not 0"),
        ({"sharpe": 0.1, "n": 9, "trials": 5, "variance": 1, "trial": 1}, "leave trial out"),
        ({"sharpe": 0.1, "n": 9, "trials": 5, "variance": 1, "periods_per_year": 0}, "periods_per_year must be"),
        ({"sharpe": noise(), "n": 9}, "n is taken from the returns"),
        ({"sharpe": noise(), "trial": 99}, "there is no trial 99 among the 40"),
        ({"sharpe": "study.db"}, "give a frame with a column of returns for each trial"),
        ({"sharpe": noise().assign(x=np.nan)}, "1,000 returns are missing or not finite, the first of trial 'x' at 0"),
        ({"sharpe": noise().assign(x=0.01)}, "the returns of trial 'x' are all the same"),
        ({"sharpe": noise().assign(x="a")}, "returns must be numbers"),
        ({"sharpe": noise()[[]]}, "at least one trial of two is needed"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_said(given, said):
    sharpe = given.pop("sharpe")
    with pytest.raises(ValueError, match=said):
        deflated_sharpe(sharpe, given.pop("n", None), **given)


def by_hand(returns, groups):
    """The definition, combination by combination."""
    pieces = np.array_split(np.arange(len(returns)), groups)
    logits = []
    for taken in combinations(range(groups), groups // 2):
        inside = np.concatenate([pieces[one] for one in taken])
        outside = np.setdiff1d(np.arange(len(returns)), inside)
        here, there = (
            returns[rows].mean(axis=0) / returns[rows].std(axis=0, ddof=1)
            for rows in (inside, outside)
        )
        rank = 1 + (there < there[here.argmax()]).sum()
        share = rank / (returns.shape[1] + 1)
        logits.append(math.log(share / (1 - share)))
    return logits


@pytest.mark.parametrize("groups", [2, 6, 8])
def test_overfitting_is_that_of_its_definition(groups):
    returns = noise(203, 7, seed=groups).to_numpy()
    given = probability_of_backtest_overfitting(returns, groups)
    expected = by_hand(returns, groups)
    np.testing.assert_allclose(given.logits, expected, rtol=1e-9)
    assert float(given) == np.mean(np.array(expected) <= 0.0)
    assert (given.groups, given.trials, given.n) == (groups, 7, 203)


def test_one_that_is_better_everywhere_is_no_overfitting():
    returns = noise()
    returns[3] += 0.005
    given = probability_of_backtest_overfitting(returns)
    assert float(given) == 0.0
    assert set(given.chosen) == {3}
    assert given.probability_of_loss == 0.0


def test_what_pays_in_one_half_at_the_cost_of_the_other_is_overfitting():
    # Each trial earns in two of four groups what it loses in the others: the best of one half is the worst of the other.
    returns = noise(400, 6, seed=2)
    for trial, good in enumerate(combinations(range(4), 2)):
        for group in range(4):
            returns.loc[group * 100 : group * 100 + 99, trial] += 0.01 if group in good else -0.01
    given = probability_of_backtest_overfitting(returns, 4)
    assert float(given) == 1.0
    assert given.probability_of_loss == 1.0


def test_equal_trials_share_the_middle():
    returns = pd.concat([noise(100, 1)] * 4, axis=1)
    given = probability_of_backtest_overfitting(returns, 4)
    assert (given.logits == 0.0).all()


def test_idle_trials_are_between_gains_and_losses():
    returns = noise(100, 1).assign(idle=0.0)
    given = probability_of_backtest_overfitting(returns, 4)
    assert np.isfinite(given.logits).all()


def test_what_kept_returns_is_asked_for_them():
    returns = noise()
    kept = SimpleNamespace(tried_returns=lambda: returns, n_tried=100)
    assert deflated_sharpe(kept) == deflated_sharpe(returns, trials=100)
    assert deflated_sharpe(kept, trials=7) == deflated_sharpe(returns, trials=7)
    assert probability_of_backtest_overfitting(kept, 4) == probability_of_backtest_overfitting(
        returns, 4
    )


@pytest.mark.parametrize(
    ("returns", "groups", "said"),
    [
        (noise(), 5, "groups must be an even number from 2 to 20"),
        (noise(), 0, "groups must be an even number"),
        (noise(), 22, "groups must be an even number"),
        (noise(), True, "groups must be an even number"),
        (noise(20), 16, "20 sessions are too few for 16 groups of at least two"),
        (noise(trials=1), 4, "there is one trial: nothing was chosen"),
        (noise().replace(noise().iloc[5, 5], np.nan), 4, "the first of trial 5 at 5"),
    ],
)
def test_what_has_no_overfitting_is_said(returns, groups, said):
    with pytest.raises(ValueError, match=said):
        probability_of_backtest_overfitting(returns, groups)


def test_one_trial_tells_nothing_of_how_much_many_differ():
    with pytest.raises(ValueError, match=r"one of 60 trials has returns: .* give its Sharpe ratio"):
        deflated_sharpe(noise(trials=1), trials=60)
    assert deflated_sharpe(noise(trials=1)).benchmark == 0.0
