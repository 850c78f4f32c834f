"""Equity, drawdown, exposure and rolling Sharpe ratio of a run, as pictures."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from ml4t.backtest.report.charts.charted_run import ChartedRun
from ml4t.backtest.report.charts.session_curves import benchmark_curve, session_times
from ml4t.backtest.report.picture import colors
from ml4t.backtest.report.picture.equity_picture import zone_of
from ml4t.backtest.report.picture.shapes import Line, Panel, Picture
from ml4t.backtest.report.picture.thinning import POINTS, thinned


def line(
    name: str, time: pd.DatetimeIndex, values: np.ndarray, color: str, points: int, **style: Any
) -> Line:
    """Return a curve of as many points as are drawn; its extremes stay."""
    finite = np.where(np.isfinite(values), values, np.nan)
    shown = thinned(finite, points)
    return Line(name, time[shown], finite[shown], color, **style)


def equity_chart(run: ChartedRun, benchmark: Any = None, points: int = POINTS) -> Picture:
    """Describe equity, beside a benchmark that began with the same cash.

    Parameters
    ----------
    run : ChartedRun
    benchmark : Series, optional
        Simple returns by date.
    points : int
        How many points of a curve are drawn.
    """
    equity = run.equity
    curves = []
    if benchmark is not None:
        curves.append(
            line("benchmark", *benchmark_curve(run, benchmark), colors.HELD, points, width=1.0)
        )
    curves.append(line("equity", _time(equity), equity["equity"].to_numpy(), colors.EQUITY, points))
    return Picture("Equity", [Panel("Equity", curves, "money", height=3.0)], _zone(equity))


def drawdown_chart(run: ChartedRun, points: int = POINTS) -> Picture:
    """Describe how far equity lay below its peak."""
    equity = run.equity
    curve = line(
        "drawdown", _time(equity), equity["drawdown"].to_numpy(), colors.DRAWDOWN, points,
        width=0.8, is_filled=True,
    )  # fmt: skip
    return Picture("Drawdown", [Panel("Drawdown", [curve], "percent", height=2.0)], _zone(equity))


def exposure_chart(run: ChartedRun, points: int = POINTS) -> Picture:
    """Describe gross and net exposure in currency, and leverage."""
    equity = run.equity
    time = _time(equity)
    gross, net = (equity[f"{kind}_exposure"].to_numpy() for kind in ("gross", "net"))
    exposures = [line("net", time, net, colors.EQUITY, points, width=1.0)]
    if np.array_equal(gross, net):  # one line would lie on the other
        exposures = [replace(exposures[0], name="gross and net")]
    else:
        exposures.insert(0, line("gross", time, gross, colors.HELD, points, width=1.0))
    leverage = line("leverage", time, equity["leverage"].to_numpy(), colors.STOP, points, width=1.0)
    panels = [
        Panel("Exposure", exposures, "money", height=2.0),
        Panel("Leverage", [leverage], "ratio", height=1.2),
    ]
    return Picture("Exposure and leverage", panels, _zone(equity))


def rolling_sharpe_chart(run: ChartedRun, window: int, points: int = POINTS) -> Picture:
    """Describe the Sharpe ratio of the last so many sessions."""
    values = run.rolling(window)["sharpe"].to_numpy()
    curve = line("Sharpe ratio", session_times(run), values, colors.EQUITY, points, width=1.0)
    title = f"Sharpe ratio of {window} sessions"
    return Picture(title, [Panel("Sharpe ratio", [curve], "ratio", height=2.0)], _zone(run.equity))


def _time(equity: pd.DataFrame) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(equity.index).tz_localize(None)


def _zone(equity: pd.DataFrame) -> str:
    return zone_of(equity.index)
