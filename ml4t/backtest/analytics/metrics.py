"""Performance measures, by the formulas of empyrical-reloaded and, for growth, of ffn.

Returns are simple returns, one per session: per bar for daily and slower data. The risk-free rate and
the required return are 0. Growth is by the time that passed, and how many returns make a year is
counted; under a month nothing is annualised. A return after equity was zero or less has no meaning: it
is NaN, and so is every measure made of it.
"""

from typing import Any

import numpy as np
import pandas as pd

from ml4t.backtest.analytics.years import elapsed_years
from ml4t.backtest.analytics.years import periods_per_year as annual_periods
from ml4t.backtest.market.sessions import session_ends

LEAST_YEARS = 30 / 365.25
"""A month: what fewer days did says nothing of a year, and is not annualised."""


def simple_returns(equity: np.ndarray, initial: float) -> np.ndarray:
    """Return equity[i]/equity[i - 1] - 1, the first one against ``initial``; NaN after equity <= 0."""
    if len(equity) == 0:
        return np.empty(0)
    before = np.concatenate(([initial], equity[:-1]))
    before[before <= 0.0] = np.nan
    return equity / before - 1.0


def annual_return(returns: np.ndarray, years: float) -> float:
    """Return the compound annual growth rate: (product of 1 + r)^(1/years) - 1.

    NaN without returns or years, or when the growth is negative and has no such power.
    """
    if len(returns) == 0 or np.isnan(years):  # 1 to the power of NaN is 1
        return np.nan
    with np.errstate(invalid="ignore", over="ignore"):
        return float(np.power(np.prod(1.0 + returns), 1.0 / years) - 1.0)


def annual_volatility(returns: np.ndarray, periods_per_year: float) -> float:
    """Return the sample standard deviation of the returns (n - 1) times sqrt(periods_per_year)."""
    if len(returns) < 2:
        return np.nan
    return _deviation(returns) * np.sqrt(periods_per_year)


def sharpe_ratio(returns: np.ndarray, periods_per_year: float) -> float:
    """Return mean/standard deviation (n - 1) times sqrt(periods_per_year); NaN when both are 0."""
    if len(returns) < 2:
        return np.nan
    return _ratio(returns.mean(), _deviation(returns)) * np.sqrt(periods_per_year)


def sortino_ratio(returns: np.ndarray, periods_per_year: float) -> float:
    """Return mean/sqrt(mean(min(r, 0)^2)) times sqrt(periods_per_year); NaN when both are 0."""
    if len(returns) < 2:
        return np.nan
    downside = np.sqrt(np.mean(np.square(np.minimum(returns, 0.0))))
    return _ratio(returns.mean(), downside) * np.sqrt(periods_per_year)


def calmar_ratio(growth: float, max_drawdown: float) -> float:
    """Return the annual return over the size of the largest drawdown; NaN when there was none."""
    return growth / -max_drawdown if max_drawdown < 0.0 else np.nan


def _deviation(returns: np.ndarray) -> float:
    # Equal returns have no dispersion, but their rounded mean may leave a residue of 1e-18.
    return 0.0 if returns.min() == returns.max() else float(np.std(returns, ddof=1))


def _ratio(above: float, below: float) -> float:
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(np.divide(above, below))


def longest_drawdown(timestamps: np.ndarray, drawdown: np.ndarray) -> int:
    """Return the longest time from a peak to its recovery, or to the end, in nanoseconds."""
    n = len(drawdown)
    if n == 0:
        return 0
    peaks = np.flatnonzero(drawdown >= 0.0)
    # A curve that starts or ends under water is measured from its first, or to its last, timestamp.
    edges = np.concatenate(([0], peaks, [n - 1]))
    under_water = np.diff(np.concatenate(([-1], peaks, [n]))) > 1
    return int(np.max(np.diff(timestamps[edges])[under_water], initial=0))


def measured_years(timestamps: np.ndarray) -> float:
    """Return the years from the first to the last timestamp; NaN under a month."""
    years = elapsed_years(timestamps)
    return years if years >= LEAST_YEARS else np.nan


