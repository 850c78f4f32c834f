"""One process of ``make compare``: time the runs of some benchmarks, without their yardsticks.

Started with one revision of the package in front (:mod:`benchmarks.revisions`), it uses public names alone.
Prints JSON: by benchmark the nanoseconds of every run, and a digest of what the first run came to.
"""

from __future__ import annotations

import hashlib
import json
import sys

import pandas as pd

import ml4t.backtest
from benchmarks.harness import garbage_collection_off, timed
from benchmarks.memory import keep_memory
from benchmarks.workloads import BENCHMARKS
from ml4t.backtest import BacktestResult

MARKETS = 7
TRADED = ["asset", "entry_time", "exit_time", "quantity", "entry_price", "exit_price", "net_pnl"]


def digest(result: BacktestResult) -> str:
    """Return a hash over the curve and the trades, by columns that every revision has."""
    rows = [result.equity[["equity", "cash"]], result.trades[TRADED].astype({"asset": str})]
    found = hashlib.sha256()
    for frame in rows:
        found.update(pd.util.hash_pandas_object(frame, index=False).to_numpy().tobytes())
    return found.hexdigest()


def measure(name: str, n_markets: int = MARKETS, n_times: int | None = None) -> dict[str, object]:
    """Run a benchmark once to warm up, and once on each of ``n_markets`` markets.

    Nobody runs one market for long: a processor that sees the same one again and again learns its branches
    by heart, for some twenty runs, and how fast it learns is no property of a revision.
    """
    benchmark = BENCHMARKS[name]
    n_times = n_times or benchmark.n_times
    keep_memory()
    warm_up, *runs = (benchmark.build(n_times, seed).b for seed in range(n_markets + 1))
    with garbage_collection_off():
        outcome = digest(warm_up()())
        nanoseconds = [timed(run, lambda result: None) for run in runs]
    return {"nanoseconds": nanoseconds, "outcome": outcome}


def main(names: list[str]) -> None:
    """Measure the named benchmarks and print what was found, and which package it was."""
    measured = {name: measure(name) for name in names}
    print(json.dumps({"package": ml4t.backtest.__file__, "measured": measured}))


if __name__ == "__main__":
    main(sys.argv[1:])
