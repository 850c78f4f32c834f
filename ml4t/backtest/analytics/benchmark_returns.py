"""The returns of a benchmark, held against the sessions of a run before anything is computed with them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from ml4t.backtest.analytics.errors import AnalysisError

LIKE_PRICES = 0.5
"""No series of returns has a median above it; of prices nearly all have."""


def beside(returns: pd.Series, benchmark: Any) -> tuple[pd.Series, pd.Series]:
    """Return the returns of a run and those of a benchmark over the same sessions.

    Parameters
    ----------
    returns : Series
        Of the run, by session.
    benchmark : Series, one-column DataFrame or mapping
        Simple returns by date. NaN is no return. Dates with a zone are read on its clock.

    Returns
    -------
    returns, benchmark : Series
        By session. Returns of the benchmark between two sessions of the run are compounded into the later one.
        The first session is left out where the benchmark has none: nothing is held before it.

    Raises
    ------
    AnalysisError
        If it is no such series, or a session of the run but the first has no return in it.
    """
    given = _returns_by_date(benchmark)
    sessions = pd.DatetimeIndex(returns.index)
    if len(sessions) == 0:
        return returns, pd.Series(np.empty(0), index=sessions, name="benchmark")
    dates = sessions.as_unit("s")
    place = given.index.get_indexer(dates)
    begin = 1 if place[0] < 0 else 0
    missing = place[begin:] < 0
    if missing.any():
        raise AnalysisError(_uncovered(given, sessions, begin, missing))
    place = place[begin:]
    growth = np.ones(len(place))
    if len(place):
        # Behind the session before; of the first session its own return alone.
        first = given.index.searchsorted(dates[0], "right") if begin else place[0]
        starts = np.append(first, place[:-1] + 1)
        growth = np.multiply.reduceat(1.0 + given.to_numpy()[: place[-1] + 1], starts)
    aligned = pd.Series(growth - 1.0, index=sessions[begin:], name="benchmark")
    return returns.iloc[begin:], aligned


def _uncovered(
    given: pd.Series, sessions: pd.DatetimeIndex, begin: int, missing: np.ndarray
) -> str:
    first, last = (f"{one:%Y-%m-%d}" for one in (given.index[0], given.index[-1]))
    which = sessions[begin:][missing]
    has = "has" if len(which) == 1 else "have"
    return (
        f"the benchmark covers {first} to {last}, the run {sessions[0]:%Y-%m-%d} to {sessions[-1]:%Y-%m-%d}: "
        f"{len(which):,} of its {len(sessions):,} sessions {has} no return in it, the first {which[0]:%Y-%m-%d}"
    )


def _returns_by_date(benchmark: Any) -> pd.Series:
    series = _as_series(benchmark)
    dates = _dates(series.index)
    try:
        values = series.to_numpy(np.float64)
    except (TypeError, ValueError):
        raise AnalysisError(
            f"benchmark must hold numbers, its returns; it holds {series.dtype}"
        ) from None
    known = ~np.isnan(values)
    found = pd.Series(values[known], index=dates[known]).sort_index()
    if len(found) == 0:
        raise AnalysisError("benchmark has no return: all of its values are missing")
    if not found.index.is_unique:
        twice = found.index[found.index.duplicated()][0]
        raise AnalysisError(
            f"benchmark has several returns of {twice:%Y-%m-%d}; give one for each session: "
            "(1 + benchmark).groupby(benchmark.index.date).prod() - 1"
        )
    if found.median() > LIKE_PRICES:
        raise AnalysisError(
            f"benchmark looks like prices (the median is {found.median():g}); give its returns: "
            "benchmark.pct_change()"
        )
    wrong = found[(found < -1.0) | np.isinf(found)]
    if len(wrong):
        raise AnalysisError(
            f"benchmark has a return of {wrong.iloc[0]:g} at {wrong.index[0]:%Y-%m-%d}; returns are fractions, "
            "-0.01 for one percent down, finite and not below -1"
        )
    return found


def _as_series(benchmark: Any) -> pd.Series:
    if isinstance(benchmark, pd.Series):
        return benchmark
    if isinstance(benchmark, pd.DataFrame) and benchmark.shape[1] == 1:
        return benchmark.iloc[:, 0]
    if isinstance(benchmark, Mapping):
        return pd.Series(dict(benchmark), dtype=object)
    shape = f" of {benchmark.shape[1]} columns" if isinstance(benchmark, pd.DataFrame) else ""
    raise AnalysisError(
        "benchmark must be a pandas Series of simple returns by date, was "
        f"{type(benchmark).__name__}{shape}"
    )


def _dates(index: pd.Index) -> pd.DatetimeIndex:
    if isinstance(index, pd.PeriodIndex):
        index = index.to_timestamp()
    if index.dtype.kind in "iufb" or isinstance(index, pd.MultiIndex):
        raise AnalysisError(
            "benchmark must have dates as its index, so that its returns find their sessions"
        )
    try:
        times = pd.DatetimeIndex(index)
    except (TypeError, ValueError, OverflowError) as error:
        raise AnalysisError(f"benchmark must have dates as its index: {error}") from error
    if times.hasnans:
        raise AnalysisError("benchmark must have dates as its index: one of them is missing")
    return times.tz_localize(None).normalize().as_unit("s")
