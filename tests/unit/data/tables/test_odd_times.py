"""Times that no market has: near the ends of what nanoseconds hold, missing, of null types, in empty chunks.

Whatever they are, they are read or refused by this library, and never by one below it.
"""

import datetime
import warnings

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ml4t.backtest import Strategy, run_backtest
from ml4t.backtest.data import DataError, DataFeed, DataWarning, Table, validate, write_dataset

SEED, N_INPUTS = 20_240_105, 500
UNITS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
ZONES = (None, None, "UTC", "America/New_York", "Asia/Tokyo", "+05:30", "America/Sao_Paulo")
INT64 = np.iinfo(np.int64)
# Seconds: usual days, the epoch, where nanoseconds end (1677-09-21, 2262-04-11), and far beyond.
PLACES = (1_704_153_600, 1_704_153_600, 0, -9_223_372_036, 9_223_372_036, 9_190_000_000,
          -9_190_000_000, 253_402_300_799, -62_135_596_800)  # fmt: skip
OFFSETS = (["-05:00"], ["-05:00", "-04:00"], ["Z"], [""], ["", "Z"])
STEPS = (86_400, 86_400, 3_600, 1, 43_200, 604_800)


def random_times(rng, n):
    """Return n times as an Arrow array of some kind."""
    seconds = rng.choice(PLACES) + np.arange(n) * rng.choice(STEPS)
    if rng.random() < 0.2:
        seconds[rng.integers(n)] = rng.choice(PLACES)
    nulls = rng.random(n) < rng.choice([0.0, 0.0, 0.0, 0.3, 1.0])
    kind = rng.choice(
        ["timestamp", "timestamp", "date32", "date64", "text", "number", "objects", "null"]
    )
    if kind == "timestamp":
        unit = str(rng.choice(list(UNITS)))
        values = np.clip(seconds.astype(float) * UNITS[unit], INT64.min + 1, INT64.max - 1024)
        kind = pa.timestamp(unit, ZONES[rng.integers(len(ZONES))])
        return pa.array(values.astype(np.int64), mask=nulls).cast(kind)
    if kind == "date32":
        return pa.array((seconds // 86_400).astype(np.int32), mask=nulls).cast(pa.date32())
    if kind == "date64":
        return pa.array(seconds * 1000, mask=nulls).view(pa.date64())
    if kind == "null":
        return pa.nulls(n)
    if kind == "number":
        scale = int(rng.choice([1, 1000, 10**6]))
        numbers = np.clip(seconds.astype(float) * scale, -(2.0**62), 2.0**62)
        return pa.array(numbers if rng.random() < 0.5 else numbers.astype(np.int64), mask=nulls)
    offsets = OFFSETS[rng.integers(len(OFFSETS))]
    if kind == "text":
        texts = [f"{np.datetime64(int(s), 's')}{rng.choice(offsets)}" for s in seconds]
        return pa.array(texts, mask=nulls)
    first = datetime.datetime(2024, 1, 5, tzinfo=datetime.UTC if rng.random() < 0.5 else None)
    objects = [first + datetime.timedelta(seconds=int(s - seconds[0]) % 10**8) for s in seconds]
    if rng.random() < 0.3:
        objects[0] = objects[0].date()
    return pd.Series(
        [None if null else t for t, null in zip(objects, nulls, strict=True)], dtype=object
    )


def in_some_form(rng, times):
    """Return times as they are, as a dictionary, or in chunks of which one is empty."""
    if isinstance(times, pd.Series):
        return times
    form = rng.choice(["array", "array", "dictionary", "empty chunk", "slice"])
    if form == "dictionary" and not pa.types.is_null(times.type):
        return times.dictionary_encode("mask" if rng.random() < 0.5 else "encode")
    if form == "empty chunk":
        return pa.chunked_array([times[:0], times[:1], times[:0], times[1:], times[:0]])
    return pa.concat_arrays([times[:1], times])[1:] if form == "slice" else times


def random_table(rng, column, values):
    n = int(rng.choice([1, 2, 7, 7, 30]))
    columns = {"timestamp": in_some_form(rng, random_times(rng, n)), column: values(n)}
    if rng.random() < 0.2:
        columns["available_at"] = in_some_form(rng, random_times(rng, n))
    if not any(isinstance(values, pd.Series) for values in columns.values()):
        return pa.table(columns)
    return pd.DataFrame({name: to_pandas(values) for name, values in columns.items()})


def to_pandas(values):
    if not isinstance(values, pa.Array | pa.ChunkedArray):
        return values
    return values.to_pandas(types_mapper=pd.ArrowDtype)


def options(rng):
    chosen = {
        "bar_time": rng.choice([None, None, "16:00 America/New_York", "24:00 UTC", "09:00"]),
        "timezone": rng.choice([None, None, "America/New_York"]),
        "time_unit": rng.choice([None, "s", "ms"]),
        "stamps": rng.choice(["end", "end", "start"]),
    }
    return {name: value for name, value in chosen.items() if value is not None}


def described(rng, table):
    lag = rng.choice([None, None, "1d", "90min", "200000d"])
    length = rng.choice([None, None, "1h", "1d"])
    try:
        return Table(
            table,
            available_after=lag,
            stamps="end" if length is None else "start",
            bar_length=length,
        )
    except DataError:
        return table


class Buy(Strategy):
    def on_market_data(self, event):
        if not self.position(event.asset):
            self.buy(event.asset, 1.0)


def through_every_door(rng, folder):
    prices = random_table(rng, "close", lambda n: np.linspace(1.0, 2.0, n))
    signals = random_table(rng, "score", lambda n: np.arange(float(n)))
    given = options(rng)
    room = str(rng.choice(["signals", "features", "context"]))
    tables = {room: described(rng, signals)} if rng.random() < 0.7 else {}

    def run():
        result = run_backtest(prices, Buy(), **tables, **given)
        assert result.metrics["sessions"] >= 1
        result.summary()

    def feed():
        path = folder / "prices.parquet"
        table = prices
        try:
            if isinstance(prices, pd.DataFrame):
                table = pa.Table.from_pandas(prices)
            pq.write_table(table, path)
        except pa.ArrowException as error:
            raise DataError("no file can hold it") from error
        chunk = "day" if rng.random() < 0.5 else 3
        lengths = {"bar_length": "1d"} if given.get("stamps") == "start" else {}
        for part in DataFeed.from_parquet(path, chunk=chunk, **tables, **given, **lengths):
            assert part.n_rows > 0

    yield run
    yield lambda: validate(prices, **tables, **given)
    yield feed
    yield lambda: write_dataset({"prices": prices}, folder / "dataset", quiet=True)


def outcome(door):
    """Return whether a door read what it was given, and what it said if it did not."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        try:
            door()
        except DataError as error:
            return False, str(error)
        return True, ""


@pytest.mark.parametrize("part", range(5))
def test_odd_times_are_read_or_refused_by_this_library(part, tmp_path):
    n_read, refusals = 0, []
    for number in range(part * N_INPUTS // 5, (part + 1) * N_INPUTS // 5):
        folder = tmp_path / str(number)
        folder.mkdir()
        for door in through_every_door(np.random.default_rng([SEED, number]), folder):
            was_read, said = outcome(door)
            n_read += was_read
            refusals += [] if was_read else [said]
    assert n_read > 50
    assert len(refusals) > 50
    assert all(refusals)
