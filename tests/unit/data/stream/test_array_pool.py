"""Memory is taken up again only when nobody can see it any more."""

import itertools

import numpy as np
import pyarrow as pa
import pytest

from ml4t.backtest.data.stream.array_pool import ArrayPool
from ml4t.backtest.data.stream.chunk_columns import ChunkColumns
from ml4t.backtest.data.tables.arrow import single, to_float64
from ml4t.backtest.data.tables.raw_columns import RawColumn
from ml4t.backtest.data.tables.stamps import read_stamps


def place(array):
    return array.ctypes.data


def test_memory_nobody_holds_is_given_again():
    memory = ArrayPool()
    first = memory.empty(1_000)
    where = place(first)
    del first
    assert place(memory.empty(950)) == where


@pytest.mark.parametrize(
    "hold",
    [
        lambda array: array,
        lambda array: array[10:20],
        lambda array: array.view(np.int64)[::2],
        lambda array: memoryview(array),
        lambda array: pa.array(array),
        lambda array: pa.array(array).slice(3, 4).to_numpy(),
        lambda array: {"deep": [array.reshape(10, 100).T]},
    ],
    ids=["itself", "slice", "view", "buffer", "arrow", "arrow and back", "container"],
)
def test_memory_somebody_holds_is_left_alone(hold):
    memory = ArrayPool()
    array = memory.empty(1_000)
    where = place(array)
    held = hold(array)
    del array
    others = [memory.empty(1_000) for _ in range(3)]
    assert where not in {place(other) for other in others}
    del held
    assert place(memory.empty(1_000)) == where


def test_memory_does_not_grow_with_the_chunks():
    memory = ArrayPool()
    sizes = []
    for n in (1_000, 1_050, 980, 1_000) * 5:
        columns = [memory.empty(n) for _ in range(4)]
        sizes.append(memory.n_bytes)
        del columns
    assert max(sizes) == sizes[0]
    memory.empty(50_000)  # chunks of another size: what does not fit is let go
    assert memory.n_bytes < 8 * 60_000


def test_no_rows():
    assert len(ArrayPool().empty(0)) == 0


def batches(n, pieces):
    table = pa.table(
        {
            "time": pa.array(np.arange(n), pa.timestamp("us", "UTC")),
            "close": np.linspace(1.0, 2.0, n),
            "count": np.arange(n),
            "gaps": pa.array([None if i % 7 == 0 else float(i) for i in range(n)]),
            "name": pa.array([f"A{i % 3}" for i in range(n)]).dictionary_encode(),
            "small": np.arange(n).astype(np.float32),
        }
    )
    cuts = np.linspace(0, n, pieces + 1).astype(int)
    parts = [table.slice(a, b - a) for a, b in itertools.pairwise(cuts)]
    return table, [part.combine_chunks().to_batches()[0] for part in parts if len(part)]


def in_arrow(gathered):
    return pa.table({name: single(gathered[name]) for name in gathered.column_names})


@pytest.mark.parametrize("pieces", [1, 2, 5])
def test_pieces_become_one_table(pieces):
    table, parts = batches(50, pieces)
    gathered = ChunkColumns(3, ArrayPool()).gather(parts, 50)
    assert gathered.num_rows == 50
    assert in_arrow(gathered).equals(table)


def test_rows_that_were_not_announced_are_refused():
    _, parts = batches(50, 2)
    with pytest.raises(ValueError, match="60 rows were announced, 50 came"):
        ChunkColumns(0, ArrayPool()).gather(parts, 60)
    with pytest.raises(ValueError, match="do not fill"):
        ChunkColumns(0, ArrayPool()).gather(parts, 40)


def test_a_null_after_pieces_without():
    whole = pa.table({"x": pa.array([1.0] * 20 + [None] + [2.0] * 9), "n": pa.array([*range(30)])})
    parts = [whole.slice(i, 10).combine_chunks().to_batches()[0] for i in (0, 10, 20)]
    assert in_arrow(ChunkColumns(1, ArrayPool()).gather(parts, 30)).equals(whole)


def test_a_column_is_written_once_behind_what_is_carried():
    room = ChunkColumns(2, ArrayPool())
    table = room.gather(batches(50, 4)[1], 50)
    column = to_float64(table["close"], "prices", "close")
    whole = room.behind(np.array([7.0, 8.0]), column)
    np.testing.assert_array_equal(whole, [7.0, 8.0, *column])
    assert np.shares_memory(whole, column)


@pytest.mark.parametrize(
    "kind",
    [
        pa.float64(),
        pa.int64(),
        pa.timestamp("ns", "UTC"),
        pa.timestamp("us", "America/New_York"),
        pa.timestamp("s"),
    ],
    ids=str,
)
def test_a_raw_column_is_read_as_arrow_reads_it(kind):
    values = np.arange(1, 4)
    column = pa.array(values).cast(kind) if kind != pa.float64() else pa.array(values / 2)
    raw = RawColumn(kind, np.frombuffer(column.buffers()[1], np.int64))
    assert single(raw).equals(column)
    if pa.types.is_timestamp(kind):
        read, expected = (read_stamps(c, "prices", "time", "naive") for c in (raw, column))
        assert read.kind == expected.kind
        read, expected = read.values, expected.values
    else:
        read, expected = (to_float64(c, "prices", "x") for c in (raw, column))
    np.testing.assert_array_equal(read, expected)


def test_counting_and_zeros_are_one_array_for_all_chunks():
    memory = ArrayPool(10)
    for n in (4, 10, 7, 25, 3):
        np.testing.assert_array_equal(memory.counting(n), np.arange(n))
        np.testing.assert_array_equal(memory.zeros(n), np.zeros(n))
    assert np.shares_memory(memory.counting(3), memory.counting(25))
    assert memory.zeros(3).dtype == np.int32


def test_fewer_values_may_be_carried_than_there_is_room_for():
    room = ChunkColumns(5, ArrayPool())
    column = room.empty(3)
    column[:] = [1.0, 2.0, 3.0]
    np.testing.assert_array_equal(room.behind(np.array([9.0]), column), [9.0, 1.0, 2.0, 3.0])


def test_a_column_of_another_make_is_copied():
    column = np.array([1.0, 2.0])
    whole = ChunkColumns(1, ArrayPool()).behind(np.array([9.0]), column)
    np.testing.assert_array_equal(whole, [9.0, 1.0, 2.0])
    assert not np.shares_memory(whole, column)
