"""Tables with a few odd cells, or a column of an odd type, run over and measured."""

import datetime
import random
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from mutated.tables import price_table, signal_table
from pyarrow import parquet

from ml4t.backtest import BacktestResult, DataFeed, Strategy, run_backtest

CELLS = {
    "timestamp": (
        None, pd.NaT, "", "soon", "2024-03-05", 0, -1, 1e18, float("nan"), b"2024",
        pd.Timestamp("1677-09-22", tz="UTC"), pd.Timestamp("2262-04-11", tz="UTC"),
        pd.Timestamp("2024-03-05"), datetime.date(2024, 3, 5), datetime.time(16), "2024-03-05T24:00Z",
        pd.Timestamp("2024-03-05", tz="Asia/Tokyo"), datetime.datetime(1, 1, 1), pd.Period("2024-03"),
    ),
    "asset": (None, "", " ", 1, 1.5, float("nan"), b"AAA", True, "NA", "é", "A" * 1000, ("A", "B")),
    "number": (
        None, "", "x", "1,5", "100.0", 0.0, -0.0, -1.0, 1e-300, 1e300, float("nan"), float("inf"),
        -float("inf"), True, 10**25, Decimal("1e500"), Decimal("101.5"), 1j, b"1", [1.0], {}, pd.NaT,
        np.float16(101.0), object(),
    ),
}  # fmt: skip
TYPES = (
    pa.null(), pa.bool_(), pa.int8(), pa.uint64(), pa.float16(), pa.float32(), pa.string(),
    pa.large_string(), pa.binary(), pa.date32(), pa.date64(), pa.time64("ns"), pa.duration("s"),
    pa.timestamp("s"), pa.timestamp("ms", "Asia/Tokyo"), pa.timestamp("ns"), pa.decimal128(38, 9),
    pa.list_(pa.float64()), pa.struct({"a": pa.int64()}), pa.dictionary(pa.int8(), pa.string()),
    pa.dictionary(pa.int32(), pa.timestamp("ns")),
)  # fmt: skip


OPTIONS = (
    {},
    {},
    {"bar_time": "16:00 America/New_York"},
    {"timezone": "Asia/Tokyo"},
    {"sort": True},
)
DAY = 86_400_000_000_000
LOWEST = -(2**63) + 1
PER_UNIT = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}


class Trades(Strategy):
    """Buys what has risen, sells what has fallen."""

    def on_market_data(self, event):
        if event.close > event.open or not self.position(event.asset):
            self.buy(event.asset, 1)
        else:
            self.close(event.asset)


