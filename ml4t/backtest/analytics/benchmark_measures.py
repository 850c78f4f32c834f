"""A run beside a benchmark: measures that empyrical computes, annualised by the returns that make a year here."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from ml4t.backtest.analytics.libraries import library

BENCHMARK_MEASURES = (
    "benchmark_return",
    "alpha",
    "beta",
    "correlation",
    "tracking_error",
    "information_ratio",
    "up_capture",
    "down_capture",
)
"""The measures of a run beside a benchmark, in order."""
PACKAGE = "empyrical-reloaded"


def benchmark_measures(
    returns: pd.Series,
    benchmark: pd.Series,
    periods_per_year: float,
    only: Sequence[str] = BENCHMARK_MEASURES,
) -> dict[str, float]:
    """Measure a run beside a benchmark.

    Parameters
    ----------
    returns, benchmark : Series
        Simple returns of the same sessions.
    periods_per_year : float
        NaN where nothing is annualised.
    only : sequence of str
        Some of :data:`BENCHMARK_MEASURES`.

    Returns
    -------
    dict of str to float
        NaN where there is nothing to measure: fewer than two sessions, equity of zero or less.

    Raises
    ------
    ImportError
        If empyrical-reloaded is not installed.

    Notes
    -----
    ``empyrical.alpha_beta``, ``excess_sharpe`` and ``annual_return``, with ``periods_per_year`` in place of 252 days. The
    information ratio and the tracking error are annual, by √periods_per_year.
    """
    stats = library("empyrical", PACKAGE, "benchmark=")
    r, b = returns.to_numpy(np.float64), benchmark.to_numpy(np.float64)
    measured = dict.fromkeys(BENCHMARK_MEASURES, math.nan)
    if len(b):
        measured["benchmark_return"] = float(np.prod(1.0 + b) - 1.0)
    if len(r) >= 2 and np.isfinite(r).all():
        with np.errstate(all="ignore"):
            measured |= _of_pairs(stats, r, b, periods_per_year)
    return {name: measured[name] for name in only}


def _of_pairs(stats: Any, r: np.ndarray, b: np.ndarray, periods: float) -> dict[str, float]:
    alpha, beta = (
        stats.alpha_beta_aligned(r, b, annualization=periods) if np.ptp(b) else [math.nan] * 2
    )
    apart = r - b
    return {
        "alpha": float(alpha),
        "beta": float(beta),
        "correlation": float(np.corrcoef(r, b)[0, 1]) if np.ptp(b) and np.ptp(r) else math.nan,
        "tracking_error": float(stats.annual_volatility(apart, annualization=periods)),
        "information_ratio": float(stats.excess_sharpe(r, b)) * math.sqrt(periods),
        "up_capture": _capture(stats, r, b, b > 0.0, periods),
        "down_capture": _capture(stats, r, b, b < 0.0, periods),
    }


def _capture(
    stats: Any, r: np.ndarray, b: np.ndarray, sessions: np.ndarray, periods: float
) -> float:
    """Return the annual growth of the run over that of the benchmark in some sessions alone."""
    if not sessions.any() or math.isnan(periods):
        return math.nan
    ours, theirs = (stats.annual_return(x[sessions], annualization=periods) for x in (r, b))
    return float(ours / theirs)
