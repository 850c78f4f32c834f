"""Where the time of G1 and G2 goes, function by function, with and without rules.

``make profile SCRIPT=profiling/cprofile_run.py``. Only the ``profile`` build tells cProfile of compiled
functions, and only of those that hold the GIL; hooks slow all of them by a factor of two to four, small
ones the most. README.md says how to read the output, and what to use instead.
"""

from __future__ import annotations

import cProfile
import pstats
import sys
from typing import Annotated

import typer
from target import SIDES, side_of

import ml4t.backtest

N_LINES = 15
N_RUNS = 20


def profile(gate_name: str, side: str) -> pstats.Stats:
    """Return the profile of some runs of one side of a gate; set-up left out."""
    prepare = side_of(gate_name, side)
    prepare()()
    profiler = cProfile.Profile()
    for _ in range(N_RUNS):
        run = prepare()
        profiler.runcall(run)
    return pstats.Stats(profiler)


def main(
    gates: Annotated[list[str] | None, typer.Argument(help="G1 and G2 by default.")] = None,
) -> None:
    """Print the functions that take most time of their own, for each side of each gate."""
    if sys.version_info[:2] == (3, 12):
        raise SystemExit(
            "error: cProfile sees nothing of compiled modules on Python 3.12: use another"
        )
    if ml4t.backtest.build_profile() != "profile":
        raise SystemExit(
            f"error: this is a {ml4t.backtest.build_profile()!r} build, whose functions cProfile cannot "
            "see: run `make profile SCRIPT=profiling/cprofile_run.py`"
        )
    for name in gates or ["G1", "G2"]:
        for side in SIDES:
            print(f"\n==== {name}, {side}: {N_RUNS} runs")
            profile(name, side).strip_dirs().sort_stats("tottime").print_stats(N_LINES)


if __name__ == "__main__":
    typer.run(main)
