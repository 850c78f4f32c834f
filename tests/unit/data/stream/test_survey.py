"""What the metadata of files tell, and when they are not enough."""

import itertools
import tracemalloc
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ml4t.backtest import MarketData
from ml4t.backtest.data import DataError, DataFeed
from ml4t.backtest.data.errors import DAY_NS
from ml4t.backtest.data.stream.chunk_ends import _times_of_day, row_counts

N = 1_000


def write(folder, times, closes=None, name="prices.parquet", rows=128):
    closes = np.linspace(10.0, 20.0, len(times)) if closes is None else closes
    pq.write_table(
        pa.table({"timestamp": times, "close": closes}), folder / name, row_group_size=rows
    )
    return folder / name


def minutes(n=N, zone="UTC", start="2024-03-04 14:30", unit="ns"):
    return pa.array(
        pd.date_range(start, periods=n, freq="min").as_unit(unit), pa.timestamp(unit, zone)
    )


def rows_of(feed):
    """Times and closes of all chunks, without what they carry over."""
    chunks = list(feed)
    times = [chunk.timestamps[chunk.first_t :] for chunk in chunks]
    closes = [chunk.close[chunk.n_carried :] for chunk in chunks]
    return np.concatenate(times), np.concatenate(closes)


@pytest.mark.parametrize("n_rows", [1, 7, 8, 100, 1_001])
@pytest.mark.parametrize("chunk", [1, 3, 8, 100, 5_000])
def test_chunks_grow_to_their_size(n_rows, chunk):
    counts = row_counts(n_rows, chunk)
    assert sum(counts) == n_rows
    assert max(counts) <= chunk
    assert min(counts) > 0
    full = counts[:-1]  # the last one is what is left
    assert all(b == min(a + max(a // 2, 1), chunk) for a, b in itertools.pairwise(full))


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", None])
@pytest.mark.parametrize("unit", ["ns", "us", "ms"])
@pytest.mark.parametrize("chunk", [64, 300, "day", "month"])
def test_one_asset_in_order_is_read_as_the_table(tmp_path, zone, unit, chunk):
    path = write(tmp_path, minutes(3_000, zone, unit=unit))
    feed = DataFeed.from_parquet(path, chunk=chunk)
    whole = MarketData.from_tables(path)
    times, closes = rows_of(feed)
    np.testing.assert_array_equal(times, whole.timestamps)
    np.testing.assert_array_equal(closes, whole.close)
    assert (feed.n_rows, feed.n_times) == (3_000, 3_000)
    assert feed.n_chunks in (None, len(list(feed)))


def test_a_weekend_is_no_chunk(tmp_path):
    friday, monday = minutes(60, start="2024-03-08 20:00"), minutes(60, start="2024-03-11 13:30")
    path = write(tmp_path, pa.chunked_array([friday, monday]).combine_chunks())
    feed = DataFeed.from_parquet(path, chunk="day")
    assert [chunk.n_rows - chunk.n_carried for chunk in feed] == [60, 60]


@pytest.mark.parametrize("chunk", [50, 64, 100, 128, 1_000, "day"])
@pytest.mark.parametrize("at", [5, 63, 64, 127, 128, 500, 999])
def test_a_row_out_of_order_is_found_wherever_chunks_are_cut(tmp_path, chunk, at):
    times = minutes().to_numpy(zero_copy_only=False).copy()
    times[[at - 1, at]] = times[[at, at - 1]]
    path = write(tmp_path, pa.array(times).cast(pa.timestamp("ns", "UTC")))
    with pytest.raises(DataError, match="times run backwards within an asset"):
        list(DataFeed.from_parquet(path, chunk=chunk))
    times, _ = rows_of(DataFeed.from_parquet(path, chunk=chunk, sort=True))
    assert (np.diff(times) > 0).all()


@pytest.mark.parametrize("chunk", [50, 64, 128, 1_000, "day"])
@pytest.mark.parametrize("at", [5, 62, 63, 64, 128, 999])
def test_a_repeated_row_is_found_wherever_chunks_are_cut(tmp_path, chunk, at):
    times = minutes().to_numpy(zero_copy_only=False).copy()
    times[at] = times[at - 1]
    path = write(tmp_path, pa.array(times).cast(pa.timestamp("ns", "UTC")))
    with pytest.raises(DataError, match=r"\(timestamp, asset\) must be unique, is repeated"):
        list(DataFeed.from_parquet(path, chunk=chunk))


def test_files_in_another_order_are_put_in_order(tmp_path):
    folder = tmp_path / "prices"
    folder.mkdir()
    write(folder, minutes(100, start="2024-03-05 14:30"), np.full(100, 2.0), "a.parquet")
    write(folder, minutes(100, start="2024-03-04 14:30"), np.full(100, 1.0), "b.parquet")
    times, closes = rows_of(DataFeed.from_parquet(folder, chunk=30))
    assert (np.diff(times) > 0).all()
    np.testing.assert_array_equal(closes, [1.0] * 100 + [2.0] * 100)


@pytest.mark.parametrize("statistics", [True, False])
def test_dates_and_files_without_statistics(tmp_path, statistics):
    days = pa.array(pd.bdate_range("2024-01-01", periods=300).date)
    pq.write_table(
        pa.table({"date": days, "close": np.linspace(1.0, 2.0, 300)}),
        tmp_path / "p.parquet",
        write_statistics=statistics,
    )
    times, closes = rows_of(DataFeed.from_parquet(tmp_path / "p.parquet", chunk=40))
    whole = MarketData.from_tables(tmp_path / "p.parquet")
    np.testing.assert_array_equal(times, whole.timestamps)
    np.testing.assert_array_equal(closes, whole.close)


def test_a_missing_time_is_refused_at_once(tmp_path):
    times = minutes(10).to_pylist()
    times[4] = None
    path = write(tmp_path, pa.array(times, pa.timestamp("ns", "UTC")))
    with pytest.raises(DataError, match="has no time in 1 row"):
        DataFeed.from_parquet(path)


def day_in_batches(times, n_rows):
    """A source of one day, read so many rows at a time."""

    def batches(columns, after, until):
        assert (columns, after, until) == (["time"], 3 * DAY_NS - 1, 4 * DAY_NS - 1)
        for first in range(0, len(times), n_rows):
            part = pa.array(times[first : first + n_rows], pa.timestamp("ns"))
            yield pa.record_batch({"time": part})

    return SimpleNamespace(time="time", batches=batches)


@pytest.mark.parametrize("n_distinct", [1, 7, 900, 100_000])
@pytest.mark.parametrize("in_order", [True, False])
@pytest.mark.parametrize("n_rows", [1, 10, 64, 10_000])
def test_the_times_of_a_day_are_counted_in_batches(n_distinct, in_order, n_rows):
    times = 3 * DAY_NS + np.random.default_rng(1).integers(0, n_distinct, 1_000) * 1_000
    times = np.sort(times) if in_order else times
    found, counts = _times_of_day(day_in_batches(times, n_rows), 3)
    expected, n_each = np.unique(times, return_counts=True)
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(counts, n_each)


def test_the_times_of_a_day_need_memory_for_a_batch_and_not_for_the_day():
    times = 3 * DAY_NS + np.repeat(np.arange(500), 1_000)
    source = day_in_batches(times, 1_000)
    tracemalloc.start()
    _, counts = _times_of_day(source, 3)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (len(counts), counts.sum()) == (500, len(times))
    assert peak < times.nbytes / 10
