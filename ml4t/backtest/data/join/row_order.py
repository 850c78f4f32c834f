"""Rows in (timestamp, asset) order: found when they stand so, made when they do not."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from ml4t.backtest.data.arrays import NEW, Arrays, Int32s, Int64s
from ml4t.backtest.data.errors import DataError, count_rows, first_rows
from ml4t.backtest.data.join._row_order import (
    count_times,
    place_times,
    runs_backwards,
    sort_by_rank,
)


def row_order(
    times: Int64s, assets: Int32s, names: Sequence[Any], table_name: str, sort: bool = False
) -> Int64s:
    """Return the order that sorts rows by (timestamp, asset code), which is not how they stand.

    Parameters
    ----------
    times : int64 array, shape (n,), nanoseconds UTC
    assets : int32 array, shape (n,), codes into ``names``
    names : sequence of asset names
    table_name : str
    sort : bool
        Accept times that run backwards within an asset. Tables that go asset by asset, or name
        assets in any order at one time, are put in order without it.

    Raises
    ------
    DataError
        If a (timestamp, asset) stands twice, or times run backwards within an asset.
    """
    if not sort:
        _refuse_backwards(times, assets, names, table_name)
    order = order_by(assets, times, len(names))
    times, assets = times[order], assets[order]
    same = np.zeros(len(times), bool)
    same[1:] = (times[1:] == times[:-1]) & (assets[1:] == assets[:-1])
    if same.any():
        raise DataError(
            f"{table_name}: (timestamp, asset) must be unique, is repeated in {count_rows(same.sum())}: "
            f"{first_rows(same, times, lambda row: names[assets[row]], None)}; drop the repeated rows"
        )
    return order


def order_by(assets: Int32s, times: Int64s, n_assets: int) -> Int64s:
    """Return the stable order of rows by time, then asset code: two counting sorts."""
    by_asset = sort_by_rank(assets.astype(np.int64), np.arange(len(assets)), n_assets)
    return sort_by_time(by_asset, times)


def sort_by_time(order: Int64s, times: Int64s) -> Int64s:
    """Sort ``order`` (positions of rows) by time, ties as they stand.

    Tables have few distinct times for their rows, so counting beats comparing.
    """
    ranks, distinct = pd.factorize(times)
    place = np.empty(len(distinct), np.int64)
    place[np.argsort(distinct)] = np.arange(len(distinct))
    return sort_by_rank(place[ranks], order, len(distinct))


def _refuse_backwards(times: Int64s, assets: Int32s, names: Sequence[Any], table_name: str) -> None:
    backwards = runs_backwards(times, assets, len(names))
    if backwards.any():
        raise DataError(
            f"{table_name}: times run backwards within an asset in {count_rows(backwards.sum())}: "
            f"{first_rows(backwards, times, lambda row: names[assets[row]], None)}; "
            "sort the table, or pass sort=True if the order means nothing"
        )


def batch_offsets(
    times: Int64s, n_times: int | None = None, arrays: Arrays = NEW
) -> tuple[Int64s, Int64s]:
    """Return the distinct times of sorted rows and the offsets of their rows.

    Parameters
    ----------
    times : int64 array, shape (n_rows,), not decreasing
    n_times : int, optional
        Number of distinct times, if it is known.
    arrays : Arrays
        Makes them.

    Returns
    -------
    timestamps : int64 array, shape (n_times,)
    offsets : int64 array, shape (n_times + 1,)
    """
    n_times = count_times(times) if n_times is None else n_times
    if n_times == len(times):
        return times, arrays.counting(n_times + 1)
    timestamps, offsets = arrays.empty(n_times, np.int64), arrays.empty(n_times + 1, np.int64)
    place_times(times, timestamps, offsets)
    return timestamps, offsets
