"""Performance measures, by the formulas of empyrical-reloaded and, for growth, of ffn.

Returns are simple returns, one per session: per bar for daily and slower data. The risk-free rate and
the required return are 0. Growth is by the time that passed, and how many returns make a year is
counted; under a month nothing is annualised. A return after equity was zero or less has no meaning: it
is NaN, and so is every measure made of it.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from ml4t.backtest.analytics.years import elapsed_years, periods_between
from ml4t.backtest.market.sessions import session_ends
from ml4t.backtest.records.curve import underwater
from ml4t.backtest.records.measured import ClosedTrades, EquityCurve, closed_trades, equity_curve

LEAST_YEARS = 30 / 365.25
"""A month: what fewer days did says nothing of a year, and is not annualised."""


def simple_returns(equity: np.ndarray, initial: float) -> np.ndarray:
    """Return equity[i]/equity[i - 1] - 1, the first one against ``initial``; NaN after equity <= 0."""
    if len(equity) == 0:
        return np.empty(0)
    before = np.empty(len(equity))
    before[0] = initial
    before[1:] = equity[:-1]
    if not before.min() > 0.0:
        before[before <= 0.0] = np.nan
    returns = np.divide(equity, before, out=before)
    return np.subtract(returns, 1.0, out=returns)


class _Moments(NamedTuple):
    """Of returns: the product of 1 + r, their mean, sample standard deviation (n - 1), and
    sqrt(mean(min(r, 0)^2))."""

    growth: float
    mean: float
    deviation: float
    downside: float


def _moments(returns: np.ndarray) -> _Moments:
    n = len(returns)
    scratch = 1.0 + returns  # one array for all: fresh memory costs more than the sums
    with np.errstate(invalid="ignore", over="ignore"):
        growth = float(np.multiply.reduce(scratch))
    if n < 2:
        return _Moments(growth, math.nan, math.nan, math.nan)
    mean = float(np.add.reduce(returns)) / n
    np.square(np.subtract(returns, mean, out=scratch), out=scratch)
    variance = float(np.add.reduce(scratch)) / (n - 1)
    # Equal returns have no dispersion, but their rounded mean may leave a residue of 1e-18.
    is_one = returns[0] == returns[-1] and returns.min() == returns.max()
    np.square(np.minimum(returns, 0.0, out=scratch), out=scratch)
    downside = float(np.add.reduce(scratch)) / n
    return _Moments(growth, mean, 0.0 if is_one else math.sqrt(variance), math.sqrt(downside))


def annual_return(returns: np.ndarray, years: float) -> float:
    """Return the compound annual growth rate: (product of 1 + r)^(1/years) - 1.

    NaN without returns or years, or when the growth is negative and has no such power.
    """
    return _annual(_moments(returns).growth, years) if len(returns) else math.nan


def _annual(growth: float, years: float) -> float:
    if math.isnan(years):  # 1 to the power of NaN is 1
        return math.nan
    with np.errstate(invalid="ignore", over="ignore"):
        return float(np.power(growth, 1.0 / years) - 1.0)


def annual_volatility(returns: np.ndarray, periods_per_year: float) -> float:
    """Return the sample standard deviation of the returns (n - 1) times sqrt(periods_per_year)."""
    return _volatility(_moments(returns), periods_per_year)


def sharpe_ratio(returns: np.ndarray, periods_per_year: float) -> float:
    """Return mean/standard deviation (n - 1) times sqrt(periods_per_year); NaN when both are 0."""
    return _sharpe(_moments(returns), periods_per_year)


def sortino_ratio(returns: np.ndarray, periods_per_year: float) -> float:
    """Return mean/sqrt(mean(min(r, 0)^2)) times sqrt(periods_per_year); NaN when both are 0."""
    return _sortino(_moments(returns), periods_per_year)


def _volatility(moments: _Moments, periods_per_year: float) -> float:
    return moments.deviation * math.sqrt(periods_per_year)


def _sharpe(moments: _Moments, periods_per_year: float) -> float:
    return _ratio(moments.mean, moments.deviation) * math.sqrt(periods_per_year)


def _sortino(moments: _Moments, periods_per_year: float) -> float:
    return _ratio(moments.mean, moments.downside) * math.sqrt(periods_per_year)


def calmar_ratio(growth: float, max_drawdown: float) -> float:
    """Return the annual return over the size of the largest drawdown; NaN when there was none."""
    return growth / -max_drawdown if max_drawdown < 0.0 else np.nan


def _ratio(above: float, below: float) -> float:
    if below != 0.0:
        return above / below
    return math.copysign(math.inf, above) if above != 0.0 else math.nan


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
    spread_cost: float = 0.0,
    impact_cost: float = 0.0,
    time_zone: str | None = None,
    periods_per_year: float | None = None,
) -> dict[str, Any]:
    """Measure a run.

    Parameters
    ----------
    equity, trades : DataFrame
        The frames of a result.
    initial_cash : float, currency
    traded_value, commission, slippage_cost, spread_cost, impact_cost : float, currency
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
    curve = equity_curve(equity)
    return run_metrics(
        curve,
        closed_trades(trades),
        session_ends(curve.timestamps, time_zone),
        initial_cash=initial_cash,
        traded_value=traded_value,
        commission=commission,
        slippage_cost=slippage_cost,
        spread_cost=spread_cost,
        impact_cost=impact_cost,
        periods_per_year=periods_per_year,
    )


