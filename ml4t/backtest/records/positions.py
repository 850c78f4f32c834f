"""What was held at the end of each timestamp, from the few rows where it changed."""

from typing import Any

import numpy as np
import pandas as pd

from ml4t.backtest.records.columns import Labels, frame_of_columns, times

SPLIT = 0  # the code of ACTION_SPLIT in core/types.pxd


def positions_frame(
    holdings: np.ndarray, n_done: int, data: Any, assets: Labels, dividends_count: bool
) -> pd.DataFrame:
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
    dividends_count : bool
        Whether dividends lower more than the price.

    Notes
    -----
    The mark is the close of the bar; without a bar, the last close, divided by the ratios of the splits
    since and less the dividends (semantics sections 1 and 2).
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
    mark = _marks(data, time_index, codes, dividends_count)
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


def _marks(
    data: Any, time_index: np.ndarray, codes: np.ndarray, dividends_count: bool
) -> np.ndarray:
    """Return the last close of each asset at each time, in the units of that time."""
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
    kinds = data.actions["kind"]
    actions = data.actions[(kinds == SPLIT) | dividends_count]
    _follow_actions(mark, actions, data, codes, row_time[row], time_index)
    return mark


def _follow_actions(
    mark: np.ndarray,
    actions: np.ndarray,
    data: Any,
    codes: np.ndarray,
    marked: np.ndarray,
    now: np.ndarray,
) -> None:
    """Take stale marks over the actions between their bar and now, one after the other, splits first."""
    stale = np.flatnonzero(marked < now)
    if len(stale) == 0 or len(actions) == 0:
        return
    # The first timestamp that knows each.
    known_from = np.searchsorted(data.timestamps, actions["time"])
    order = np.lexsort((actions["kind"], known_from, actions["asset"]))
    value, is_split = actions["value"][order], actions["kind"][order] == SPLIT
    # One increasing key over (asset, time), as for the marks: the actions of a gap are neighbours.
    n_times = data.n_times + 1
    keys = actions["asset"][order].astype(np.int64) * n_times + known_from[order]
    asset = codes[stale].astype(np.int64) * n_times
    first = np.searchsorted(keys, asset + marked[stale], side="right")
    n_actions = np.searchsorted(keys, asset + now[stale], side="right") - first
    for number in range(n_actions.max()):
        crossed = np.flatnonzero(n_actions > number)
        stale, first, n_actions = stale[crossed], first[crossed], n_actions[crossed]
        at = first + number
        before = mark[stale]
        without = np.where(before > value[at], before - value[at], before)
        mark[stale] = np.where(is_split[at], before / value[at], without)
