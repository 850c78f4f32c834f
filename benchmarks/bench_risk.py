"""The runs of the gates (G1 to G9), without rules (a) and with them (b), under pytest-benchmark.

For histories and comparisons; the gate itself is ``make gate``.
"""

import pytest

from benchmarks.gate_workloads import GATES


@pytest.mark.parametrize("side", ["a", "b"])
@pytest.mark.parametrize("name", GATES)
def bench_gate(benchmark, name, side):
    gate = GATES[name]
    comparison = gate.build(gate.n_times)
    prepare = getattr(comparison, side)
    outcome = benchmark.pedantic(
        lambda run: run(), setup=lambda: ((prepare(),), {}), rounds=31, warmup_rounds=2
    )
    getattr(comparison, f"check_{side}")(outcome)
