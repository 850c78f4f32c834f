"""Bars whose prices miss each other by rounding: high and low are stretched to open and close."""

from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from ml4t.backtest.data.arrays import Float64s, Int64s

ROUNDING = 1e-9
"""What prices that were adjusted may differ by, relative to them: a rounding, never a price."""
SINGLE_ROUNDING = 1e-6
"""The same where a price of the bar has single precision."""


def rounding_of(kind: pa.DataType) -> float:
    """Return what a price of this type may be off by, relative to it."""
    return SINGLE_ROUNDING if pa.types.is_float32(kind) or pa.types.is_float16(kind) else ROUNDING


def stretched(
    prices: Mapping[str, Float64s], rounding: float
) -> tuple[dict[str, Float64s], Int64s]:
    """Stretch high and low to open and close where they miss them by rounding.

    Parameters
    ----------
    prices : mapping of field to float64 array, shape (n_rows,)
    rounding : float
        Relative to the price.

    Returns
    -------
    prices : dict
        With copies of high and low, if any bar was stretched.
    rows : int64 array
        Those of the bars that were stretched.
    """
    prices = dict(prices)
    if prices["high"] is prices["low"]:
        return prices, np.empty(0, np.int64)
    body = prices["open"], prices["close"]
    most, least = np.maximum(*body), np.minimum(*body)
    high, low = prices["high"], prices["low"]
    with np.errstate(invalid="ignore"):  # of infinite prices, which are refused later
        above = (most > high) & (most - high <= rounding * _smaller(most, high))
        below = (least < low) & (low - least <= rounding * _smaller(least, low))
    rows = np.flatnonzero(above | below)
    if len(rows):
        prices["high"] = np.where(above, most, high)
        prices["low"] = np.where(below, least, low)
    return prices, rows


def _smaller(one: Float64s, other: Float64s) -> Float64s:
    return np.minimum(np.abs(one), np.abs(other))
