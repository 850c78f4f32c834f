"""What a join knows of the bars before: lags in bars, and what chunks hand on to each other."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ml4t.backtest.data.arrays import Int32s, Int64s
from ml4t.backtest.data.join._row_order import previous_rows
from ml4t.backtest.data.tables.series_table import SeriesTable

LAST = np.array([np.iinfo(np.int64).max])

AtBars = Callable[[Int64s, Int64s, Int32s], Int64s]
"""From timestamps, offsets and asset codes of bars to the row of the table known at each, -1 for none."""


def lagged(rows: Int64s, codes: Int32s, n_assets: int, n_bars: int) -> Int64s:
    """Return what each asset's bar ``n_bars`` before had."""
    if n_bars == 0:
        return rows
    # Behind the last one stands what comes before the first: -1, which is its own place too.
    step = np.append(previous_rows(codes, n_assets), -1)
    place = np.arange(len(codes))
    while n_bars:
        if n_bars % 2:
            place = step[place]
        step, n_bars = step[step], n_bars // 2
    return np.where(place < 0, -1, rows[place])


class History:
    """The rows of a table that the bars of later chunks can still see.

    These are the value known of each asset, and what its last bars saw where values are seen bars later.
    Their number does not grow with the chunks.

    Parameters
    ----------
    n_assets : int
        1 for a table without assets.
    lag_bars : int
    """

    def __init__(self, n_assets: int, lag_bars: int) -> None:
        self._n_assets = n_assets
        self._lag_bars = lag_bars
        self._rows: SeriesTable | None = None
        # By column (they may differ in what they take for a value): positions among the rows kept.
        self._known: dict[str, Int64s] = {}
        self._seen: dict[str, tuple[Int64s, Int32s]] = {}

    @property
    def n_rows(self) -> int:
        """Number of rows kept."""
        return 0 if self._rows is None else len(self._rows)

    def before(self, series: SeriesTable) -> SeriesTable:
        """Return the rows kept and behind them those of the next chunk."""
        return series if self._rows is None else self._rows.followed_by(series)

    def rows_at(
        self, at_bars: AtBars, timestamps: Int64s, offsets: Int64s, codes: Int32s, column: str
    ) -> Int64s:
        """Return for each bar of a chunk the row it sees, lag included.

        Parameters
        ----------
        at_bars : callable
            Over the table that :meth:`before` gave, for ``column``.
        """
        n_bars, every = len(codes), np.arange(self._n_assets, dtype=np.int32)
        # One bar of every asset behind all others says what is known at the end.
        found = at_bars(
            np.concatenate([timestamps, LAST]),
            np.append(offsets, n_bars + self._n_assets),
            np.concatenate([codes, every]),
        )
        self._known[column] = found[n_bars:]
        if self._lag_bars == 0:
            return found[:n_bars]
        seen, seen_codes = self._seen.get(column, (found[:0], every[:0]))
        rows = np.concatenate([seen, found[:n_bars]])
        codes = np.concatenate([seen_codes, codes])
        last = _last_rows(codes, self._n_assets, self._lag_bars)
        self._seen[column] = rows[last], codes[last]
        return lagged(rows, codes, self._n_assets, self._lag_bars)[len(seen) :]

    def keep(self, series: SeriesTable) -> None:
        """Keep what later chunks need of the table that :meth:`before` gave."""
        needed = [*self._known.values(), *(rows for rows, _ in self._seen.values())]
        kept = np.unique(np.concatenate(needed))
        kept = kept[kept >= 0]
        self._rows = series.take(kept)
        for column, (rows, codes) in self._seen.items():
            place = np.where(rows < 0, -1, np.searchsorted(kept, rows))
            self._seen[column] = place, codes


def _last_rows(codes: Int32s, n_assets: int, n_bars: int) -> Int64s:
    """Return the positions of each asset's last ``n_bars`` bars, in order."""
    latest = np.full(n_assets, -1, np.int64)
    latest[codes] = np.arange(len(codes))  # the last one of an asset stays
    latest = latest[latest >= 0]
    before = previous_rows(codes, n_assets)
    steps = [latest[:0]]
    while n_bars and len(latest):
        n_bars -= 1
        steps.append(latest)
        latest = before[latest]
        latest = latest[latest >= 0]
    return np.sort(np.concatenate(steps))
