"""The run that the profilers look at: one side of a gate's workload, again and again.

``python profiling/target.py G2 rules 10`` runs G2 with its rules for ten seconds.
"""

from __future__ import annotations

import sys
import time

from benchmarks.gate_workloads import GATES
from benchmarks.harness import Side

SIDES = {"bare": "a", "rules": "b"}
"""The sides of a gate by the names the scripts here give them."""


def side_of(gate_name: str, side: str) -> Side:
    """Build the data of a gate and return one of its sides."""
    gate = GATES[gate_name]
    return getattr(gate.build(gate.n_times), SIDES[side])


def run_again_and_again(prepare: Side, seconds: float) -> int:
    """Run for about ``seconds`` and return how often; the profilers look for this function's name."""
    end = time.perf_counter() + seconds
    n_runs = 0
    while time.perf_counter() < end:
        prepare()()
        n_runs += 1
    return n_runs


if __name__ == "__main__":
    print(run_again_and_again(side_of(sys.argv[1], sys.argv[2]), float(sys.argv[3])), "runs")
