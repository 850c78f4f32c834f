"""Which points of a long curve are drawn."""

import numpy as np

POINTS = 4_000  # more than a picture has columns


def thinned(values: np.ndarray, points: int = POINTS) -> np.ndarray:
    """Return positions to draw: all of a short curve, else the extremes of about ``points``/2 pieces.

    No peak or trough is lost; every n-th point would lose most. NaN is neither.
    """
    n = len(values)
    if n <= points:
        return np.arange(n)
    piece = -(-n // (points // 2))
    starts = np.arange(0, n, piece)
    filling = np.full(-n % piece, np.nan)
    blocks = np.concatenate([values, filling]).reshape(-1, piece)
    is_nan = np.isnan(blocks)
    lowest = np.where(is_nan, np.inf, blocks).argmin(axis=1)
    highest = np.where(is_nan, -np.inf, blocks).argmax(axis=1)
    return np.unique(np.concatenate([[0], starts + lowest, starts + highest, [n - 1]]))
