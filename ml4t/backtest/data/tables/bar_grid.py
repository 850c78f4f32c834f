"""How long the bars of a table are, found from how far apart its stamps are."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ml4t.backtest.data.arrays import Int32s, Int64s
from ml4t.backtest.data.errors import DataError
from ml4t.backtest.data.tables.stamps import Stamps


def grid_length(stamps: Stamps, codes: Int32s, name: str) -> int:
    """Return the nanoseconds from one stamp of an asset to the next, where they say how long a bar is.

    Parameters
    ----------
    stamps : Stamps
    codes : int32 array, shape (n_rows,)
        Code of the asset of each row.
    name : str
        What the table is called in messages.

    Raises
    ------
    DataError
        If no asset has two stamps, or the usual step is not the least: a bar that is taken for shorter
        than it is would be known before it is over.
    """
    steps = grid_steps(stamps.nanoseconds, codes)
    if not len(steps):
        raise DataError(
            f"{name}: the length of bars cannot be found from one stamp; give it with bar_length="
        )
    sizes, counts = np.unique(steps, return_counts=True)
    usual = int(sizes[counts.argmax()])
    if usual != sizes[0]:
        raise DataError(
            f"{name}: stamps lie {pd.Timedelta(usual, 'ns')} apart most often, but {pd.Timedelta(int(sizes[0]), 'ns')} "
            "at least; say how long its bars are with bar_length="
        )
    return usual


def grid_steps(times: Int64s, codes: Int32s) -> Int64s:
    """Return the steps from each time of an asset to its next, times that are repeated aside."""
    order = np.lexsort((times, codes))
    steps = np.diff(times[order])
    return steps[(np.diff(codes[order]) == 0) & (steps > 0)]
