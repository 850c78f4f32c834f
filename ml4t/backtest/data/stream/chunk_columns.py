"""Columns of a chunk with room before their first row, where the rows carried over will stand."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ml4t.backtest.data.arrays import Arrays, Int32s, Int64s
from ml4t.backtest.data.stream._copy_arrays import copy_arrays
from ml4t.backtest.data.stream.array_pool import ArrayPool
from ml4t.backtest.data.tables.arrow import eight_bytes, single
from ml4t.backtest.data.tables.raw_columns import RawColumn, RawTable

Array = npt.NDArray[Any]

COPIED_AT_ONCE = 524_288
"""Rows of decoded batches that wait, at most and one batch, to be copied in one turn."""


class ChunkColumns(Arrays):
    """Columns with room in front: rows that come in pieces are written once, where they will stay.

    Parameters
    ----------
    n_before : int
        Rows that will stand before each column.
    pool : ArrayPool
    """

    def __init__(self, n_before: int, pool: ArrayPool) -> None:
        self._n_before = n_before
        self._pool = pool
        # By the address of a column, which Arrow hands on unchanged: the column and its room.
        self._wholes: dict[tuple[int, int], Array] = {}

    def empty(self, n: int, dtype: npt.DTypeLike = np.float64) -> Array:
        """Return a column of n rows with any values in it."""
        whole = self._pool.empty(self._n_before + n, dtype)
        column = whole[self._n_before :]
        self._wholes[_place(column)] = whole
        return column

    def counting(self, n: int) -> Int64s:
        """Return 0, 1, ... n - 1, of one array for all chunks."""
        return self._pool.counting(n)

    def zeros(self, n: int) -> Int32s:
        """Return n zeros, of one array for all chunks."""
        return self._pool.zeros(n)

    def behind(self, before: Array, column: Array) -> Array:
        """Return a column behind what is carried over; copied only where it was not made here.

        Parameters
        ----------
        before : array of at most ``n_before`` values
        column : array
        """
        whole = self._wholes.get(_place(column))
        if whole is None:
            made = self.empty(len(column), column.dtype)
            made[:] = column
            whole = self._wholes[_place(made)]
        whole = whole.view(column.dtype)[self._n_before - len(before) :]
        whole[: len(before)] = before
        return whole

    def gather(self, batches: Iterable[pa.RecordBatch], n_rows: int) -> RawTable:
        """Return rows that come in pieces, ``n_rows`` in all, as one table of contiguous columns.

        So many rows are copied at once that turns are few, and so few that what decodes them does not
        need the memory of all.
        """
        columns: list[_Column] = []
        waiting: list[tuple[Array, Array]] = []
        filled = copied = 0
        for batch in batches:
            if not columns:
                schema = batch.schema
                columns = [_Column(field.type, n_rows, self) for field in schema]
            for column, piece in zip(columns, batch.columns, strict=True):
                waiting += column.place(piece, filled)
            filled += batch.num_rows
            del batch, piece
            if filled - copied >= COPIED_AT_ONCE or filled >= n_rows:
                copy_arrays(*zip(*waiting, strict=True))
                waiting.clear()
                copied = filled
        if filled != n_rows:
            raise ValueError(f"{n_rows} rows were announced, {filled} came")
        return RawTable(schema.names, [column.whole() for column in columns], n_rows)


class _Column:
    """A column that comes in pieces: written into one array, or kept as they are where that cannot be."""

    def __init__(self, kind: pa.DataType, n_rows: int, columns: ChunkColumns) -> None:
        self._kind = kind
        self._array = columns.empty(n_rows, np.int64) if _is_plain(kind) else None
        self._pieces: list[pa.Array] = []

    def place(self, piece: pa.Array, filled: int) -> list[tuple[Array, Array]]:
        """Take a piece: return its values with the place they go to, nothing if it is kept."""
        if self._array is not None and piece.null_count:
            self._pieces.append(RawColumn(self._kind, self._array[:filled]).to_arrow())
            self._array = None
        if self._array is None:
            self._pieces.append(piece)
            return []
        return [(eight_bytes(piece, np.int64), self._array[filled : filled + len(piece)])]

    def whole(self) -> pa.Array | RawColumn:
        if self._array is not None:
            return RawColumn(self._kind, self._array)
        return single(pa.chunked_array(self._pieces, self._kind))


def _is_plain(kind: pa.DataType) -> bool:
    """Tell whether values are eight bytes each, which is what nearly all columns are."""
    return pa.types.is_float64(kind) or pa.types.is_int64(kind) or pa.types.is_timestamp(kind)


def _place(column: Array) -> tuple[int, int]:
    return column.ctypes.data, len(column)
