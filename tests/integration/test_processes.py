"""Strategies, managers and rules of all kinds go to other processes, forked and spawned, and come back."""

import multiprocessing
import sys

import pytest
from outside import run

SCRIPT = """
import multiprocessing
import sys

import numpy as np
import pandas as pd

from ml4t.backtest import SignalStrategy, Strategy, run_backtest
from ml4t.backtest.risk import RiskManager, TimeBasedExit, numba_rule

times = pd.date_range("2024-03-04 21:00", periods=20, freq="B", tz="UTC")
prices = pd.DataFrame({"timestamp": times, "asset": "A", "close": 100.0, "up": np.arange(20) % 5 == 0})


class Every(Strategy):
    def __init__(self, bars):
        self.bars = bars
        self.seen = 0

    def on_market_data(self, event):
        self.seen += 1
        if self.seen % self.bars == 0:
            self.buy("A", 1)


@numba_rule()
def after_two(view, columns, answer):
    if view.bars_held >= 2:
        answer.exit_type = 5


def fills(job):
    strategy, rules = job
    result = run_backtest(prices, strategy, risk_manager=rules)
    return len(result.fills), strategy


if __name__ == "__main__":
    jobs = [
        (Every(2), RiskManager()),
        (Every(3), RiskManager()),
        (SignalStrategy("up", quantity=1), RiskManager([TimeBasedExit(2)])),
        (SignalStrategy("up", quantity=1), RiskManager([after_two])),
    ]
    with multiprocessing.get_context(sys.argv[1]).Pool(2) as pool:
        done = pool.map(fills, jobs)
    print([n for n, _ in done], [vars(strategy) for _, strategy in done[:2]])
"""


@pytest.mark.slow
@pytest.mark.parametrize("way", ["fork", "spawn"])
def test_a_pool_runs_over_strategies_and_managers(way, tmp_path):
    if way not in multiprocessing.get_all_start_methods():
        pytest.skip(f"no {way} on {sys.platform}")
    tmp_path.joinpath("pool.py").write_text(SCRIPT, encoding="utf-8")
    done = run(tmp_path, "-W", "error", "pool.py", way)
    # Orders at bars 2, 4, ..., 18 fill at the next open, one at bar 20 does not; 3, 6, ..., 18 all do.
    # A signal at bars 0, 5, 10, 15 is an entry at the next, left two closes later at the open after them.
    expected = "[9, 6, 8, 8] [{'bars': 2, 'seen': 20}, {'bars': 3, 'seen': 20}]\n"
    assert (done.returncode, done.stderr, done.stdout) == (0, "", expected)
