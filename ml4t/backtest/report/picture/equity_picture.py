"""Equity, beside what holding one asset would have made, and drawdown."""

from __future__ import annotations

from typing import Any

import numpy as np

from ml4t.backtest.report.picture import colors
from ml4t.backtest.report.picture.shapes import Line, Panel, Picture
from ml4t.backtest.report.picture.thinning import thinned
from ml4t.backtest.report.picture.window import Moment, window
from ml4t.backtest.report.reported_run import ReportedRun
from ml4t.backtest.report.wording import plural


def equity_picture(
    result: ReportedRun,
    benchmark: tuple[Any, np.ndarray] | None = None,
    *,
    start: Moment = None,
    end: Moment = None,
) -> Picture:
    """Describe the picture of a run.

    Parameters
    ----------
    result : ReportedRun
    benchmark : (asset, float64 array), optional
        An asset and what holding it would have made, at every timestamp.
    start, end : str, date or datetime, optional
        The part of the run to draw.
    """
    equity = result.equity
    naive = equity.index.tz_localize(None)
    chosen = window(naive, start, end)
    time = naive[chosen]

    def line(name: str, values: np.ndarray, color: str, **style: Any) -> Line:
        shown = thinned(values[chosen])
        return Line(name, time[shown], values[chosen][shown], color, **style)

    curves = [line("equity", equity["equity"].to_numpy(), colors.EQUITY)]
    if benchmark is not None:
        curves.insert(0, line(f"buy and hold {benchmark[0]}", benchmark[1], colors.HELD, width=1.0))
    under_water = line(
        "drawdown", equity["drawdown"].to_numpy(), colors.DRAWDOWN, width=0.8, is_filled=True
    )
    panels = (
        Panel("Equity", curves, "money", height=3.0),
        Panel("Drawdown", [under_water], "percent"),
    )
    return Picture(_title(result), panels, zone_of(equity.index))


def zone_of(index: Any) -> str:
    """Return the zone of an index of times, empty where they have none."""
    return "" if index.tz is None else str(index.tz)


def _title(result: ReportedRun) -> str:
    known = {
        "total_return": "return {:.1%}",
        "sharpe": "Sharpe {:.2f}",
        "max_drawdown": "max drawdown {:.1%}",
    }
    m = result.metrics
    figures = [text.format(m[measure]) for measure, text in known.items() if m[measure] is not None]
    figures.append(plural(m["trades"], "trade"))
    return f"{result.strategy_name or 'Backtest'}: {', '.join(figures)}"
