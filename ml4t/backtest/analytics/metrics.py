"""Performance measures, by the formulas of empyrical-reloaded and, for growth, of ffn.

Returns are simple returns, one per session: per bar for daily and slower data. The risk-free rate and
the required return are 0. Growth is by the time that passed, and how many returns make a year is
counted; under a month nothing is annualised. A return after equity was zero or less has no meaning: it
is NaN, and so is every measure made of it.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ml4t.backtest.analytics.moments import Moments, simple_returns_of, sum_of
from ml4t.backtest.analytics.trade_sums import counted_exits, profit_sums
from ml4t.backtest.analytics.years import elapsed_years, periods_between
from ml4t.backtest.core.made_once import made_once
from ml4t.backtest.market.sessions import session_ends
from ml4t.backtest.records.curve import underwater
from ml4t.backtest.records.measured import (
    ClosedTrades,
    Measured,
    MeasuredRun,
    closed_trades,
    equity_curve,
    n_exposed,
)

LEAST_YEARS = 30 / 365.25
"""A month: what fewer days did says nothing of a year, and is not annualised."""
MOST_GROWTH = 1e20
"""Growth of a month below it can be annualised: to the power of twelve and a quarter it is a double still."""


def simple_returns(equity: np.ndarray, initial: float) -> np.ndarray:
    """Return equity[i]/equity[i - 1] - 1, the first one against ``initial``; NaN after equity <= 0."""
    return simple_returns_of(_doubles(equity), initial)


def _moments(returns: np.ndarray) -> Moments:
    return Moments(_doubles(returns))


def _doubles(values: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(values, np.float64)


def annual_return(returns: np.ndarray, years: float) -> float:
    """Return the compound annual growth rate: (product of 1 + r)^(1/years) - 1.

    NaN without returns or years, or when the growth is negative and has no such power.
    """
    return _annual(_moments(returns).growth, years) if len(returns) else math.nan


def _annual(growth: float, years: float) -> float:
    if math.isnan(years):  # 1 to the power of NaN is 1
        return math.nan
    if (
        0.0 <= growth < MOST_GROWTH and years >= LEAST_YEARS
    ):  # else NumPy may warn, and is told not to
        return float(np.power(growth, 1.0 / years) - 1.0)
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


def _volatility(moments: Moments, periods_per_year: float) -> float:
    return moments.deviation * math.sqrt(periods_per_year)


def _sharpe(moments: Moments, periods_per_year: float) -> float:
    return _ratio(moments.mean, moments.deviation) * math.sqrt(periods_per_year)


def _sortino(moments: Moments, periods_per_year: float) -> float:
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
    measured = Measured(
        curve,
        n_exposed(equity),
        closed_trades(trades),
        session_ends(curve.timestamps, time_zone),
        traded_value,
        commission,
        slippage_cost,
        spread_cost,
        impact_cost,
    )
    return run_metrics(measured, initial_cash=initial_cash, periods_per_year=periods_per_year)


def run_metrics(
    measured: Measured | MeasuredRun,
    *,
    initial_cash: float,
    periods_per_year: float | None = None,
    only: Sequence[str] | None = None,
) -> dict[str, Any]:
    """Measure a run as :func:`performance_metrics` does, without frames.

    Parameters
    ----------
    measured : Measured or MeasuredRun
    initial_cash, periods_per_year
        As there.
    only : sequence of str, optional
        The measures that are asked for: what no other needs is not computed.
    """
    run = _Run(measured, initial_cash, periods_per_year)
    return {name: MEASURES[name](run) for name in (MEASURES if only is None else only)}


class _Run:
    """What measures are made of, each part computed when the first measure needs it."""

    def __init__(
        self, measured: Measured | MeasuredRun, initial_cash: float, given_periods: float | None
    ) -> None:
        self.of = measured
        self.initial_cash = initial_cash
        self.given_periods = given_periods

    @made_once
    def moments(self) -> Moments:
        value = self.of.curve.equity
        at_ends = value if len(self.of.ends) == len(value) else value[self.of.ends]
        return Moments(simple_returns_of(at_ends, self.initial_cash))

    @made_once
    def years(self) -> float:
        return measured_years(self.of.curve.timestamps)

    @made_once
    def periods(self) -> float:
        if self.given_periods is not None:
            return self.given_periods
        if math.isnan(self.years):
            return math.nan
        return periods_between(self.of.curve.timestamps, self.of.ends)

    @made_once
    def growth(self) -> float:
        return _annual(self.moments.growth, self.years) if len(self.of.ends) else math.nan

    @made_once
    def underwater(self) -> tuple[float, int]:
        return underwater(self.of.curve.timestamps, self.of.curve.equity, self.initial_cash)

    @property
    def largest_drawdown(self) -> float:
        return self.underwater[0] if len(self.of.curve.equity) else np.nan

    @made_once
    def of_trades(self) -> dict[str, Any]:
        return _of_trades(self.of.trades)

    @property
    def final_equity(self) -> float:
        value = self.of.curve.equity
        return float(value.item(-1)) if len(value) else self.initial_cash

    def time(self, place: int) -> pd.Timestamp:
        stamps = self.of.curve.timestamps
        return _time(stamps[place]) if len(stamps) else pd.NaT

    def exposure(self) -> float:
        n = len(self.of.curve.timestamps)
        return self.of.n_exposed / n if n else np.nan

    def turnover(self) -> float:
        value = self.of.curve.equity
        mean = _mean(sum_of(value), len(value))
        return _ratio(self.of.traded_value / 2.0, mean * self.years) if mean > 0.0 else np.nan


MEASURES: Mapping[str, Callable[[_Run], Any]] = {
    "start": lambda run: run.time(0),
    "end": lambda run: run.time(-1),
    "timestamps": lambda run: len(run.of.curve.timestamps),
    "sessions": lambda run: len(run.of.ends),
    "periods_per_year": lambda run: float(run.periods),
    "initial_cash": lambda run: run.initial_cash,
    "final_equity": lambda run: run.final_equity,
    "total_return": lambda run: (
        run.final_equity / run.initial_cash - 1.0 if len(run.of.curve.equity) else 0.0
    ),
    "cagr": lambda run: run.growth,
    "volatility": lambda run: _volatility(run.moments, run.periods),
    "sharpe": lambda run: _sharpe(run.moments, run.periods),
    "sortino": lambda run: _sortino(run.moments, run.periods),
    "calmar": lambda run: calmar_ratio(run.growth, run.largest_drawdown),
    "max_drawdown": lambda run: run.largest_drawdown,
    "max_drawdown_duration": lambda run: pd.Timedelta(run.underwater[1], unit="ns"),
    "exposure": _Run.exposure,
    "turnover": _Run.turnover,
    "trades": lambda run: run.of.n_trades,
    "win_rate": lambda run: run.of_trades["win_rate"],
    "profit_factor": lambda run: run.of_trades["profit_factor"],
    "expectancy": lambda run: run.of_trades["expectancy"],
    "average_win": lambda run: run.of_trades["average_win"],
    "average_loss": lambda run: run.of_trades["average_loss"],
    "average_bars_held": lambda run: run.of_trades["average_bars_held"],
    "exits_by_rule": lambda run: run.of_trades["exits_by_rule"],
    "commission": lambda run: run.of.commission,
    "slippage_cost": lambda run: run.of.slippage_cost,
    "spread_cost": lambda run: run.of.spread_cost,
    "impact_cost": lambda run: run.of.impact_cost,
    "other_cost": lambda run: run.of.slippage_cost - (run.of.spread_cost + run.of.impact_cost),
}
"""The measures of a run by name, in order."""


def _time(stamp: np.int64) -> pd.Timestamp:
    return pd.Timestamp(int(stamp), tz="UTC")


def trade_metrics(trades: pd.DataFrame) -> dict[str, Any]:
    """Measure the round trips: their number, win rate, profit factor, averages, and exits by rule."""
    return _of_trades(closed_trades(trades))


def _of_trades(trades: ClosedTrades) -> dict[str, Any]:
    n_won, won, n_lost, lost, total = profit_sums(_doubles(trades.net_pnl))
    count = len(trades.net_pnl)
    return {
        "trades": count,
        "win_rate": n_won / count if count else np.nan,
        "profit_factor": _ratio(won, abs(lost)),
        "expectancy": _mean(total, count),
        "average_win": _mean(won, n_won),
        "average_loss": _mean(lost, n_lost),
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
    names = (*rule.names, "", *reason.names)
    counted = counted_exits(rule.codes, reason.codes, len(rule.names), len(reason.names))
    counts: dict[str, int] = {}
    for name, count in zip(names, counted, strict=True):
        if count:
            counts[name or "unknown"] = counts.get(name or "unknown", 0) + count
    return dict(sorted(counts.items(), key=lambda item: -item[1]))
