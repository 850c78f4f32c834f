"""Rows in order of time, read from front to back, each once."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from ml4t.backtest.data.stream.chunk_columns import ChunkColumns
from ml4t.backtest.data.stream.stored_times import stored_times
from ml4t.backtest.data.stream.table_source import FIRST_BATCH, LARGEST_BATCH, TableSource
from ml4t.backtest.data.tables.raw_columns import RawTable


class InOrderReader:
    """Reads a source whose rows stand in order of time from front to back, each row once.

    Parameters
    ----------
    source : TableSource
    n_rows : int
        Rows of the largest chunk: as many are decoded at a time, within limits.
    """

    def __init__(self, source: TableSource, n_rows: int) -> None:
        self._time = source.time
        at_a_time = max(FIRST_BATCH, min(n_rows, LARGEST_BATCH))
        self._batches = source.batches(source.columns, n_rows=at_a_time)
        self._rest: pa.RecordBatch | None = None

    def until(self, end: int, columns: ChunkColumns) -> RawTable | None:
        """Return the next rows, up to a stored time; None where there is none."""
        parts = list(self._up_to(end))
        n_rows = sum(part.num_rows for part in parts)
        return columns.gather(parts, n_rows) if n_rows else None

    def rows(self, n_rows: int, columns: ChunkColumns) -> RawTable:
        """Return the next rows, so many of them."""
        return columns.gather(self._first(n_rows), n_rows)

    def _up_to(self, end: int) -> Iterator[pa.RecordBatch]:
        while (batch := self._next()) is not None:
            times = stored_times(batch[self._time])
            n_rows = int(np.searchsorted(times, end, side="right"))
            yield batch.slice(0, n_rows)
            if n_rows < batch.num_rows:
                self._rest = batch.slice(n_rows)
                return
            del batch, times

    def _first(self, n_rows: int) -> Iterator[pa.RecordBatch]:
        while n_rows > 0 and (batch := self._next()) is not None:
            yield batch.slice(0, n_rows)
            if n_rows < batch.num_rows:
                self._rest = batch.slice(n_rows)
            n_rows -= batch.num_rows
            del batch

    def _next(self) -> pa.RecordBatch | None:
        rest, self._rest = self._rest, None
        return next(self._batches, None) if rest is None else rest
