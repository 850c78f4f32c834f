"""Leverage and drawdown of an equity curve; minute curves have millions of points."""

import numpy as np

BLOCK = 1_000


def leverage(gross: np.ndarray, equity: np.ndarray) -> np.ndarray:
    """Return gross exposure over equity; NaN where equity is not positive."""
    if len(equity) == 0 or equity.min() > 0.0:
        return gross / equity
    return np.divide(gross, equity, out=np.full(len(equity), np.nan), where=equity > 0.0)


def drawdown(equity: np.ndarray, initial_cash: float) -> np.ndarray:
    """Return equity/peak - 1, the peak counted from the initial cash on."""
    peak = running_peak(equity, initial_cash)
    fraction = np.divide(equity, peak, out=peak)
    return np.subtract(fraction, 1.0, out=fraction)


def running_peak(values: np.ndarray, start: float) -> np.ndarray:
    """Return the highest of ``start`` and all values up to each one.

    NumPy's own running maximum takes one value at a time. Most of a curve lies below an old peak, so
    blocks without a new one, found eight values at a time, are filled with it.
    """
    whole = len(values) // BLOCK * BLOCK
    blocks = values[:whole].reshape(-1, BLOCK)
    peak_after = np.maximum.accumulate(np.concatenate(([start], blocks.max(axis=1))))
    rising = np.flatnonzero(peak_after[1:] > peak_after[:-1])
    if len(rising) * 4 > len(blocks):
        return np.maximum(np.maximum.accumulate(values), start)
    peak = np.empty(len(values))
    peak_blocks = peak[:whole].reshape(-1, BLOCK)
    peak_blocks[:] = peak_after[:-1, np.newaxis]
    for i in rising:
        np.maximum(np.maximum.accumulate(blocks[i]), peak_after[i], out=peak_blocks[i])
    np.maximum(np.maximum.accumulate(values[whole:]), peak_after[-1], out=peak[whole:])
    return peak
