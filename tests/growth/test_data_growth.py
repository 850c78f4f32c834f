"""Tables: what reading them costs goes with their rows, columns, assets, files and chunks."""

from collections import Counter

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from growth.harness import assert_linear

from ml4t.backtest.data import (
    ATR,
    EWMA,
    CallableFeatureProvider,
    DataFeed,
    PrecomputedFeatureProvider,
    market_data,
    validate,
    write_dataset,
)
from ml4t.backtest.data.stream import table_source
from ml4t.backtest.data.stream.array_pool import ArrayPool
from ml4t.backtest.data.stream.table_source import TableSource


def names(n, letter="A"):
    return [f"{letter}{i:06d}" for i in range(n)]


def long(n_times, n_assets=2, n_columns=0, freq="min"):
    """A long table: a row for each time and asset, a close, and further columns."""
    times = pd.date_range("2000-01-03", periods=n_times, freq=freq, tz="UTC")
    random = np.random.default_rng(0)
    rows = n_times * n_assets
    columns = {name: random.random(rows) for name in names(n_columns, "x")}
    return pd.DataFrame(
        {
            "timestamp": np.repeat(times, n_assets),
            "asset": np.tile(names(n_assets), n_times),
            "close": 100.0 + random.random(rows),
            **columns,
        }
    )


def values(table, **renamed):
    """The same rows as values that ride with prices."""
    return table.drop(columns="close") if not renamed else table.rename(columns=renamed)


def wide(n_assets, n_times=20):
    return long(n_times, n_assets).pivot_table("close", "timestamp", "asset")


# --- columns and assets of a table in one piece ------------------------------------------------


def wide_prices(n):
    table = wide(n)
    return lambda: market_data(table)


def prices_of_two_levels(n):
    closes = wide(n)
    table = pd.concat(dict.fromkeys(("open", "high", "low", "close"), closes), axis=1)
    return lambda: market_data(table)


def columns_of_prices(n):
    table = long(10, 2, n)
    return lambda: market_data(table)


def columns_of_prices_as_signals(n):
    table = long(10, 2, n)
    return lambda: market_data(table, signals=names(n, "x"))


def columns_of_signals(n):
    prices, table = long(10), values(long(10, 2, n))
    return lambda: market_data(prices, signals=table)


def wide_signals(n):
    table = wide(n)
    return lambda: market_data(table, signals=table)


def columns_of_context(n):
    prices, table = long(10), values(long(10, 1, n)).drop(columns="asset")
    return lambda: market_data(prices, context=table)


def columns_of_a_provider(n):
    prices, provider = long(10), PrecomputedFeatureProvider(values(long(10, 2, n)))
    return lambda: market_data(prices, features=provider)


def names_of_an_asked_provider(n):
    prices, answer = long(10), dict.fromkeys(names(n), 1.0)
    return lambda: market_data(prices, features=CallableFeatureProvider(lambda *_: answer))


def columns_validated(n):
    table = long(30, 2, n)
    return lambda: validate(table)


def indicators(n):
    prices = long(100)
    return lambda: market_data(prices, features=[EWMA(period + 1) for period in range(n)])


def tables_of_features(n):
    prices = long(10)
    tables = {name: values(prices, close=name) for name in names(n, "x")}
    return lambda: market_data(prices, features=tables)


def tables_of_assets(n):
    table = long(10, 1).drop(columns="asset")
    return lambda: market_data(dict.fromkeys(names(n), table))


def assets_in_an_order(n):
    table, order = long(5, n), names(n)[::-1]
    return lambda: market_data(table, assets=order)


def assets_of_signals(n):
    prices, table = long(5, n), values(long(5, n), close="x")
    return lambda: market_data(prices, signals=table)


def assets_of_a_provider(n):
    prices, table = long(5, n), values(long(5, n), close="x")
    return lambda: market_data(prices, features=PrecomputedFeatureProvider(table))


def assets_validated(n):
    table = long(30, n)
    return lambda: validate(table)


# --- rows --------------------------------------------------------------------------------------


def rows_joined(n):
    prices, table = long(n), values(long(n), close="x")
    return lambda: market_data(prices, signals=table, features=[ATR(14)])


