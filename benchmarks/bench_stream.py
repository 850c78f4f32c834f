"""B7: ``python -m benchmarks.bench_stream``. A run from files against the longer of its two halves.

The halves are reading and joining every chunk without a run, and the run from memory: where the next
chunk is read while this one runs, the whole takes little more than the longer of them.
"""

from __future__ import annotations

import tempfile
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from benchmarks.machine import description, require_release
from benchmarks.streams import Marked, write_minutes
from ml4t.backtest import BacktestEngine, DataFeed, MarketData

N_ROWS = 5_000_000
CHUNK = 500_000
BOUND = 1.2
N_ROUNDS = 31


def seconds_of(run: Callable[[], object]) -> float:
    """Return how long a call takes."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def measure(path: Path, n_rounds: int) -> np.ndarray:
    """Time reading, running and both, in turn.

    Returns
    -------
    float64 array, shape (n_rounds, 3), seconds
    """
    data = MarketData.from_tables(path)

    def read() -> None:
        deque(DataFeed.from_parquet(path, chunk=CHUNK, prefetch=False), maxlen=0)

    def run() -> None:
        outcomes.append(BacktestEngine(data, Marked()).run())

    def both() -> None:
        outcomes.append(BacktestEngine(DataFeed.from_parquet(path, chunk=CHUNK), Marked()).run())

    rounds = []
    for _ in range(n_rounds):
        outcomes: list = []
        rounds.append([seconds_of(part) for part in (read, run, both)])
        check(*outcomes)
    return np.array(rounds)


def check(whole, parts) -> None:
    """The run in chunks is the run in one."""
    same = whole.trades.equals(parts.trades) and whole.equity.equals(parts.equity)
    if not same or len(whole.trades) == 0:
        raise AssertionError("the run from files must be the run from memory")


def ratio(rounds: np.ndarray) -> float:
    """Return the median of both over the longer half."""
    return float(np.median(rounds[:, 2] / rounds[:, :2].max(axis=1)))


def main(
    rounds: Annotated[int, typer.Option(help="Rounds of the three.", min=1)] = N_ROUNDS,
) -> None:
    """Measure B7; exit with status 1 where its bound is broken."""
    require_release()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "minutes.parquet"
        write_minutes(path, N_ROWS)
        times = measure(path, rounds)
    figure = ratio(times)
    table = Table("", "reading", "run", "both", "figure", "bound", "", title=description())
    medians = (f"{1e9 * seconds / N_ROWS:.0f} ns/bar" for seconds in np.median(times, axis=0))
    word = "[green]ok[/]" if figure <= BOUND else "[bold red]BREACH[/]"
    table.add_row("B7", *medians, f"{figure:.2f}x", f"{BOUND:g}x", word)
    Console().print(table)
    raise typer.Exit(0 if figure <= BOUND else 1)


if __name__ == "__main__":
    typer.run(main)
