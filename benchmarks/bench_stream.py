"""B7: a run from files against the longer of its two halves.

The halves are reading and joining every chunk without a run, and the run from memory: where the next
chunk is read while this one runs, the whole takes little more than the longer of them.
"""

from __future__ import annotations

import gc
import hashlib
import math
import tempfile
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np

from benchmarks.harness import garbage_collection_off
from benchmarks.streams import Marked, write_minutes
from ml4t.backtest import BacktestEngine, BacktestResult, DataFeed, MarketData

N_ROWS = 5_000_000
CHUNK = 500_000
BOUND = 1.2

T = TypeVar("T")


def timed(call: Callable[[], T]) -> tuple[float, T]:
    """Return how long a call takes, and what it returns.

    Time on the clock, as no other benchmark has it: what is done at the same time on two cores is what
    this one is about.
    """
    gc.collect()
    start = time.perf_counter()
    outcome = call()
    return time.perf_counter() - start, outcome


def measure_stream(n_rounds: int, n_rows: int = N_ROWS, chunk: int = CHUNK) -> np.ndarray:
    """Time reading, running and both, in turn.

    Returns
    -------
    float64 array, shape (n_rounds, 3), seconds
        Of running and of both, geometric means of two each, in the order a b b a: what changes steadily
        within a round cancels in their ratio.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "minutes.parquet"
        write_minutes(path, n_rows)
        data = MarketData.from_tables(path)
        with garbage_collection_off():
            rounds = [_round(path, data, chunk) for _ in range(n_rounds + 1)]
    return np.array(rounds[1:])  # the first one warms up


def _round(path: Path, data: MarketData, chunk: int) -> list[float]:
    def read() -> None:
        deque(DataFeed.from_parquet(path, chunk=chunk, prefetch=False), maxlen=0)

    def run() -> BacktestResult:
        return BacktestEngine(data, Marked()).run()

    def both() -> BacktestResult:
        return BacktestEngine(DataFeed.from_parquet(path, chunk=chunk), Marked()).run()

    reading, _ = timed(read)
    # The first touch of memory that a virtual machine has taken back costs more than the run: the
    # larger of the two goes first, untimed.
    both()
    seconds, digests = [], set()
    for call in (run, both, both, run):
        elapsed, result = timed(call)
        seconds.append(elapsed)
        digests.add(digest(result))
        del result
    if len(digests) > 1:
        raise AssertionError("the run from files must be the run from memory")
    return [reading, math.sqrt(seconds[0] * seconds[3]), math.sqrt(seconds[1] * seconds[2])]


def digest(result: BacktestResult) -> str:
    """Return a hash over the curve and the trades of a run that must have some."""
    if len(result.trades) == 0:
        raise AssertionError("the run must trade")
    return hashlib.sha256(
        result.equity["equity"].to_numpy().tobytes() + result.trades.to_csv().encode()
    ).hexdigest()
