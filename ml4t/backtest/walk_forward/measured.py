"""Measures of a stretch of a run, and of returns alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from ml4t.backtest.analytics import (
    annual_return,
    annual_volatility,
    periods_per_year,
    sharpe_ratio,
)
from ml4t.backtest.analytics.metrics import MEASURES, measured_years, run_metrics
from ml4t.backtest.records.curve import underwater
from ml4t.backtest.records.measured import Measured, closed_trades, equity_curve, n_exposed
from ml4t.backtest.result import BacktestResult
from ml4t.backtest.setting_errors import nearest
from ml4t.backtest.sweep.measures import NO_NUMBERS
from ml4t.backtest.walk_forward.errors import WalkForwardError

NUMBERS = tuple(name for name in MEASURES if name not in NO_NUMBERS)
COSTS = ("commission", "slippage_cost", "spread_cost", "impact_cost")


def check_measure(measure: Any) -> None:
    """Refuse what is no measure, or none that is a number.

    Raises
    ------
    WalkForwardError
    """
    if measure not in NUMBERS:
        raise WalkForwardError(f"there is no measure {measure!r}; {nearest(measure, NUMBERS)}")


def as_number(value: Any) -> float:
    """Return a measure as a number; NaN where there is none."""
    return float("nan") if value is None else float(value)


def measured(
    result: BacktestResult, stretches: Sequence[tuple[int, int]], measure: str
) -> list[float]:
    """Measure stretches of a run, each from one timestamp to another, both included: nanoseconds UTC.

    A round trip belongs to the stretch in which it ends, costs to the one in which they were paid. A session that a
    stretch cuts is one of both sides.
    """
    tables = result.to_frames("UTC")
    equity, fills, trades = tables["equity"], tables["fills"], tables["trades"]
    times = {
        "equity": equity.index,
        "fills": pd.DatetimeIndex(fills["timestamp"]),
        "trades": pd.DatetimeIndex(trades["exit_time"]),
    }
    stamps = {name: index.as_unit("ns").asi8 for name, index in times.items()}
    session_ends = result._session_ends

    def rows(name: str, first: int, last: int) -> slice:
        at = np.searchsorted(stamps[name], [first, last + 1])
        return slice(int(at[0]), int(at[1]))

    made = []
    for first, last in stretches:
        inside = rows("equity", first, last)
        filled = fills.iloc[rows("fills", first, last)]
        before = equity["equity"].iloc[inside.start - 1] if inside.start else None
        ends = np.unique(np.append(session_ends, inside.stop - 1))
        ends = ends[(ends >= inside.start) & (ends < inside.stop)]
        stretch = Measured(
            equity_curve(equity.iloc[inside]),
            n_exposed(equity.iloc[inside]),
            closed_trades(trades.iloc[rows("trades", first, last)]),
            ends - inside.start,
            float((filled["quantity"] * filled["price"]).abs().sum()),
            **{name: float(filled[name].sum()) for name in COSTS},
        )
        cash = result.config.initial_cash if before is None else float(before)
        made.append(as_number(run_metrics(stretch, initial_cash=cash)[measure]))
    return made


def of_returns(returns: pd.Series) -> dict[str, float]:
    """Measure returns of sessions alone: total return, growth, volatility, Sharpe ratio, drawdown."""
    values = np.ascontiguousarray(returns.to_numpy(np.float64))
    stamps = np.asarray(pd.DatetimeIndex(returns.index).as_unit("ns").asi8)
    growth = np.cumprod(1.0 + values, dtype=np.float64)
    years = measured_years(stamps)
    a_year = periods_per_year(stamps) if np.isfinite(years) else np.nan
    return {
        "total_return": float(growth[-1] - 1.0),
        "cagr": annual_return(values, years),
        "volatility": annual_volatility(values, a_year),
        "sharpe": sharpe_ratio(values, a_year),
        "max_drawdown": underwater(stamps, growth, 1.0)[0],
    }