def run_metrics(
    curve: EquityCurve,
    trades: ClosedTrades,
    ends: np.ndarray,
    *,
    initial_cash: float,
    traded_value: float,
    commission: float,
    slippage_cost: float,
    spread_cost: float = 0.0,
    impact_cost: float = 0.0,
    periods_per_year: float | None = None,
    only: Sequence[str] | None = None,
) -> dict[str, Any]:
    """Measure a run as :func:`performance_metrics` does, without frames.

    Parameters
    ----------
    curve : EquityCurve
    trades : ClosedTrades
    ends : int64 array, shape (n_sessions,)
        The position of the last timestamp of each session.
    initial_cash, traded_value, commission, slippage_cost, spread_cost, impact_cost, periods_per_year
        As there.
    only : sequence of str, optional
        The measures that are asked for: what no other needs is not computed.
    """
    run = _Measured(
        curve,
        trades,
        ends,
        initial_cash,
        traded_value,
        commission,
        slippage_cost,
        spread_cost,
        impact_cost,
        periods_per_year,
    )
    return {name: MEASURES[name](run) for name in (MEASURES if only is None else only)}


@dataclass(frozen=True)
class _Measured:
    """What measures are made of, each part computed when the first measure needs it."""

    curve: EquityCurve
    trades: ClosedTrades
    ends: np.ndarray
    initial_cash: float
    traded_value: float
    commission: float
    slippage_cost: float
    spread_cost: float
    impact_cost: float
    given_periods: float | None

    @cached_property
    def moments(self) -> _Moments:
        value = self.curve.equity
        at_ends = value if len(self.ends) == len(value) else value[self.ends]
        return _moments(simple_returns(at_ends, self.initial_cash))

    @cached_property
    def years(self) -> float:
        return measured_years(self.curve.timestamps)

    @cached_property
    def periods(self) -> float:
        if self.given_periods is not None:
            return self.given_periods
        if math.isnan(self.years):
            return math.nan
        return periods_between(self.curve.timestamps, self.ends)

    @cached_property
    def growth(self) -> float:
        return _annual(self.moments.growth, self.years) if len(self.ends) else math.nan

    @cached_property
    def underwater(self) -> tuple[float, int]:
        return underwater(self.curve.timestamps, self.curve.equity, self.initial_cash)

    @property
    def largest_drawdown(self) -> float:
        return self.underwater[0] if len(self.curve.equity) else np.nan

    @cached_property
    def of_trades(self) -> dict[str, Any]:
        return _of_trades(self.trades)

    @property
    def final_equity(self) -> float:
        value = self.curve.equity
        return float(value[-1]) if len(value) else self.initial_cash

    def time(self, place: int) -> pd.Timestamp:
        stamps = self.curve.timestamps
        return _time(stamps[place]) if len(stamps) else pd.NaT

    def exposure(self) -> float:
        gross = self.curve.gross_exposure
        return np.count_nonzero(gross != 0.0) / len(gross) if len(gross) else np.nan

    def turnover(self) -> float:
        value = self.curve.equity
        mean = _mean(float(np.add.reduce(value)), len(value))
        return _ratio(self.traded_value / 2.0, mean * self.years) if mean > 0.0 else np.nan


