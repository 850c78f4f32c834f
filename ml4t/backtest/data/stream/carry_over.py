"""The last bar of every asset goes into the next chunk: the rows that a run looks back at."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ml4t.backtest.data.arrays import Float64s, Int32s, Int64s
from ml4t.backtest.data.join.bars import Bars, take_rows
from ml4t.backtest.data.stream.chunk_columns import ChunkColumns
from ml4t.backtest.market._last_rows import last_rows

Columns = dict[str, Float64s]


def with_carry_over(carry_over: Bars | None, bars: Bars, columns: ChunkColumns) -> Bars:
    """Return the bars of a chunk behind those carried over, which stand at one timestamp, the first.

    The ``times`` of single rows, which the timestamps tell, are those of the chunk alone. The arrays of
    ``bars`` go into what is returned: they are not to be used any more.

    Parameters
    ----------
    carry_over : Bars or None
        What :func:`last_bars` gave of the chunk before; None before the first.
    bars : Bars
    columns : ChunkColumns
        Which have room for those rows.
    """
    if carry_over is None:
        return bars
    return replace(
        bars,
        timestamps=columns.behind(carry_over.timestamps, bars.timestamps),
        offsets=_offsets(carry_over, bars, columns),
        codes=_codes(carry_over, bars, columns),
        prices=_behind(carry_over.prices, bars.prices, columns),
        features=_behind(carry_over.features, bars.features, columns),
        published=None,
    )


def last_bars(carry_over: Bars | None, whole: Bars) -> Bars:
    """Return the last bar of every asset, in asset order, at the last timestamp; ``times`` are their own.

    Parameters
    ----------
    carry_over : Bars or None
    whole : Bars
        What :func:`with_carry_over` made of them and a chunk.
    """
    rows = last_rows(whole.codes, len(whole.assets))
    rows = rows[rows >= 0]
    return Bars(
        times=_times(carry_over, whole, rows),
        timestamps=whole.timestamps[-1:].copy(),
        offsets=np.array([0, len(rows)], np.int64),
        codes=whole.codes[rows],
        assets=whole.assets,
        prices=take_rows(whole.prices, rows),
        features=take_rows(whole.features, rows),
        published=None,
    )


def _offsets(carry_over: Bars, bars: Bars, columns: ChunkColumns) -> Int64s:
    n_carried = len(carry_over.times)
    if n_carried == 1 and len(bars.timestamps) == len(bars.times):
        return columns.counting(len(bars.times) + 2)
    offsets = columns.behind(carry_over.offsets[:1], bars.offsets)
    offsets[1:] += n_carried
    return offsets


def _codes(carry_over: Bars, bars: Bars, columns: ChunkColumns) -> Int32s:
    if len(bars.assets) == 1:
        return columns.zeros(len(carry_over.codes) + len(bars.codes))
    return columns.behind(carry_over.codes, bars.codes)


def _times(carry_over: Bars | None, whole: Bars, rows: Int64s) -> Int64s:
    if carry_over is None:
        return whole.times[rows]
    n_carried = len(carry_over.times)
    times = whole.times[np.maximum(rows - n_carried, 0)]
    is_carried = rows < n_carried
    times[is_carried] = carry_over.times[rows[is_carried]]
    return times


def _behind(before: Columns, after: Columns, columns: ChunkColumns) -> Columns:
    # An array that stands twice (a close that is open, high and low too) stays one.
    chained = {id(column): columns.behind(before[name], column) for name, column in after.items()}
    return {name: chained[id(column)] for name, column in after.items()}
