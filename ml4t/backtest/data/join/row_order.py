"""Rows in (timestamp, asset) order: found when they stand so, made when they do not."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ml4t.backtest.data.arrays import NEW, Arrays, Int32s, Int64s, Marks
from ml4t.backtest.data.errors import DataError, count_rows, first_rows
from ml4t.backtest.data.join._row_order import (
    count_times,
    place_times,
    runs_backwards,
    sort_by_rank,
)


def row_order(
    times: Int64s,
    assets: Int32s,
    names: Sequence[Any],
    table_name: str,
    sort: bool = False,
    values: Mapping[str, NDArray[Any]] | None = None,
    texts: Collection[str] = (),
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
    values : mapping of name to array, shape (n,), optional
        All columns: a row that another one equals in every one of them is left out of the order.
    texts : collection of str
        Columns that are no numbers, and may tell repeated rows apart.

    Raises
    ------
    DataError
        If a (timestamp, asset) stands twice, or times run backwards within an asset.
    """
    if not sort:
        _refuse_backwards(times, assets, names, table_name)
    order = order_by(assets, times, len(names))
    times, assets = times[order], assets[order]
    same = repeated_rows(times, assets)
    if not same.any():
        return order
    equal = np.zeros(len(times), bool)
    if values is not None:
        equal = repeated_rows(times, assets, (column[order] for column in values.values()))
    other = same & ~equal
    if other.any():
        to_do = (
            "drop the repeated rows, or pass on_repeated_rows='drop' if they say the same"
            if values is None
            else "their values differ: drop the ones that are wrong"
        )
        if texts:
            to_do += (
                f", or, if {' and '.join(map(repr, texts))} tells assets apart, name them by it"
            )
        raise DataError(
            f"{table_name}: (timestamp, asset) must be unique, is repeated in {count_rows(other.sum())}: "
            f"{first_rows(other, times, lambda row: names[assets[row]], None)}; {to_do}"
        )
    return order[~equal]


def repeated_rows(times: Int64s, assets: Int32s, columns: Iterable[NDArray[Any]] = ()) -> Marks:
    """Mark rows, in order, that have the time and asset of the one before, and its value in all columns."""
    same = np.zeros(len(times), bool)
    same[1:] = (times[1:] == times[:-1]) & (assets[1:] == assets[:-1])
    for column in columns:
        marked = np.flatnonzero(same)
        one, other = column[marked], column[marked - 1]
        same[marked] = (one == other) | ((one != one) & (other != other))
    return same


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
