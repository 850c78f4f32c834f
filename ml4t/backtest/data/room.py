"""Columns of a chunk with room before their first row, where the rows carried over will stand."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ml4t.backtest.data._rows import copy_pieces
from ml4t.backtest.data.arrow import single
from ml4t.backtest.data.recycle import Recycler

Array = npt.NDArray[Any]


class Room:
    """Columns with room in front: rows that come in pieces are written once, where they will stay.

    Parameters
    ----------
    n_before : int
        Rows that will stand before each column.
    memory : Recycler
    """

    def __init__(self, n_before: int, memory: Recycler) -> None:
        self._n_before = n_before
        self._memory = memory
        # By the address of a column, which Arrow hands on unchanged: the column and its room.
        self._wholes: dict[tuple[int, int], Array] = {}

    def empty(self, n: int, dtype: npt.DTypeLike = np.float64) -> Array:
        """Return a column of n rows with any values in it."""
        whole = self._memory.empty(self._n_before + n, dtype)
        column = whole[self._n_before :]
        self._wholes[_place(column)] = whole
        return column

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

    def gather(self, batches: list[pa.RecordBatch]) -> pa.Table:
        """Return rows that come in pieces as one table of contiguous columns."""
        schema, n_rows = batches[0].schema, sum(batch.num_rows for batch in batches)
        columns, copied, made = [], [], []
        for position, field in enumerate(schema):
            pieces = [batch.column(position) for batch in batches]
            if _is_plain(field.type) and not any(piece.null_count for piece in pieces):
                column = self.empty(n_rows, np.int64)
                copied.append([piece.view(pa.int64()).to_numpy() for piece in pieces])
                made.append(column)
                columns.append(
                    pa.Array.from_buffers(field.type, n_rows, [None, pa.py_buffer(column)])
                )
            else:
                columns.append(single(pa.chunked_array(pieces, field.type)))
        copy_pieces(copied, made)
        return pa.Table.from_arrays(columns, schema=schema)


def _is_plain(kind: pa.DataType) -> bool:
    """Tell whether values are eight bytes each, which is what nearly all columns are."""
    return pa.types.is_float64(kind) or pa.types.is_int64(kind) or pa.types.is_timestamp(kind)


def _place(column: Array) -> tuple[int, int]:
    return column.ctypes.data, len(column)
