"""Returns by month and by year."""

from __future__ import annotations

import calendar

import numpy as np
import pandas as pd

from ml4t.backtest.analytics.metrics import annual_volatility, sharpe_ratio

MONTHS = tuple(calendar.month_abbr[1:])


def monthly_table(returns: pd.Series) -> pd.DataFrame:
    """Return the compounded return of each month, a row a year.

    Parameters
    ----------
    returns : Series
        Simple returns by session.

    Returns
    -------
    DataFrame, index ``year``
        ``Jan`` to ``Dec``, and ``year``, the whole of it. NaN where a month has no session.
    """
    dates = pd.DatetimeIndex(returns.index)
    years, months = dates.year.to_numpy(np.int64), dates.month.to_numpy(np.int64)
    starts = _starts(years * 12 + months)
    of_years = _starts(years)
    index = pd.Index(years[of_years], name="year")
    table = np.full((len(index), 12), np.nan)
    table[index.get_indexer(years[starts]), months[starts] - 1] = _compounded(returns, starts)
    return pd.DataFrame(table, index, MONTHS).assign(year=_compounded(returns, of_years))


def yearly_table(
    returns: pd.Series, periods_per_year: float, benchmark: pd.Series | None = None
) -> pd.DataFrame:
    """Return what each calendar year did.

    Parameters
    ----------
    returns : Series
        Simple returns by session.
    periods_per_year : float
    benchmark : Series, optional
        Simple returns of the same sessions.

    Returns
    -------
    DataFrame, index ``year``
        ``sessions``, ``return``, ``volatility`` and ``sharpe`` (annual), ``max_drawdown`` of the returns within
        the year; with a benchmark ``benchmark``, its return, and ``excess``, the return less that.
    """
    years = pd.DatetimeIndex(returns.index).year.to_numpy(np.int64)
    starts = _starts(years)
    values = returns.to_numpy()
    parts = np.split(values, starts[1:]) if len(starts) else []
    table = pd.DataFrame(
        {
            "sessions": np.diff(np.append(starts, len(values))),
            "return": _compounded(returns, starts),
            "volatility": np.array([annual_volatility(part, periods_per_year) for part in parts]),
            "sharpe": np.array([sharpe_ratio(part, periods_per_year) for part in parts]),
            "max_drawdown": np.array([max_drawdown(part) for part in parts]),
        },
        index=pd.Index(years[starts], name="year"),
    )
    if benchmark is None:
        return table
    # A benchmark may have no return of the first session: the return is that of the whole year all the same.
    theirs = pd.Series(1.0 + benchmark.to_numpy()).groupby(
        pd.DatetimeIndex(benchmark.index).year.to_numpy()
    )
    table["benchmark"] = theirs.prod().reindex(table.index) - 1.0
    return table.assign(excess=table["return"] - table["benchmark"])


def max_drawdown(returns: np.ndarray) -> float:
    """Return the smallest value/peak - 1 of compounded returns, the peak counted from 1 on; 0 without a fall."""
    worth = np.append(1.0, np.cumprod(1.0 + returns))
    with np.errstate(divide="ignore", invalid="ignore"):
        return float((worth / np.maximum.accumulate(worth)).min() - 1.0)


def _starts(labels: np.ndarray) -> np.ndarray:
    return np.flatnonzero(np.diff(labels, prepend=labels[:1] - 1))


def _compounded(returns: pd.Series, starts: np.ndarray) -> np.ndarray:
    if len(starts) == 0:
        return np.empty(0)
    return np.multiply.reduceat(1.0 + returns.to_numpy(), starts) - 1.0
