"""What the signals, indicators and context values of entries said of the trades that followed."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from ml4t.backtest.analytics.trade_groups import by_quantile


def entry_correlations(trips: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """Correlate columns of the entry with what the closed trades returned.

    Parameters
    ----------
    trips : DataFrame
        What :func:`~ml4t.backtest.analytics.round_trips.round_trips` returns.
    columns : sequence of str

    Returns
    -------
    DataFrame, a row for each column
        ``trades`` that have a value; ``correlation`` (Pearson) and ``rank_correlation`` (Spearman) with their
        returns; ``information_coefficient``, the rank correlation with the return of the asset, and its
        ``t_statistic``. NaN with fewer than three values, or where all are equal.

    Notes
    -----
    The information coefficient is that of Grinold and Kahn, *Active Portfolio Management* (2000): a
    forecast is of the asset, not of the trade, so the return of a short trade changes its sign. It is the trade's
    before commission and slippage, side·gross_pnl/(entry_price·quantity). t is ic·√((n - 2)/(1 - ic²)); trades that
    overlap are no independent draws, and it flatters them.
    """
    closed = trips.loc[~trips["is_open"].to_numpy()]
    returned = closed["return"].to_numpy()
    with np.errstate(divide="ignore", invalid="ignore"):
        basis = closed["entry_price"].abs().to_numpy() * closed["quantity"].to_numpy()
        gross = closed["gross_pnl"].to_numpy() / basis
    of_asset = np.where((closed["side"] == "short").to_numpy(), -gross, gross)
    usable = np.isfinite(returned) & np.isfinite(of_asset)
    rows = []
    for name in columns:
        value = closed[name].to_numpy()
        known = usable & ~np.isnan(value)
        ranks = _ranks(value[known])
        coefficient = correlation(ranks, _ranks(of_asset[known]))
        rows.append(
            {
                "trades": int(known.sum()),
                "correlation": correlation(value[known], returned[known]),
                "rank_correlation": correlation(ranks, _ranks(returned[known])),
                "information_coefficient": coefficient,
                "t_statistic": t_statistic(coefficient, int(known.sum())),
            }
        )
    names = ["trades", "correlation", "rank_correlation", "information_coefficient", "t_statistic"]
    frame = pd.DataFrame(rows, columns=names, index=pd.Index(columns, name="column", dtype=object))
    return frame.astype({"trades": np.int64})


def hit_rates(trips: pd.DataFrame, columns: Sequence[str], n: int) -> pd.DataFrame:
    """Return the share of winners among the closed trades of each quantile of each column.

    Returns
    -------
    DataFrame
        A row for each column; quantiles 1 (the lowest) to n. NaN where a column has fewer.
    """
    closed = trips.loc[~trips["is_open"].to_numpy()]
    wins = closed["pnl"].to_numpy() > 0.0
    rates = np.full((len(columns), n), np.nan)
    for row, name in enumerate(columns):
        codes = by_quantile(closed[name].to_numpy(), n).codes
        known = codes >= 0
        count = np.bincount(codes[known], minlength=n)
        won = np.bincount(codes[known], wins[known], minlength=n)
        np.divide(won, count, out=rates[row], where=count > 0)
    quantiles = pd.RangeIndex(1, n + 1, name="quantile")
    return pd.DataFrame(rates, pd.Index(columns, name="column", dtype=object), quantiles)


def correlation(one: np.ndarray, other: np.ndarray) -> float:
    """Return Pearson's correlation; NaN of fewer than three values, or where all of one are equal."""
    if len(one) < 3 or one.min() == one.max() or other.min() == other.max():
        return math.nan
    with np.errstate(invalid="ignore", over="ignore"):
        x, y = one - one.mean(), other - other.mean()
        found = float(x @ y / math.sqrt(float(x @ x) * float(y @ y)))
    return max(-1.0, min(1.0, found)) if math.isfinite(found) else math.nan


def t_statistic(coefficient: float, n: int) -> float:
    """Return ic·√((n - 2)/(1 - ic²)); infinite of a perfect one."""
    if math.isnan(coefficient):
        return math.nan
    rest = 1.0 - coefficient**2
    return (
        coefficient * math.sqrt((n - 2) / rest)
        if rest > 0.0
        else math.copysign(math.inf, coefficient)
    )


def _ranks(values: np.ndarray) -> np.ndarray:
    return pd.Series(values).rank().to_numpy()
