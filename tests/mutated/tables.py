"""Files of tables that had an accident, read as the prices and the signals of a run."""

import io
import random
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from mutated.mutation import mutated
from pyarrow import csv, parquet

from ml4t.backtest import MarketData

TIMES = pd.date_range("2024-03-04 21:00", periods=8, freq="D", tz="UTC")
CLOSES = np.array([100.0, 101.0, 102.0, 103.0, 104.0, 90.0, 91.0, 95.0])


def price_table() -> pa.Table:
    """Bars of two assets."""
    close = np.concatenate([CLOSES, CLOSES / 2.0])
    return pa.table(
        {
            "timestamp": pa.array([*TIMES, *TIMES], pa.timestamp("ns", "UTC")),
            "asset": ["AAA"] * 8 + ["BBB"] * 8,
            "open": close,
            "high": close + 1.0,
            "low": close - 1.0,
            "close": close,
            "volume": np.arange(16.0),
        }
    )


def signal_table() -> pa.Table:
    """A value a day, each an hour before the bar that sees it."""
    before = TIMES - pd.Timedelta(hours=1)
    return pa.table(
        {
            "timestamp": pa.array(before, pa.timestamp("ns", "UTC")),
            "asset": ["AAA"] * 8,
            "score": np.linspace(-1.0, 1.0, 8),
        }
    )


def as_csv(table: pa.Table) -> bytes:
    written = io.BytesIO()
    csv.write_csv(table, written)
    return written.getvalue()


def as_parquet(table: pa.Table) -> bytes:
    written = io.BytesIO()
    parquet.write_table(table, written)
    return written.getvalue()


def as_ipc(table: pa.Table) -> bytes:
    written = io.BytesIO()
    with pa.ipc.new_stream(written, table.schema) as stream:
        stream.write_table(table)
    return written.getvalue()


WRITERS = {"csv": as_csv, "parquet": as_parquet, "ipc": as_ipc}


class Tables:
    """Reads tables of which one had an accident."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        tables = {"prices": price_table(), "signals": signal_table()}
        self.written = {
            (name, suffix): write(table)
            for name, table in tables.items()
            for suffix, write in WRITERS.items()
        }

    def attempt(self, draw: random.Random) -> None:
        hurt, suffix = draw.choice(["prices", "prices", "signals"]), draw.choice([*WRITERS])
        given = {}
        for name in ("prices", "signals"):
            data = self.written[name, suffix]
            given[name] = self._table(name, suffix, mutated(data, draw) if name == hurt else data)
        if None not in given.values():
            MarketData.from_tables(**given)

    def _table(self, name: str, suffix: str, data: bytes) -> Any:
        """Return what a user would hand over; None where Arrow itself has refused the bytes."""
        if suffix == "ipc":
            try:
                table = pa.ipc.open_stream(data).read_all()
                table.validate(full=True)
            except (pa.ArrowException, OSError, ValueError, MemoryError):
                return None
            return table
        path = self.folder / f"{name}.{suffix}"
        path.write_bytes(data)
        return path