def rows_joined_onto_bars(n):
    bars, table = market_data(long(n)), values(long(n), close="x")
    return lambda: bars.with_signals(table).with_features(ATR(14))


def rows_out_of_order(n):
    prices = long(n).sort_values("asset", kind="stable")
    return lambda: market_data(prices)


def rows_validated(n):
    prices, table = long(n), values(long(n), close="x")
    return lambda: validate(prices, signals=table)


def splits(n):
    prices = long(n + 1, 1, freq="D")
    actions = pd.DataFrame({"date": prices["timestamp"][1:], "kind": "split", "value": 1.0})
    return lambda: market_data(prices, actions=actions, features=[ATR(14)])


@pytest.mark.parametrize(
    ("prepare", "n", "unit"),
    [
        (wide_prices, 500, "assets side by side"),
        (prices_of_two_levels, 200, "assets beside each field"),
        (columns_of_prices, 500, "columns of prices"),
        (columns_of_prices_as_signals, 500, "columns of prices named as signals"),
        (columns_of_signals, 500, "columns of signals"),
        (wide_signals, 300, "assets side by side, in signals too"),
        (columns_of_context, 500, "columns of context"),
        (columns_of_a_provider, 1_000, "columns of a provider"),
        (names_of_an_asked_provider, 1_000, "names in each answer of a provider"),
        (columns_validated, 100, "columns that are validated"),
        (indicators, 200, "indicators"),
        (tables_of_features, 50, "tables of features"),
        (tables_of_assets, 100, "tables of one asset each"),
        (assets_in_an_order, 1_000, "assets whose order is given"),
        (assets_of_signals, 1_000, "assets of prices and signals"),
        (assets_of_a_provider, 500, "assets of prices and a provider"),
        (assets_validated, 500, "assets that are validated"),
        (rows_joined, 8_000, "rows an asset"),
        (rows_joined_onto_bars, 16_000, "rows an asset, onto bars that are ready"),
        (rows_out_of_order, 8_000, "rows an asset, asset by asset"),
        (rows_validated, 8_000, "rows an asset that are validated"),
        (splits, 16_000, "splits of one asset"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_table_in_one_piece(prepare, n, unit):
    assert_linear(prepare, n, unit)


# --- files and chunks --------------------------------------------------------------------------


def in_months(folder, table):
    """One file a month, rows as they stand in the table."""
    folder.mkdir(parents=True)
    for month, rows in table.groupby(table["timestamp"].dt.strftime("%Y-%m")):
        pq.write_table(
            pa.Table.from_pandas(rows, preserve_index=False), folder / f"{month}.parquet"
        )


def days_of_months(n, n_assets=3, n_columns=0):
    return long(30 * n, n_assets, n_columns, freq="D")


def read_all(*args, **options):
    for _ in DataFeed.from_parquet(*args, **options, prefetch=False):
        pass


def months_of_signals(tmp_path):
    def prepare(n):
        folder = tmp_path / str(n)
        if not folder.exists():
            in_months(folder / "prices", days_of_months(n))
            in_months(folder / "signals", values(days_of_months(n), close="x"))
        return lambda: read_all(folder / "prices", signals=folder / "signals")

    return prepare


def days_of_signals(tmp_path):
    in_months_of_n = months_of_signals(tmp_path)

    def prepare(n):
        in_months_of_n(n)
        folder = tmp_path / str(n)
        return lambda: read_all(folder / "prices", signals=folder / "signals", chunk="day")

    return prepare


def months_of_context(tmp_path):
    def prepare(n):
        folder = tmp_path / str(n)
        if not folder.exists():
            in_months(folder / "prices", days_of_months(n))
            table = values(days_of_months(n, 1), close="x").drop(columns="asset")
            in_months(folder / "context", table)
        return lambda: read_all(folder / "prices", context=folder / "context")

    return prepare


def months_beside_a_table_in_memory(tmp_path):
    def prepare(n):
        folder = tmp_path / str(n)
        table = values(days_of_months(n, 100), close="x").sort_values("asset", kind="stable")
        if not folder.exists():
            in_months(folder / "prices", days_of_months(n, 100))
        return lambda: read_all(folder / "prices", signals=table)

    return prepare


def columns_of_a_feed(tmp_path):
    def prepare(n):
        folder = tmp_path / str(n)
        if not folder.exists():
            in_months(folder, days_of_months(3, 2, n))
        return lambda: read_all(folder)

    return prepare


def files_of_an_asset(suffix):
    def make(tmp_path):
        def prepare(n):
            folder = tmp_path / str(n)
            if not folder.exists():
                folder.mkdir()
                rows = long(10, 1).drop(columns="asset")
                for name in names(n):
                    path = folder / f"{name}.{suffix}"
                    rows.to_csv(path) if suffix == "csv" else rows.to_parquet(path)
            return lambda: market_data(folder)

        return prepare

    return make


def files_of_a_feed(tmp_path):
    made = files_of_an_asset("parquet")(tmp_path)

    def prepare(n):
        made(n)
        return lambda: read_all(tmp_path / str(n), chunk="year")

    return prepare


def months_written(tmp_path):
    def prepare(n):
        table, folder = (
            days_of_months(n),
            tmp_path / f"{n}-{np.random.default_rng().integers(1e18)}",
        )
        return lambda: write_dataset({"prices": table}, folder, by="month", quiet=True)

    return prepare


@pytest.mark.parametrize(
    ("make", "n", "unit"),
    [
        (months_of_signals, 20, "months, a file of signals each"),
        (days_of_signals, 4, "months read day by day"),
        (months_of_context, 20, "months, a file of context each"),
        (months_beside_a_table_in_memory, 20, "months beside a table in memory"),
        (columns_of_a_feed, 200, "columns of a feed"),
        (files_of_an_asset("csv"), 50, "CSV files of an asset each"),
        (files_of_an_asset("parquet"), 50, "Parquet files of an asset each"),
        (files_of_a_feed, 50, "files of an asset each, read in chunks"),
        (months_written, 20, "months written"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_feed(tmp_path, make, n, unit):
    assert_linear(make(tmp_path), n, unit)


def test_a_pass_opens_each_file_in_order_of_time_once(tmp_path, monkeypatch):
    months_of_signals(tmp_path)(12)
    feed = DataFeed.from_parquet(
        tmp_path / "12" / "prices", signals=tmp_path / "12" / "signals", prefetch=False
    )
    opened = Counter()
    batches_of = TableSource._batches_of

    def counted(source, fragment, *args):
        opened[source.name, fragment.path] += 1
        return batches_of(source, fragment, *args)

    monkeypatch.setattr(TableSource, "_batches_of", counted)
    monkeypatch.setattr(TableSource, "read", None)  # nothing is looked for a second time
    assert sum(1 for _ in feed) == 12
    assert len(opened) == 24
    assert set(opened.values()) == {1}


def test_of_files_out_of_order_only_those_of_a_chunk_are_opened(tmp_path, monkeypatch):
    # Asset by asset within each month: a chunk is gathered from wherever its rows are.
    table = days_of_months(12).sort_values("asset", kind="stable")
    in_months(tmp_path / "prices", table)
    in_months(tmp_path / "signals", values(table, close="x"))
    feed = DataFeed.from_parquet(tmp_path / "prices", signals=tmp_path / "signals", prefetch=False)
    opened = Counter()
    with_files = table_source.with_files

    def counted(dataset, files):
        opened.update(file.path for file in files)
        return with_files(dataset, files)

    monkeypatch.setattr(table_source, "with_files", counted)
    assert sum(1 for _ in feed) == 12
    assert len(opened) == 24
    # A file of prices by its own chunk; one of signals by those of the months beside it too, as its
    # times may be up to two days from the instants they mean.
    assert max(opened.values()) <= 3


def test_a_pool_does_not_look_at_all_arrays_for_each_new_one():
    def prepare(n):
        def give():
            pool = ArrayPool()
            for _ in range(3):
                held = [pool.empty(10) for _ in range(n)]
                del held

        return give

    assert_linear(prepare, 2_000, "arrays of a pool")
