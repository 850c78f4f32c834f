"""The harness calls things in the promised order and times only the run."""

import gc
import os
import time

import pytest

from benchmarks.harness import Comparison, measure_fours, measure_pairs, timed
from benchmarks.processes import in_fresh_process
from benchmarks.ratios import overhead, pair_ratio


def recording_comparison(log):
    def side(name):
        def prepare():
            return lambda: log.append(name) or name

        return prepare

    def check(name):
        def same(outcome):
            assert outcome == name

        return same

    return Comparison(side("A"), side("B"), check("A"), check("B"))


def spinning(nanoseconds):
    def run():
        end = time.process_time_ns() + nanoseconds
        while time.process_time_ns() < end:
            pass

    return lambda: run


def nothing(outcome):
    assert outcome is None


def test_fours_run_a_b_b_a_then_a_against_itself():
    log = []
    fours = measure_fours(recording_comparison(log), 2)
    assert "".join(log) == "ABAB" + 2 * ("ABBA" + "AAAA")
    assert fours.compared.shape == fours.itself.shape == (2, 4)


def test_pairs_alternate_which_side_goes_first():
    log = []
    assert measure_pairs(recording_comparison(log), 3).shape == (3, 2)
    assert "".join(log) == "ABAB" + "AB" + "BA" + "AB"


def test_pairs_are_timed_by_the_clock_that_is_given():
    ticks = iter(range(0, 10_000, 7))
    spin = spinning(1_000)
    pairs = measure_pairs(Comparison(spin, spin, nothing, nothing), 2, lambda: next(ticks))
    assert pairs.tolist() == [[7, 7], [7, 7]]


def test_set_up_and_check_are_not_timed():
    spin = spinning(50_000_000)()

    def slow_prepare():
        spin()
        return lambda: None

    assert timed(slow_prepare, lambda outcome: spin()) < 20_000_000


def test_a_run_is_timed_whole():
    assert timed(spinning(5_000_000), nothing) >= 5_000_000


def test_a_failed_check_stops_the_measuring():
    def refuse(outcome):
        raise AssertionError("not the run we meant")

    side = spinning(1_000)
    with pytest.raises(AssertionError, match="not the run we meant"):
        measure_fours(Comparison(side, side, nothing, refuse), 1)


def test_garbage_collection_is_off_during_runs_and_on_again_after():
    seen = []

    def prepare():
        return lambda: seen.append(gc.isenabled())

    assert gc.isenabled()
    measure_pairs(Comparison(prepare, prepare, nothing, nothing), 2)
    assert set(seen) == {False}
    assert gc.isenabled()


def test_a_known_difference_is_measured():
    comparison = Comparison(spinning(200_000), spinning(300_000), nothing, nothing)
    assert pair_ratio(measure_pairs(comparison, 31)) == pytest.approx(1.5, rel=0.1)
    fours = measure_fours(comparison, 50)
    assert overhead(fours.compared).estimate == pytest.approx(0.5, abs=0.1)
    assert overhead(fours.itself).estimate == pytest.approx(0.0, abs=0.05)


def test_a_fresh_process_is_another_one_each_time():
    first, second = in_fresh_process(os.getpid), in_fresh_process(os.getpid)
    assert len({first, second, os.getpid()}) == 3


def test_an_error_in_a_fresh_process_is_raised_here():
    with pytest.raises(ValueError, match="invalid literal"):
        in_fresh_process(int, "twelve")
