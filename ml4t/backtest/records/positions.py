"""What was held at the end of each timestamp, from the few rows where it changed."""

from typing import Any

import numpy as np
import pandas as pd

from ml4t.backtest.records.columns import Labels, frame_of_columns, times

SPLIT = 0  # the code of ACTION_SPLIT in core/types.pxd


def positions_frame(holdings: np.ndarray, n_done: int, data: Any, assets: Labels) -> pd.DataFrame:
    """Return one row per (timestamp, held asset), in that order.

    Parameters
    ----------
    holdings : structured array of ``records.HOLDING``
        One row whenever the units or the average price of an asset changed.
    n_done : int
        Timestamps processed.
    data : MarketData
    assets : Labels
        The names of the asset codes.

    Notes
    -----
    The mark is the close of the bar; without a bar, the last close, divided by the ratios of the splits
    since (semantics sections 1 and 2).
    """
    changes = holdings[np.lexsort((holdings["time_index"], holdings["asset"]))]
    begin, asset = changes["time_index"], changes["asset"]
    end = np.full(len(changes), n_done, np.int64)
    same_asset = asset[1:] == asset[:-1]
    end[:-1][same_asset] = begin[1:][same_asset]
    length = np.where(changes["quantity"] != 0.0, end - begin, 0)

    source = np.repeat(np.arange(len(changes)), length)
    first = np.cumsum(length) - length
    time_index = begin[source] + np.arange(len(source)) - first[source]
    order = np.lexsort((asset[source], time_index))
    source, time_index = source[order], time_index[order]

    codes = asset[source]
    quantity, entry_price = changes["quantity"][source], changes["entry_price"][source]
    mark = _marks(data, time_index, codes)
    return frame_of_columns(
        {
            "timestamp": times(data.timestamps[time_index]),
            "asset": assets.column(codes),
            "quantity": quantity,
            "entry_price": entry_price,
            "mark": mark,
            "value": quantity * mark,
            "unrealized_pnl": (mark - entry_price) * quantity,
        }
    )


def _marks(data: Any, time_index: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Return the last close of each asset at each time, on the split basis of that time."""
    if len(codes) == 0:
        return np.empty(0)
    row_time = np.repeat(np.arange(data.n_times), np.diff(data.offsets))
    by_asset = np.argsort(data.asset_codes, kind="stable")
    # One increasing key over (asset, time), so that one search finds every last row.
    keys = data.asset_codes[by_asset].astype(np.int64) * data.n_times + row_time[by_asset]
    place = (
        np.searchsorted(keys, codes.astype(np.int64) * data.n_times + time_index, side="right") - 1
    )
    row = by_asset[place]
    mark = data.close[row]
    _divide_by_splits(mark, data, codes, row_time[row], time_index)
    return mark


def _divide_by_splits(
    mark: np.ndarray, data: Any, codes: np.ndarray, marked: np.ndarray, now: np.ndarray
) -> None:
    """Divide stale marks by the splits that fell between their bar and now, one after the other."""
    splits = data.actions[data.actions["kind"] == SPLIT]
    stale = np.flatnonzero(marked < now)
    if len(stale) == 0 or len(splits) == 0:
        return
    known_from = np.searchsorted(
        data.timestamps, splits["time"]
    )  # the first timestamp that knows it
    order = np.lexsort((known_from, splits["asset"]))
    ratio = splits["value"][order]
    # One increasing key over (asset, time), as for the marks: the splits of a gap are neighbours.
    n_times = data.n_times + 1
    keys = splits["asset"][order].astype(np.int64) * n_times + known_from[order]
    asset = codes[stale].astype(np.int64) * n_times
    first = np.searchsorted(keys, asset + marked[stale], side="right")
    n_splits = np.searchsorted(keys, asset + now[stale], side="right") - first
    for number in range(n_splits.max()):
        crossed = np.flatnonzero(n_splits > number)
        stale, first, n_splits = stale[crossed], first[crossed], n_splits[crossed]
        mark[stale] /= ratio[first + number]
