"""How sure a Sharpe ratio is."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import NamedTuple

import numpy as np


class SharpeMoments(NamedTuple):
    """What the probability of a Sharpe ratio is made of.

    Attributes
    ----------
    sharpe : float
        Per period: mean/sample standard deviation (n - 1).
    n : int
        Returns.
    skewness, kurtosis : float
        Third and fourth standardised moment, by n; a normal distribution has 0 and 3.
    """

    sharpe: float
    n: int
    skewness: float
    kurtosis: float


def sharpe_moments(returns: np.ndarray) -> SharpeMoments:
    """Return the moments of returns; NaN where they do not vary, or one is no number.

    Parameters
    ----------
    returns : float64 array, shape (n,)
    """
    n = len(returns)
    if n < 2 or not np.isfinite(returns).all() or returns.min() == returns.max():
        return SharpeMoments(math.nan, n, math.nan, math.nan)
    mean = float(returns.mean())
    apart = returns - mean
    square = apart * apart
    variance = float(square.mean())
    return SharpeMoments(
        mean / math.sqrt(variance * n / (n - 1)),
        n,
        float((square * apart).mean()) / variance**1.5,
        float((square * square).mean()) / variance**2,
    )


def probabilistic_sharpe(
    sharpe: float, n: int, skewness: float, kurtosis: float, benchmark: float = 0.0
) -> float:
    """Return the probability that the true Sharpe ratio is above that of a benchmark.

    Parameters
    ----------
    sharpe : float
        Estimated, per period: not annual.
    n : int
        Returns that it was estimated from.
    skewness : float
    kurtosis : float
        Not the excess: 3 for a normal distribution.
    benchmark : float
        The Sharpe ratio to be above, per period.

    Returns
    -------
    float
        0 to 1; NaN with fewer than two returns, or where something is NaN.

    Notes
    -----
    Φ((SR - SR*)·√(n - 1)/√(1 - γ3·SR + (γ4 - 1)/4·SR²)): D. Bailey and M. López de Prado, "The Sharpe Ratio Efficient
    Frontier", *Journal of Risk* 15(2), 2012. It takes returns to be independent, and knows nothing of how many strategies
    were tried.
    """
    if n < 2:
        return math.nan
    variance = 1.0 - skewness * sharpe + (kurtosis - 1.0) / 4.0 * sharpe**2
    above = (sharpe - benchmark) * math.sqrt(n - 1)
    if math.isnan(variance) or math.isnan(above) or variance < 0.0:
        return math.nan
    if variance == 0.0:
        return 0.5 if above == 0.0 else float(above > 0.0)
    return NormalDist().cdf(above / math.sqrt(variance))
