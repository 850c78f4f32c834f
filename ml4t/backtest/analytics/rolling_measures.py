"""Measures of the last so many sessions, at each session."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd


def rolling_measures(
    returns: pd.Series, window: int, periods_per_year: float, benchmark: pd.Series | None = None
) -> pd.DataFrame:
    """Measure windows of sessions.

    Parameters
    ----------
    returns : Series
        Simple returns by session.
    window : int
        Sessions in each.
    periods_per_year : float
    benchmark : Series, optional
        Simple returns of the same sessions.

    Returns
    -------
    DataFrame
        A row for each session, by the last of its window; NaN before the first window is full. ``return`` is
        compounded; ``volatility``, ``sharpe`` and ``sortino`` are annual, by the formulas of the whole run; ``drawdown`` is
        the last value against the highest of the window. With a benchmark ``beta`` and ``correlation``.
    """
    rolling = returns.rolling(window)
    mean, deviation = rolling.mean(), rolling.std()
    downside = np.sqrt((returns.clip(upper=0.0) ** 2).rolling(window).mean())
    worth = (1.0 + returns).cumprod()
    before = worth.shift(window)
    before.iloc[window - 1 : window] = 1.0
    year = math.sqrt(periods_per_year)
    frame = pd.DataFrame(
        {
            "return": worth / before - 1.0,
            "volatility": deviation * year,
            "sharpe": mean / deviation * year,
            "sortino": mean / downside * year,
            "drawdown": worth / worth.rolling(window).max() - 1.0,
        }
    )
    if benchmark is None:
        return frame
    both = returns.reindex(benchmark.index)
    covariance = both.rolling(window).cov(benchmark)
    frame["beta"] = covariance / benchmark.rolling(window).var()
    spread = both.rolling(window).std() * benchmark.rolling(window).std()
    # Equal returns do not vary together with anything.
    frame["correlation"] = (covariance / spread.where(spread > 0.0)).clip(-1.0, 1.0)
    return frame