def performance_metrics(
    equity: pd.DataFrame,
    trades: pd.DataFrame,
    *,
    initial_cash: float,
    traded_value: float,
    commission: float,
    slippage_cost: float,
    time_zone: str | None = None,
    periods_per_year: float | None = None,
) -> dict[str, Any]:
    """Measure a run.

    Parameters
    ----------
    equity, trades : DataFrame
        The frames of a result.
    initial_cash : float, currency
    traded_value, commission, slippage_cost : float, currency
        Sums over all fills, those of open positions too.
    time_zone : str, optional
        Whose days are sessions; UTC if None.
    periods_per_year : float, optional
        Returns in a year; counted on the time axis if None.

    Returns
    -------
    dict
        The names and definitions are listed in ``docs/results.md``.
    """
    stamps, value = equity.index.asi8, equity["equity"].to_numpy()
    ends = session_ends(stamps, time_zone)
    returns = simple_returns(value[ends], initial_cash)
    years = measured_years(stamps)
    if periods_per_year is None:
        periods_per_year = np.nan if np.isnan(years) else annual_periods(stamps[ends])
    drawdown = equity["drawdown"].to_numpy()
    largest = min(0.0, float(drawdown.min())) if len(drawdown) else np.nan
    growth = annual_return(returns, years)
    return {
        "start": equity.index[0] if len(equity) else pd.NaT,
        "end": equity.index[-1] if len(equity) else pd.NaT,
        "timestamps": len(equity),
        "sessions": len(ends),
        "periods_per_year": float(periods_per_year),
        "initial_cash": initial_cash,
        "final_equity": float(value[-1]) if len(value) else initial_cash,
        "total_return": float(value[-1]) / initial_cash - 1.0 if len(value) else 0.0,
        "cagr": growth,
        "volatility": annual_volatility(returns, periods_per_year),
        "sharpe": sharpe_ratio(returns, periods_per_year),
        "sortino": sortino_ratio(returns, periods_per_year),
        "calmar": calmar_ratio(growth, largest),
        "max_drawdown": largest,
        "max_drawdown_duration": pd.Timedelta(longest_drawdown(stamps, drawdown), unit="ns"),
        **_activity(equity, value, traded_value, years),
        **trade_metrics(trades),
        "commission": commission,
        "slippage_cost": slippage_cost,
    }


def _activity(
    equity: pd.DataFrame, value: np.ndarray, traded_value: float, years: float
) -> dict[str, float]:
    gross = equity["gross_exposure"].to_numpy()
    mean_equity = float(value.mean()) if len(value) else np.nan
    return {
        "exposure": np.count_nonzero(gross != 0.0) / len(gross) if len(gross) else np.nan,
        "turnover": _ratio(traded_value / 2.0, mean_equity * years)
        if mean_equity > 0.0
        else np.nan,
    }


def trade_metrics(trades: pd.DataFrame) -> dict[str, Any]:
    """Measure the round trips: their number, win rate, profit factor, averages, and exits by rule."""
    profit = trades["net_pnl"].to_numpy()
    wins, losses = profit[profit > 0.0], profit[profit < 0.0]
    count = len(profit)
    return {
        "trades": count,
        "win_rate": len(wins) / count if count else np.nan,
        "profit_factor": _ratio(wins.sum(), abs(losses.sum())),
        "expectancy": float(profit.mean()) if count else np.nan,
        "average_win": float(wins.mean()) if len(wins) else np.nan,
        "average_loss": float(losses.mean()) if len(losses) else np.nan,
        "average_bars_held": float(trades["bars_held"].to_numpy().mean()) if count else np.nan,
        "exits_by_rule": exits_by_rule(trades),
    }


def exits_by_rule(trades: pd.DataFrame) -> dict[str, int]:
    """Count trades by the rule that closed them, most frequent first; by the reason where no rule did."""
    rule, reason = trades["rule"].cat, trades["reason"].cat
    codes = rule.codes.to_numpy()
    counts = _counts(rule.categories, codes[codes >= 0])
    for name, count in _counts(reason.categories, reason.codes.to_numpy()[codes < 0]).items():
        counts[name] = counts.get(name, 0) + count
    return dict(sorted(counts.items(), key=lambda item: -item[1]))


def _counts(names: pd.Index, codes: np.ndarray) -> dict[str, int]:
    # Code -1, a missing name, is counted at 0.
    counted = np.bincount(codes + 1, minlength=1).tolist()
    named = {"unknown": counted[0], **dict(zip(names.tolist(), counted[1:], strict=False))}
    return {name: count for name, count in named.items() if count}
