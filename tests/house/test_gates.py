"""The gates and the benchmarks measure what they say: real runs of known cost."""

import functools

import numpy as np
import pytest

from benchmarks.artificial import artificial_gate
from benchmarks.gate_workloads import GATES, share_of_new_highs
from benchmarks.gates import gate_verdict
from benchmarks.harness import Comparison
from benchmarks.memory import peak_growth
from benchmarks.outcomes import WrongRunError, same_course
from benchmarks.processes import in_fresh_process
from benchmarks.workloads import BENCHMARKS

MEGABYTE = 1 << 20


def run_once(comparison: Comparison):
    comparison.check_a(comparison.a()())
    comparison.check_b(comparison.b()())


@pytest.mark.timing
def test_a_rule_five_points_over_the_bound_fails_the_gate():
    verdict = gate_verdict(artificial_gate(cost=0.08))
    assert verdict.word == "fail"
    assert verdict.overhead.estimate == pytest.approx(0.08, abs=0.02)


@pytest.mark.timing
def test_a_rule_that_costs_nothing_passes_the_gate():
    assert gate_verdict(artificial_gate(cost=0.0)).word == "pass"


@pytest.mark.parametrize("name", GATES)
def test_both_sides_of_a_gate_take_the_same_course(name):
    run_once(GATES[name].build(GATES[name].n_times // 4))


@pytest.mark.parametrize("name", BENCHMARKS)
def test_a_benchmark_runs_what_it_says(name):
    run_once(BENCHMARKS[name].build(BENCHMARKS[name].n_times // 20))


def test_another_course_is_not_accepted():
    stopped = BENCHMARKS["B5"].build(20_000).b()()
    unstopped = BENCHMARKS["B1"].build(20_000).b()()
    with pytest.raises(WrongRunError, match="equity differs"):
        same_course(unstopped)(stopped)


def test_the_trailing_mark_of_g4_moves():
    assert 0.05 < share_of_new_highs(GATES["G4"].n_times) < 0.2


def test_peak_growth_counts_what_a_run_held_at_its_highest():
    held = functools.partial(np.ones, 64 * MEGABYTE // 8)
    values, growth = in_fresh_process(peak_growth, held)
    assert values.nbytes == 64 * MEGABYTE
    assert 60 * MEGABYTE < growth < 72 * MEGABYTE