MEASURES: Mapping[str, Callable[[_Measured], Any]] = {
    "start": lambda run: run.time(0),
    "end": lambda run: run.time(-1),
    "timestamps": lambda run: len(run.curve.timestamps),
    "sessions": lambda run: len(run.ends),
    "periods_per_year": lambda run: float(run.periods),
    "initial_cash": lambda run: run.initial_cash,
    "final_equity": lambda run: run.final_equity,
    "total_return": lambda run: (
        run.final_equity / run.initial_cash - 1.0 if len(run.curve.equity) else 0.0
    ),
    "cagr": lambda run: run.growth,
    "volatility": lambda run: _volatility(run.moments, run.periods),
    "sharpe": lambda run: _sharpe(run.moments, run.periods),
    "sortino": lambda run: _sortino(run.moments, run.periods),
    "calmar": lambda run: calmar_ratio(run.growth, run.largest_drawdown),
    "max_drawdown": lambda run: run.largest_drawdown,
    "max_drawdown_duration": lambda run: pd.Timedelta(run.underwater[1], unit="ns"),
    "exposure": _Measured.exposure,
    "turnover": _Measured.turnover,
    "trades": lambda run: len(run.trades.net_pnl),
    "win_rate": lambda run: run.of_trades["win_rate"],
    "profit_factor": lambda run: run.of_trades["profit_factor"],
    "expectancy": lambda run: run.of_trades["expectancy"],
    "average_win": lambda run: run.of_trades["average_win"],
    "average_loss": lambda run: run.of_trades["average_loss"],
    "average_bars_held": lambda run: run.of_trades["average_bars_held"],
    "exits_by_rule": lambda run: run.of_trades["exits_by_rule"],
    "commission": lambda run: run.commission,
    "slippage_cost": lambda run: run.slippage_cost,
    "spread_cost": lambda run: run.spread_cost,
    "impact_cost": lambda run: run.impact_cost,
    "other_cost": lambda run: run.slippage_cost - (run.spread_cost + run.impact_cost),
}
"""The measures of a run by name, in order."""


def _time(stamp: np.int64) -> pd.Timestamp:
    return pd.Timestamp(int(stamp), tz="UTC")


def trade_metrics(trades: pd.DataFrame) -> dict[str, Any]:
    """Measure the round trips: their number, win rate, profit factor, averages, and exits by rule."""
    return _of_trades(closed_trades(trades))


def _of_trades(trades: ClosedTrades) -> dict[str, Any]:
    profit = trades.net_pnl
    wins, losses = profit[profit > 0.0], profit[profit < 0.0]
    won, lost = float(np.add.reduce(wins)), float(np.add.reduce(losses))
    count = len(profit)
    return {
        "trades": count,
        "win_rate": len(wins) / count if count else np.nan,
        "profit_factor": _ratio(won, abs(lost)),
        "expectancy": _mean(float(np.add.reduce(profit)), count),
        "average_win": _mean(won, len(wins)),
        "average_loss": _mean(lost, len(losses)),
        "average_bars_held": _mean(float(np.add.reduce(trades.bars_held)), count),
        "exits_by_rule": _exits(trades),
    }


def _mean(total: float, count: int) -> float:
    return total / count if count else math.nan


def exits_by_rule(trades: pd.DataFrame) -> dict[str, int]:
    """Count trades by the rule that closed them, most frequent first; by the reason where no rule did."""
    return _exits(closed_trades(trades))


def _exits(trades: ClosedTrades) -> dict[str, int]:
    rule, reason = trades.rule, trades.reason
    counts: dict[str, int] = {}
    _count(counts, rule.names, rule.codes[rule.codes >= 0])
    _count(counts, reason.names, reason.codes[rule.codes < 0])
    return dict(sorted(counts.items(), key=lambda item: -item[1]))


def _count(counts: dict[str, int], names: Sequence[Any], codes: np.ndarray) -> None:
    # Code -1, a missing name, is counted at 0.
    for name, count in zip(("", *names), np.bincount(codes + 1).tolist(), strict=False):
        if count:
            counts[name or "unknown"] = counts.get(name or "unknown", 0) + count
