"""Made-up rows in Parquet files, and runs over them chunk by chunk."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.markets import MINUTE, START, random_walk
from benchmarks.memory import peak_growth
from ml4t.backtest import BacktestEngine, BacktestResult, DataFeed, Strategy
from ml4t.backtest.data import ATR, Table

N_ASSETS = 1_000
ROWS_A_FILE = 1_000_000
MARK = 9.998e8
PLAIN_MEMORY = {"ARROW_DEFAULT_MEMORY_POOL": "system", "MALLOC_MMAP_THRESHOLD_": "131072"}
"""Environment in which memory that is let go returns to the system at once.

By default Arrow and the C library keep much of it, more or less as their threads happen to take turns.
"""

KEPT_MEMORY = {
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_MMAP_THRESHOLD_": str(1 << 30),
    "MALLOC_TRIM_THRESHOLD_": str(1 << 34),
    "MIMALLOC_PURGE_DELAY": "-1",
}
"""Environment in which the C library and Arrow keep memory that is let go.

What returns to the system a virtual machine gives back to its host, every few seconds; to touch it again
then takes up to forty times as long.
"""


class Marked(Strategy):
    """B7: one attribute and two comparisons a bar; few bars are marked, and hold for a few bars."""

    def __init__(self) -> None:
        super().__init__()
        self.bars_left = 0

    def on_market_data(self, event):
        if event.volume > MARK:
            self.buy(event.asset, 1.0)
            self.bars_left = 10
        elif self.bars_left:
            self.bars_left -= 1
            if self.bars_left == 0:
                self.close(event.asset)


class Rare(Strategy):
    """A position of one asset in one timestamp of a thousand."""

    def __init__(self) -> None:
        super().__init__()
        self.n_seen = 0

    def on_timestamp_batch(self, timestamp, events, context):
        self.n_seen += 1
        asset = events.assets[0]
        if self.n_seen % 1_000 == 1:
            self.buy(asset, 1.0)
        elif self.n_seen % 1_000 == 3:
            self.close(asset)


def write_minutes(path: Path, n_rows: int) -> None:
    """Write minute bars of one asset, a random walk with a marked bar in five thousand."""
    prices = random_walk(n_rows, 1, seed=7, volatility=1e-4)
    columns = {name: column.ravel() for name, column in prices._asdict().items()}
    volume = np.random.default_rng(7).integers(1, 10**9, n_rows).astype(np.float64)
    times = pa.array(START + MINUTE * np.arange(n_rows), pa.timestamp("ns", "UTC"))
    pq.write_table(pa.table({"timestamp": times, **columns, "volume": volume}), path)


def write_rows(folder: Path, n_rows: int, say: Callable[[str], None] = lambda text: None) -> None:
    """Write minute bars of a thousand assets, and what is to be joined to them, a million bars a file.

    Each asset has a signal for each of its bars, and the market a value a minute. Both tables have stamps
    of their own, half a minute before the bars'.
    """
    for name in ("prices", "signals", "context"):
        (folder / name).mkdir(parents=True)
    names = pa.array([f"A{code:03d}" for code in range(N_ASSETS)])
    n_times = ROWS_A_FILE // N_ASSETS
    codes = pa.array(np.tile(np.arange(N_ASSETS, dtype=np.int32), n_times))
    asset = pa.DictionaryArray.from_arrays(codes, names)
    for number in range(n_rows // ROWS_A_FILE):
        rng = np.random.default_rng(number)
        times = START + MINUTE * (number * n_times + np.arange(n_times))
        before = times - MINUTE // 2
        tables = {
            # Cents and thousandths: few values, so that 100 million rows fit on a disk.
            "prices": {
                "timestamp": _stamps(np.repeat(times, N_ASSETS)),
                "asset": asset,
                "close": rng.integers(9_000, 11_000, ROWS_A_FILE) / 100,
            },
            "signals": {
                "timestamp": _stamps(np.repeat(before, N_ASSETS)),
                "asset": asset,
                "score": rng.integers(0, 1_000, ROWS_A_FILE) / 1_000,
            },
            "context": {
                "timestamp": _stamps(before),
                "mood": rng.integers(0, 1_000, n_times) / 1_000,
            },
        }
        for name, columns in tables.items():
            pq.write_table(
                pa.table(columns),
                folder / name / f"{number:04d}.parquet",
                compression="zstd",
                row_group_size=ROWS_A_FILE // 4,
            )
        say(f"written {(number + 1) * ROWS_A_FILE:,} rows")


def _stamps(times: np.ndarray) -> pa.Array:
    return pa.array(times, pa.timestamp("ns", "UTC"))


def run_over(folder: Path, chunk: int) -> BacktestResult:
    """Run a strategy of few orders over the files of :func:`write_rows`, joined chunk by chunk.

    A signal is published half a minute after a bar, so that the first bars of a chunk see those of the
    last bars of the chunk before; the indicator goes on over every boundary too.
    """
    feed = DataFeed.from_parquet(
        folder / "prices",
        signals=Table(folder / "signals", available_after="1min"),
        features=ATR(14),
        context=folder / "context",
        chunk=chunk,
    )
    return BacktestEngine(feed, Rare()).run()


def peak_over(folder: Path, chunk: int) -> tuple[int, int]:
    """Return the bars of a run, and by how many bytes memory grew at its highest; for a fresh process."""
    result, growth = peak_growth(lambda: run_over(folder, chunk))
    trades = result.trades
    # The first bars know neither a signal nor an average range.
    known = trades[["entry_score", "entry_mood", "entry_atr_14"]].iloc[1:].notna()
    if len(trades) < 2 or not known.to_numpy().all():
        raise AssertionError("the run must trade, and what it trades on must be joined")
    return int(result.info["bars"]), growth
