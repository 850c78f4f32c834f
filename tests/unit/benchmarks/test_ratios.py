"""Arithmetic of ratios: checked by hand, and on timings whose true overhead is known."""

import numpy as np
import pytest

from benchmarks.ratios import Interval, four_log_ratios, overhead, pair_ratio, pair_ratio_interval


def synthetic_fours(true_overhead, noise, n=400, seed=0):
    rng = np.random.default_rng(seed)
    times = 2e6 * np.exp(rng.normal(0, noise, (n, 4)))
    times[:, 1:3] *= 1 + true_overhead
    return times.astype(np.int64)


def test_pair_ratio_is_the_median_of_b_over_a():
    assert pair_ratio([[100, 150], [100, 300], [200, 220]]) == 1.5


def test_the_interval_of_a_pair_ratio_holds_the_true_one():
    a, b = synthetic_fours(0.5, noise=0.1)[:, :2].T
    low, high = pair_ratio_interval(np.column_stack([a, b]))
    assert low < 1.5 < high
    assert high - low < 0.1


def test_four_log_ratio_by_hand():
    # ln(20·20/(10·10))/2 = ln 2
    assert four_log_ratios([[10, 20, 20, 10]])[0] == pytest.approx(np.log(2))


def test_steady_drift_cancels():
    # Equal work on a machine that slows by the same factor from each run to the next.
    slowing = (1e6 * 1.05 ** np.arange(4)).astype(np.int64)
    assert four_log_ratios([slowing])[0] == pytest.approx(0, abs=1e-6)


def test_overhead_is_a_fraction_of_the_time_of_a():
    assert overhead([[100, 103, 103, 100]] * 10) == pytest.approx(Interval(0.03, 0.03, 0.03))


@pytest.mark.parametrize("true_overhead", [0.0, 0.03, 0.5])
def test_interval_holds_the_true_overhead_about_95_times_in_100(true_overhead):
    inside = sum(
        interval.low <= true_overhead <= interval.high
        for interval in (overhead(synthetic_fours(true_overhead, 0.02, seed=s)) for s in range(100))
    )
    assert 88 <= inside <= 100


def test_noise_widens_the_interval_and_more_fours_narrow_it():
    quiet, loud = (overhead(synthetic_fours(0.03, noise)) for noise in (0.01, 0.10))
    longer = overhead(synthetic_fours(0.03, 0.10, n=6_400))
    assert quiet.width < loud.width / 5
    assert longer.width < loud.width / 2


def test_a_few_runs_ten_times_too_slow_do_not_move_the_median():
    fours = synthetic_fours(0.02, 0.005)
    fours[::20, 1] *= 10
    assert overhead(fours).estimate == pytest.approx(0.02, abs=0.002)


def test_the_same_fours_give_the_same_interval():
    fours = synthetic_fours(0.02, 0.02)
    assert overhead(fours) == overhead(fours)


@pytest.mark.parametrize("times", [[], [[1, 2, 3]], [1, 2, 3, 4]])
def test_wrong_shape_is_refused(times):
    with pytest.raises(ValueError, match=r"shape \(n, 4\)"):
        overhead(times)


def test_a_time_of_zero_is_refused():
    with pytest.raises(ValueError, match="1 timings are not positive"):
        pair_ratio([[1, 2], [0, 2]])
