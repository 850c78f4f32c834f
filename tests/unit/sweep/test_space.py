"""Spaces: every combination, or draws that are the same for the same seed."""

import numpy as np
import pytest

from ml4t.backtest.sweep import SweepError, between, grid, random


def trials(space):
    return [one for batch in space.batches() for one in batch]


def test_a_grid_has_every_combination_the_last_parameter_first():
    space = grid(a=[1, 2], b=np.array([0.5, 1.0]))
    assert len(space) == 4
    assert trials(space) == [
        {"a": 1, "b": 0.5}, {"a": 1, "b": 1.0}, {"a": 2, "b": 0.5}, {"a": 2, "b": 1.0},
    ]  # fmt: skip
    assert type(trials(space)[0]["b"]) is float


def test_names_that_are_none_of_python_are_given_as_a_mapping():
    assert grid({"risk.rules[0].pct": range(3)}, k=[1]).names == ("risk.rules[0].pct", "k")


def test_draws_are_the_same_for_the_same_seed():
    space = random(50, seed=3, a=between(0.0, 1.0), b=["x", "y"])
    assert trials(space) == trials(space)
    assert trials(space) != trials(random(50, seed=4, a=between(0.0, 1.0), b=["x", "y"]))


def test_draws_stay_between_their_ends_and_reach_them():
    values = [one["n"] for one in trials(random(200, seed=1, n=between(2, 4)))]
    assert set(values) == {2, 3, 4}
    sizes = [one["n"] for one in trials(random(400, seed=1, n=between(1.0, 1000.0, log=True)))]
    assert min(sizes) >= 1.0
    assert max(sizes) <= 1000.0
    assert 130 < sum(size < 10.0 for size in sizes) < 140  # a third of the logarithms: 133


def test_a_distribution_of_scipy_is_asked():
    class Distribution:
        def rvs(self, random_state):
            return np.float64(random_state.normal())

    (one,) = trials(random(1, seed=1, x=Distribution()))
    assert one == {"x": np.random.default_rng(1).normal()}
    assert type(one["x"]) is float


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (grid, "the space is empty: give at least one parameter"),
        (lambda: grid(a=[]), "a has no value to try"),
        (lambda: grid(a=3), "a must be the values to try, a list say, was 3"),
        (lambda: grid(a="abc"), "a must be the values to try, a list say, was 'abc'"),
        (lambda: random(0, seed=1, a=[1]), "n must be a positive number of draws, was 0"),
        (lambda: random(5, seed=None, a=[1]), "seed must be a whole number, 0 or above, was None"),
        (lambda: random(5, seed=1), "the space is empty"),
        (lambda: random(5, seed=-1, a=[1]), "seed must be a whole number, 0 or above, was -1"),
        (lambda: grid([1]), r"parameters are given by name, or as a mapping of names, were \[1\]"),
        (lambda: grid({1: [1]}), "the name of a parameter must be text, was 1"),
        (lambda: grid(a={1, 2}), "a must be the values to try, a list say"),
        (lambda: between("a", "b"), "between needs two finite numbers"),
        (lambda: between(1, 10**400), "between needs two finite numbers"),
        (lambda: between(2, 1), "low below high, had 2, 1"),
        (lambda: between(0, 1, log=True), "needs numbers above 0, had 0"),
    ],
)
def test_what_is_no_space_is_refused(make, message):
    with pytest.raises(SweepError, match=message):
        make()
