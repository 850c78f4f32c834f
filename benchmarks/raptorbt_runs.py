"""A process of ``make peers``: runs of raptorbt, in an environment of its own. Nothing of ours is imported.

Called as ``vectorbt_runs.py`` is; the engine is the only one there.
"""

import gc
import json
import sys
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np
import raptorbt


def pairs(data):
    """W5: a run for each stop and target, in the loop that its pages show."""
    volume = np.full(len(data["close"]), 1e6)
    measured = []
    for stop, target in zip(data["stop"].tolist(), data["target"].tolist(), strict=True):
        config = raptorbt.BacktestConfig(initial_capital=1e6, fees=0.001)
        config.set_fixed_stop(stop)
        config.set_fixed_target(target)
        metrics = raptorbt.run_single_backtest(
            data["timestamps"],
            data["open"],
            data["high"],
            data["low"],
            data["close"],
            volume,
            data["entry"],
            data["exit"],
            config=config,
        ).metrics
        measured.append((metrics.total_return_pct, metrics.total_trades, metrics.sharpe_ratio))
    return measured


RUNS = {"W5": pairs}


def timed(run, data):
    gc.collect()
    start = time.perf_counter_ns()  # ours is by two processes, and on the clock
    measured = run(data)
    took = time.perf_counter_ns() - start
    return took, 2 * sum(trades for _, trades, _ in measured)


def main(folder, names):
    measured = {}
    for name in names:
        markets = [dict(np.load(path)) for path in sorted(Path(folder).glob(f"{name}-*.npz"))]
        warm_up, *others = markets
        timed(RUNS[name], warm_up)
        runs = [timed(RUNS[name], data) for data in others]
        measured[name] = {"nanoseconds": [ns for ns, _ in runs], "orders": [n for _, n in runs]}
    print(json.dumps({"version": version("raptorbt"), "measured": measured}))


if __name__ == "__main__":
    main(sys.argv[2], sys.argv[3:])
