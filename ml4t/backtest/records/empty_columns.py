"""Columns without a value: NaN at every bar of a run."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from ml4t.backtest.market.market_data import MarketData

Float64s = npt.NDArray[np.float64]
FIRST_LOOK = 64


def empty_columns(data: MarketData) -> tuple[str, ...]:
    """Return the names of the signals, indicators and context values that are NaN from end to end.

    The carry-over rows of a chunk are not looked at: they belong to the one before it.
    """
    return (
        *_empty(data.features, data.n_carried),
        *_empty(data.context, data.first_t),
    )


def _empty(columns: Mapping[str, Any], first: int) -> list[str]:
    return [name for name, values in columns.items() if _is_empty(values[first:])]


def _is_empty(values: Float64s) -> bool:
    """Tell whether there are values, and all are NaN. Most columns tell at the first look."""
    begin, look = 0, FIRST_LOOK
    while begin < len(values):
        if not np.isnan(values[begin : begin + look]).all():
            return False
        begin, look = begin + look, 8 * look
    return len(values) > 0
