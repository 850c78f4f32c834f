"""One process of ``make compare``: time the runs of some benchmarks, without their yardsticks.

Started with one revision of the package in front (:mod:`benchmarks.revisions`), it uses public names alone.
Prints JSON: by benchmark the nanoseconds of every run, and a digest of what the run came to.
"""

from __future__ import annotations

import hashlib
import json
import sys

import pandas as pd

import ml4t.backtest
from benchmarks.harness import garbage_collection_off, timed
from benchmarks.workloads import BENCHMARKS
from ml4t.backtest import BacktestResult

RUNS = 7
TRADED = ["asset", "entry_time", "exit_time", "quantity", "entry_price", "exit_price", "net_pnl"]


def digest(result: BacktestResult) -> str:
    """Return a hash over the curve and the trades, by columns that every revision has."""
    rows = [result.equity[["equity", "cash"]], result.trades[TRADED].astype({"asset": str})]
    found = hashlib.sha256()
    for frame in rows:
        found.update(pd.util.hash_pandas_object(frame, index=False).to_numpy().tobytes())
    return found.hexdigest()


def measure(name: str, n_runs: int = RUNS, n_times: int | None = None) -> dict[str, object]:
    """Run a benchmark once to warm up, and ``n_runs`` times."""
    benchmark = BENCHMARKS[name]
    run = benchmark.build(n_times or benchmark.n_times).b
    with garbage_collection_off():
        outcome = digest(run()())
        nanoseconds = [timed(run, lambda result: None) for _ in range(n_runs)]
    return {"nanoseconds": nanoseconds, "outcome": outcome}


def main(names: list[str]) -> None:
    """Measure the named benchmarks and print what was found, and which package it was."""
    measured = {name: measure(name) for name in names}
    print(json.dumps({"package": ml4t.backtest.__file__, "measured": measured}))


if __name__ == "__main__":
    main(sys.argv[1:])
