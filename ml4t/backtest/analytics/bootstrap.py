"""How far measures of a run may lie from what they would be: its sessions drawn again, in blocks."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd

from ml4t.backtest.analytics.errors import AnalysisError
from ml4t.backtest.analytics.libraries import library
from ml4t.backtest.analytics.metrics import annual_return, sharpe_ratio
from ml4t.backtest.analytics.period_tables import max_drawdown

LEAST_SESSIONS = 20
MEASURES = ("sharpe", "cagr", "max_drawdown")


def bootstrap_intervals(
    returns: np.ndarray,
    *,
    periods_per_year: float,
    years: float,
    samples: int,
    block: float | None,
    level: float,
    seed: int,
) -> pd.DataFrame:
    """Draw the sessions of a run again and again, and return between what its measures lie.

    Parameters
    ----------
    returns : float64 array, shape (n,)
        Simple returns, one a session.
    periods_per_year, years : float
        NaN where nothing is annualised.
    samples : int
    block : float, optional
        Mean length of a block, in sessions; by default the best for the autocorrelation of the returns.
    level : float
        What share of the samples lies within.
    seed : int

    Returns
    -------
    DataFrame, index ``measure``
        ``value``, ``low``, ``high`` and ``standard_error`` of ``sharpe``, ``cagr`` and ``max_drawdown``. Its ``attrs``
        have ``block``, ``samples``, ``level`` and ``seed``.

    Raises
    ------
    AnalysisError
        If there are fewer than 20 sessions, or equity was zero or less.
    ImportError
        If arch is not installed.

    Notes
    -----
    The stationary bootstrap of D. Politis and J. Romano (*JASA* 89, 1994) keeps what follows what within blocks of random
    length. The best mean length is that of D. Politis and H. White (*Econometric Reviews* 23, 2004), corrected by A.
    Patton, D. Politis and H. White (28, 2009). Intervals are percentiles of the samples. All of it is arch's.
    """
    if block is not None and not block >= 1.0:
        raise AnalysisError(f"block is a mean length in sessions, at least 1, was {block!r}")
    if not 0.0 < level < 1.0:
        raise AnalysisError(f"level is a share of the samples, between 0 and 1, was {level!r}")
    if len(returns) < LEAST_SESSIONS:
        raise AnalysisError(
            f"the run has {len(returns)} sessions, and {LEAST_SESSIONS} are the least that can be drawn from"
        )
    if not np.isfinite(returns).all():
        raise AnalysisError("equity was zero or less: the returns after it mean nothing")
    arch = library("arch.bootstrap", "arch", "bootstrap()")
    if block is None:
        block = _best_block(arch, returns)
    bootstrap = arch.StationaryBootstrap(block, returns, seed=np.random.default_rng(seed))

    def measured(sample: np.ndarray) -> np.ndarray:
        growth = annual_return(sample, years)
        return np.array([sharpe_ratio(sample, periods_per_year), growth, max_drawdown(sample)])

    drawn = bootstrap.apply(measured, samples)
    drawn[~np.isfinite(drawn)] = np.nan
    rest = (1.0 - level) / 2.0
    columns = [_summary(column, rest) for column in drawn.T]
    frame = pd.DataFrame(
        columns, pd.Index(MEASURES, name="measure"), ["low", "high", "standard_error"]
    )
    frame.insert(0, "value", measured(returns))
    frame.attrs = {"block": float(block), "samples": samples, "level": level, "seed": seed}
    return frame


def _best_block(arch: Any, returns: np.ndarray) -> float:
    if returns.min() == returns.max():
        return 1.0
    best = float(arch.optimal_block_length(returns)["stationary"].iloc[0])
    return max(1.0, best) if math.isfinite(best) else 1.0


def _summary(values: np.ndarray, rest: float) -> tuple[float, float, float]:
    known = values[~np.isnan(values)]
    if len(known) < 2:
        return math.nan, math.nan, math.nan
    low, high = np.quantile(known, [rest, 1.0 - rest])
    return float(low), float(high), float(known.std(ddof=1))
