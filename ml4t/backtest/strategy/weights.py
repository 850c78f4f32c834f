"""Weights that a strategy asks for: an array of them, or one by one."""

from collections import Counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

NO_NUMBERS = str | bytes | bool | np.bool_
"""What float() takes for a number, and nobody means as a weight."""


def weights_in(weights: Any, n_assets: int) -> NDArray[np.float64]:
    """Return a weight per asset as an array, shape (n_assets,).

    Raises
    ------
    ValueError
        If they are no numbers, if there is another number of them, or one is infinite.
    """
    given = np.asarray(weights)
    kind = given.dtype.kind
    if kind in "bSU" or (kind == "O" and any(isinstance(one, NO_NUMBERS) for one in given.flat)):
        raise ValueError(f"weights must be numbers (0.5 is 50%), had values of type {given.dtype}")
    array = np.ascontiguousarray(given, np.float64)
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
        If it is no number, or infinite.
    """
    if isinstance(weight, NO_NUMBERS):
        raise ValueError(f"weight of {asset!r} must be a number (0.5 is 50%), was {weight!r}")
    number = float(weight)
    if abs(number) == np.inf:
        raise ValueError(f"weight of {asset!r} must be finite or NaN, was {weight!r}")
    return number


def mapping_of(weights: Any) -> dict[Any, Any]:
    """Return a Series of weights as a mapping.

    Raises
    ------
    ValueError
        If it is none, or an asset stands in it twice: one of the two weights would be lost.
    """
    if getattr(weights, "ndim", 1) != 1:
        raise ValueError(
            f"weights must be a mapping, a Series or an array, was a {type(weights).__name__}"
        )
    mapping: dict[Any, Any] = weights.to_dict()
    labels = list(getattr(weights, "index", mapping))
    if len(mapping) < len(labels):
        again = Counter(labels).most_common(1)[0][0]
        raise ValueError(f"weights name {again!r} more than once: give one weight for each asset")
    return mapping
