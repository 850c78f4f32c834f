"""The runs of B1 to B5 under pytest-benchmark, for histories and comparisons.

``pytest -c benchmarks/pytest.ini benchmarks --benchmark-autosave``; see README.md.
"""

import pytest

from benchmarks.workloads import BENCHMARKS


@pytest.mark.parametrize("name", BENCHMARKS)
def bench_run(benchmark, name):
    workload = BENCHMARKS[name]
    comparison = workload.build(workload.n_times)
    benchmark.extra_info["bars"] = workload.n_bars
    result = benchmark.pedantic(
        lambda run: run(), setup=lambda: ((comparison.b(),), {}), rounds=7, warmup_rounds=1
    )
    comparison.check_b(result)


@pytest.mark.parametrize("name", ["B1", "B2", "B3", "B4"])
def bench_yardstick(benchmark, name):
    workload = BENCHMARKS[name]
    comparison = workload.build(workload.n_times)
    benchmark.extra_info["bars"] = workload.n_bars
    outcome = benchmark.pedantic(
        lambda run: run(), setup=lambda: ((comparison.a(),), {}), rounds=7, warmup_rounds=1
    )
    comparison.check_a(outcome)
