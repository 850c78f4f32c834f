"""Weights that a strategy asks for: an array of them, or one by one."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def weights_in(weights: Any, n_assets: int) -> NDArray[np.float64]:
    """Return a weight per asset as an array, shape (n_assets,).

    Raises
    ------
    ValueError
        If there is another number of them, or one is infinite.
    """
    array = np.ascontiguousarray(weights, np.float64)
    if array.shape != (n_assets,):
        raise ValueError(
            f"weights must have one value per asset, shape ({n_assets},), had {array.shape}"
        )
    if np.isinf(array).any():
        raise ValueError("weights must be finite or NaN, one was infinite")
    return array


def weight_in(asset: Any, weight: Any) -> float:
    """Return the weight of an asset.

    Raises
    ------
    ValueError
        If it is infinite.
    """
    number = float(weight)
    if abs(number) == np.inf:
        raise ValueError(f"weight of {asset!r} must be finite or NaN, was {weight!r}")
    return number
