"""Single answers from a table: the value of an asset known at a time, as the join would give it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ml4t.backtest.data.arrays import Int64s, Marks
from ml4t.backtest.data.join.as_of import Publications
from ml4t.backtest.data.tables.clock import Clock
from ml4t.backtest.data.tables.series_table import SeriesTable


class Lookup:
    """Columns of a table, asked for by asset and time.

    Parameters
    ----------
    series : SeriesTable
    clock : Clock
    columns : sequence of str
        Those to answer for.
    on_violation : {"raise", "warn", "ignore"}
    only : bool array, shape (n_values,), optional
        Rows that count as publications.
    """

    def __init__(
        self,
        series: SeriesTable,
        clock: Clock,
        columns: Sequence[str],
        on_violation: str,
        only: Marks | None = None,
    ) -> None:
        known = Publications(series, clock, on_violation)
        rows = np.arange(len(known.published)) if known.order is None else known.order
        kept = np.arange(len(rows)) if only is None else np.flatnonzero(only[rows])
        kept = kept[np.argsort(known.codes[kept], kind="stable")]
        bounds = np.searchsorted(known.codes[kept], np.arange(max(len(series.names), 1) + 1))
        self._values = {column: series.columns[column] for column in columns}
        self._max_age = series.options.max_age_ns
        names = series.names or (None,)
        self._known: dict[Any, tuple[Int64s, Int64s]] = {}
        for name, begin, end in zip(names, bounds[:-1], bounds[1:], strict=True):
            own = kept[begin:end]
            # A value older than one known before hides nothing, so it is never an answer.
            own = own[known.own[own] >= np.maximum.accumulate(known.own[own])]
            self._known[name] = known.published[own], rows[own]

    def at(self, asset: Any, time: int) -> dict[str, float]:
        """Return the values known at ``time`` (nanoseconds UTC), NaN where there is none."""
        row = self._row(asset, time)
        return {name: np.nan if row < 0 else float(v[row]) for name, v in self._values.items()}

    def _row(self, asset: Any, time: int) -> int:
        if asset not in self._known:
            return -1
        published, rows = self._known[asset]
        position = int(np.searchsorted(published, time, side="right")) - 1
        if position < 0 or (
            self._max_age is not None and time - published[position] > self._max_age
        ):
            return -1
        return int(rows[position])
