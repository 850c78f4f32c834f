"""The last bar of every asset goes into the next chunk: the rows that a run looks back at."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ml4t.backtest.data.arrays import Float64s, Int32s, Int64s
from ml4t.backtest.data.join.bars import Bars, take_rows
from ml4t.backtest.data.stream.chunk_columns import Room
from ml4t.backtest.market._last_rows import last_rows

Columns = dict[str, Float64s]


def with_carried(carried: Bars | None, bars: Bars, room: Room) -> Bars:
    """Return the bars of a chunk behind those carried over, which stand at one timestamp, the first.

    The ``times`` of single rows, which the timestamps tell, are those of the chunk alone. The arrays of
    ``bars`` go into what is returned: they are not to be used any more.

    Parameters
    ----------
    carried : Bars or None
        What :func:`last_bars` gave of the chunk before; None before the first.
    bars : Bars
    room : Room
        Where the columns of the chunk have room for those rows.
    """
    if carried is None:
        return bars
    return replace(
        bars,
        timestamps=room.behind(carried.timestamps, bars.timestamps),
        offsets=_offsets(carried, bars, room),
        codes=_codes(carried, bars, room),
        prices=_behind(carried.prices, bars.prices, room),
        features=_behind(carried.features, bars.features, room),
        published=None,
    )


def last_bars(carried: Bars | None, whole: Bars) -> Bars:
    """Return the last bar of every asset, in asset order, at the last timestamp; ``times`` are their own.

    Parameters
    ----------
    carried : Bars or None
    whole : Bars
        What :func:`with_carried` made of them and a chunk.
    """
    rows = last_rows(whole.codes, len(whole.assets))
    rows = rows[rows >= 0]
    return Bars(
        times=_times(carried, whole, rows),
        timestamps=whole.timestamps[-1:].copy(),
        offsets=np.array([0, len(rows)], np.int64),
        codes=whole.codes[rows],
        assets=whole.assets,
        prices=take_rows(whole.prices, rows),
        features=take_rows(whole.features, rows),
        published=None,
    )


def _offsets(carried: Bars, bars: Bars, room: Room) -> Int64s:
    n_carried = len(carried.times)
    if n_carried == 1 and len(bars.timestamps) == len(bars.times):
        return room.counting(len(bars.times) + 2)
    offsets = room.behind(carried.offsets[:1], bars.offsets)
    offsets[1:] += n_carried
    return offsets


def _codes(carried: Bars, bars: Bars, room: Room) -> Int32s:
    if len(bars.assets) == 1:
        return room.zeros(len(carried.codes) + len(bars.codes))
    return room.behind(carried.codes, bars.codes)


def _times(carried: Bars | None, whole: Bars, rows: Int64s) -> Int64s:
    if carried is None:
        return whole.times[rows]
    n_carried = len(carried.times)
    times = whole.times[np.maximum(rows - n_carried, 0)]
    is_carried = rows < n_carried
    times[is_carried] = carried.times[rows[is_carried]]
    return times


def _behind(before: Columns, after: Columns, room: Room) -> Columns:
    # An array that stands twice (a close that is open, high and low too) stays one.
    chained = {id(column): room.behind(before[name], column) for name, column in after.items()}
    return {name: chained[id(column)] for name, column in after.items()}
