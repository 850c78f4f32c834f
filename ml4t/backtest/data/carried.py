"""The last bar of every asset goes into the next chunk: the rows that a run looks back at."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ml4t.backtest.data.arrays import Float64s
from ml4t.backtest.data.bars import Bars, take_rows

Columns = dict[str, Float64s]


def with_carried(carried: Bars | None, bars: Bars) -> Bars:
    """Return the bars of a chunk behind those carried over, which stand at one timestamp, the first.

    Parameters
    ----------
    carried : Bars or None
        What :func:`last_bars` gave of the chunk before; None before the first.
    bars : Bars
    """
    if carried is None:
        return bars
    return replace(
        bars,
        times=np.concatenate([carried.times, bars.times]),
        timestamps=np.concatenate([carried.timestamps, bars.timestamps]),
        offsets=np.concatenate([carried.offsets[:1], bars.offsets + len(carried.times)]),
        codes=np.concatenate([carried.codes, bars.codes]),
        prices=_chain(carried.prices, bars.prices),
        features=_chain(carried.features, bars.features),
        published=None,
    )


def last_bars(bars: Bars) -> Bars:
    """Return the last bar of every asset, in asset order, at the last timestamp; ``times`` are their own."""
    last = np.full(len(bars.assets), -1, np.int64)
    last[bars.codes] = np.arange(len(bars.codes))  # the last one of an asset stays
    rows = last[last >= 0]
    return Bars(
        times=bars.times[rows],
        timestamps=bars.timestamps[-1:].copy(),
        offsets=np.array([0, len(rows)], np.int64),
        codes=bars.codes[rows],
        assets=bars.assets,
        prices=take_rows(bars.prices, rows),
        features=take_rows(bars.features, rows),
        published=None,
    )


def _chain(before: Columns, after: Columns) -> Columns:
    # An array that stands twice (a close that is open, high and low too) stays one.
    chained = {id(column): np.concatenate([before[name], column]) for name, column in after.items()}
    return {name: chained[id(column)] for name, column in after.items()}