class Values:
    """Runs over prices and signals of which one has something odd in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.tables = {"prices": price_table(), "signals": signal_table()}

    def attempt(self, draw: random.Random) -> None:
        name = draw.choice(["prices", "prices", "signals"])
        hurt = draw.choice([_odd_cells, _odd_times, _odd_type, _odd_shape])(self.tables[name], draw)
        if hurt is None:
            return
        given = {**self.tables, name: hurt}
        if draw.random() < 0.3 and all(isinstance(table, pa.Table) for table in given.values()):
            result = self._over_chunks(given, draw)
        else:
            options: dict[str, Any] = draw.choice(OPTIONS)
            given["signals"] = draw.choice([given["signals"], None])
            result = run_backtest(given["prices"], Trades(), signals=given["signals"], **options)
        assert result.metrics["timestamps"] == len(result.equity)
        assert result.summary()

    def _over_chunks(self, given: dict[str, pa.Table], draw: random.Random) -> BacktestResult:
        paths = {name: self.folder / f"{name}.parquet" for name in given}
        for name, table in given.items():
            try:
                parquet.write_table(table, paths[name], row_group_size=draw.choice([3, 100]))
            except (pa.ArrowException, ValueError):  # what Parquet has no type for
                parquet.write_table(self.tables[name], paths[name])
        chunk = draw.choice([3, "day", "year"])
        feed = DataFeed.from_parquet(paths["prices"], signals=paths["signals"], chunk=chunk)
        return run_backtest(feed, Trades())


def _odd_cells(table: pa.Table, draw: random.Random) -> Any:
    """Return a pandas frame with one to three odd cells."""
    frame = table.to_pandas()
    for _ in range(draw.choice((1, 1, 2, 3))):
        column = draw.choice(list(frame.columns))
        odd = CELLS.get(column, CELLS["number"])
        values = frame[column].astype(object).to_numpy(copy=True)
        values[draw.randrange(len(values))] = draw.choice(odd)
        frame[column] = pd.Series(values, dtype=object)
    return frame.set_index("timestamp") if draw.random() < 0.2 else frame


def _odd_times(table: pa.Table, draw: random.Random) -> Any:
    """Return an Arrow table whose times lie elsewhere, all or some of them, or are not there."""
    unit = draw.choice(["s", "ms", "us", "ns"])
    zone = draw.choice(["UTC", None, "America/New_York", "+05:30", "Pacific/Apia"])
    times = table.column("timestamp").cast(pa.int64()).to_numpy().copy()
    moved = times[: draw.choice([1, len(times)])] if draw.random() < 0.7 else times[-1:]
    moved[:] = draw.choice((LOWEST, -LOWEST, LOWEST + DAY, -LOWEST - DAY, 0, -1)) + moved % (
        9 * DAY
    )
    missing = np.zeros(len(times), bool)
    missing[draw.randrange(len(times))] = draw.random() < 0.2
    in_unit = times // PER_UNIT[unit]
    column = pa.array(in_unit, pa.int64(), mask=missing).cast(pa.timestamp(unit, zone))
    if draw.random() < 0.2:
        column = column.dictionary_encode()
    return table.set_column(0, "timestamp", column)


def _odd_type(table: pa.Table, draw: random.Random) -> Any:
    """Return an Arrow table with a column of another type, null where its values have none of it."""
    place = draw.randrange(table.num_columns)
    name, kind = table.column_names[place], draw.choice(TYPES)
    try:
        column = table.column(place).cast(kind)
    except (pa.ArrowException, ValueError, TypeError):
        column = pa.nulls(table.num_rows, kind)
    return table.set_column(place, name, column)


def _odd_shape(table: pa.Table, draw: random.Random) -> Any:
    """Return a table cut, doubled, in many chunks, renamed, without a column, or in other hands."""
    column = draw.choice(table.column_names)
    others = [name for name in table.column_names if name != column]
    shapes = (
        lambda: table.slice(0, 0),
        lambda: table.slice(3, 1),
        lambda: pa.concat_tables([table, table]),
        lambda: pa.concat_tables([table.slice(0, 0), table.slice(0, 3), table.slice(3), table.slice(0, 0)]),
        lambda: pa.Table.from_batches([], table.schema),
        lambda: table.select(others),
        lambda: table.rename_columns([draw.choice(["close", "", "asset", "x"]) if n == column else n for n in table.column_names]),
        lambda: table.append_column("more", pa.array([draw.choice(["a", None])] * table.num_rows)),
        lambda: table.take(pa.array(np.random.default_rng(draw.randrange(99)).permutation(table.num_rows))),
        lambda: table.to_pandas().set_index(["timestamp", "asset"]),
        lambda: table.to_pandas().pivot_table(index="timestamp", columns="asset"),
        lambda: table.to_pandas().pivot_table(others[-1], "timestamp", "asset", aggfunc="first"),
        lambda: dict(iter(table.to_pandas().groupby("asset"))),
        lambda: {},
        lambda: table.to_pandas()[column],
        lambda: pd.DataFrame(),
        lambda: draw.choice([None, 5, "x", b"x", [], object(), "prices.csv", Path("/")]),
    )  # fmt: skip
    return draw.choice(shapes)()
