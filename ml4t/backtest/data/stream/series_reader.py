"""One pass over a table of values: what was published between one instant and the next."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from ml4t.backtest.data.arrays import Int64s
from ml4t.backtest.data.stream.series_source import SeriesSource
from ml4t.backtest.data.stream.stored_times import stored_times
from ml4t.backtest.data.stream.table_source import TableSource
from ml4t.backtest.data.tables.series_table import SeriesTable


class SeriesReader:
    """Reads a source as a run gets on; rows in order of time are read once, from front to back.

    Parameters
    ----------
    source : SeriesSource
    """

    def __init__(self, source: SeriesSource) -> None:
        self.request = source.request
        self.pauses = source.pauses
        self._source = source
        in_order = source.survey.n_times is not None
        self._between = _InOrder(source.rows).between if in_order else source.rows.read

    def published(self, after: int | None, until: int) -> SeriesTable:
        """Return the rows published after one instant and up to another, both in nanoseconds UTC.

        Neither goes back from one call to the next.
        """
        table = self._between(*self._source.stored_between(after, until))
        return self._source.published(table, after, until)


class _InOrder:
    """Rows between two stored times, of which neither goes back from one call to the next."""

    def __init__(self, rows: TableSource) -> None:
        self._rows = rows
        self._batches: Iterator[pa.RecordBatch] = rows.batches(rows.columns)
        # Those read that are not yet behind, with their times.
        self._waiting: list[tuple[Int64s, pa.RecordBatch]] = []

    def between(self, after: int | None, until: int) -> pa.Table:
        """Return the rows with ``after`` < stored time <= ``until``."""
        while not self._waiting or self._waiting[-1][0][-1] <= until:
            batch = next(self._batches, None)
            if batch is None:
                break
            self._waiting.append((stored_times(batch[self._rows.time]), batch))
        if after is not None:
            later = (_slice(*rows, after, None) for rows in self._waiting)
            self._waiting = [rows for rows in later if len(rows[0])]
        return self._table([_slice(*rows, None, until)[1] for rows in self._waiting])

    def _table(self, batches: list[pa.RecordBatch]) -> pa.Table:
        schema = self._rows.dataset.schema
        pieces = {
            name: pa.chunked_array([batch[name] for batch in batches], schema.field(name).type)
            for name in self._rows.columns
        }
        return pa.table(pieces)


def _slice(
    times: Int64s, batch: pa.RecordBatch, after: int | None, until: int | None
) -> tuple[Int64s, pa.RecordBatch]:
    begin = 0 if after is None else int(np.searchsorted(times, after, side="right"))
    end = len(times) if until is None else int(np.searchsorted(times, until, side="right"))
    return times[begin:end], batch.slice(begin, end - begin)
