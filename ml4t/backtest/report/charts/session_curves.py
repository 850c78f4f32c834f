"""Curves with a value for each session: a benchmark, and measures of windows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from ml4t.backtest.analytics.benchmark_returns import beside
from ml4t.backtest.report.charts.charted_run import ChartedRun


def session_times(run: ChartedRun) -> pd.DatetimeIndex:
    """Return the last timestamp of each session, on the clock of the prices and without a zone."""
    return pd.DatetimeIndex(run.equity.index).tz_localize(None)[run._session_ends]


def benchmark_curve(run: ChartedRun, benchmark: Any) -> tuple[pd.DatetimeIndex, np.ndarray]:
    """Return what the initial cash would have become with the returns of a benchmark.

    Returns
    -------
    times : DatetimeIndex, shape (n,)
    worth : float64 array, shape (n,), currency
        At the end of each session compared; where the benchmark has no return of the first, that is the initial cash.

    Raises
    ------
    AnalysisError
        If it is no series of returns by date, or covers less than the run.
    """
    theirs = beside(run.returns, benchmark)[1].to_numpy()
    times = session_times(run)
    growth = np.cumprod(1.0 + theirs)
    if len(growth) < len(times):  # nothing is held before the end of the first session
        growth = np.append(1.0, growth)
    return times, run.config.initial_cash * growth
