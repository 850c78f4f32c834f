"""A gate passes, fails or says that it cannot tell: on timings whose truth is known."""

import itertools

import numpy as np
import pytest

from benchmarks.gating import Measurement, in_turn, is_noisy
from benchmarks.harness import Fours
from benchmarks.ratios import Interval

BOUND = 0.03


def rounds_of(true_overhead, noise, *, n_fours=100, own_bias=0.0):
    """Make a machine: each call is a round on it."""
    rng = np.random.default_rng(7)

    def fours(slower):
        times = 3e6 * np.exp(rng.normal(0, noise, (n_fours, 4)))
        times[:, 1:3] *= 1 + slower
        return times.astype(np.int64)

    return lambda: Fours(fours(true_overhead), fours(own_bias))


def ticking(step):
    """Make a clock that advances by ``step`` seconds at each look."""
    return itertools.count(0.0, step).__next__


def decided(*args, step=0.5, **kwargs):
    return verdict_of(Measurement(BOUND, rounds_of(*args, **kwargs), clock=ticking(step)))


def verdict_of(measurement):
    in_turn([measurement])
    return measurement.verdict()


def test_rules_that_cost_nothing_pass():
    assert decided(0.0, 0.01).word == "pass"


def test_five_points_over_the_bound_fail():
    assert decided(BOUND + 0.05, 0.01).word == "fail"


def test_an_estimate_below_the_bound_fails_when_the_upper_end_is_not():
    verdict = decided(BOUND - 0.0008, 0.01)
    assert verdict.overhead.estimate < BOUND < verdict.overhead.high
    assert verdict.word == "fail"


def test_a_quiet_machine_is_measured_eight_times():
    verdict = decided(0.0, 0.01)
    assert (verdict.n_rounds, verdict.n_fours) == (8, 800)


def test_a_noisier_machine_is_measured_longer_and_then_decides():
    verdict = decided(0.0, 0.08)
    assert verdict.n_rounds > 8
    assert verdict.word == "pass"


def test_a_machine_too_noisy_never_passes_and_ends_in_time():
    looks = []

    def clock():
        looks.append(1.5 * len(looks))
        return looks[-1]

    verdict = verdict_of(Measurement(BOUND, rounds_of(0.0, 1.0), clock=clock))
    assert verdict.word == "too noisy"
    assert verdict.overhead.estimate < verdict.overhead.high
    assert sum(looks[1::2]) - sum(looks[::2]) <= 60.0


def test_a_machine_that_prefers_one_side_is_too_noisy():
    assert decided(0.0, 0.01, own_bias=0.02, step=3.0).word == "too noisy"


@pytest.mark.parametrize(
    ("itself", "noisy"),
    [
        (Interval(0.0, -0.004, 0.004), False),
        (Interval(0.0, -0.006, 0.005), True),  # wider than a point
        (Interval(0.006, 0.004, 0.008), False),  # excludes zero, by less than half a point
        (Interval(0.007, 0.006, 0.008), True),  # by more
        (Interval(-0.007, -0.008, -0.006), True),
    ],
)
def test_what_counts_as_noise(itself, noisy):
    assert is_noisy(itself) is noisy


def test_rounds_of_several_gates_are_taken_in_turn():
    taken = []

    def rounds(name):
        one = rounds_of(0.0, 0.01)
        return lambda: (taken.append(name), one())[1]

    in_turn(Measurement(BOUND, rounds(name), n_rounds=n) for name, n in (("a", 2), ("b", 3)))
    assert taken == ["a", "b", "a", "b", "b"]
