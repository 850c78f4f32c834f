"""The picture of a run: equity above, drawdown below."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ml4t.backtest.report.reported_run import ReportedRun

if TYPE_CHECKING:
    from matplotlib.figure import Figure

POINTS = 4_000  # more than the picture has columns
EQUITY_COLOR = "#1f4e79"
DRAWDOWN_COLOR = "#b03a2e"


def thinned(values: np.ndarray, points: int = POINTS) -> np.ndarray:
    """Return positions to draw: all of a short curve, else the extremes of about ``points``/2 pieces.

    No peak or trough is lost; every n-th point would lose most.
    """
    n = len(values)
    if n <= points:
        return np.arange(n)
    piece = -(-n // (points // 2))
    whole = n // piece * piece
    blocks = values[:whole].reshape(-1, piece)
    start = np.arange(0, whole, piece)
    chosen = [start + blocks.argmin(axis=1), start + blocks.argmax(axis=1)]
    if whole < n:
        chosen += [[whole + values[whole:].argmin(), whole + values[whole:].argmax()]]
    return np.unique(np.concatenate([[0], *chosen, [n - 1]]))


def equity_figure(result: ReportedRun) -> Figure:
    """Draw equity and drawdown over time.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    ValueError
        If the run has no timestamp to draw.
    """
    try:
        from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
        from matplotlib.figure import Figure
        from matplotlib.ticker import FuncFormatter, PercentFormatter
    except ImportError as error:
        raise ImportError(
            "plot() needs matplotlib; install it with: pip install 'ml4t-backtest[plot]'"
        ) from error

    equity = result.equity
    if len(equity) == 0:
        raise ValueError(
            "there is nothing to draw: the run ended before its first timestamp was done"
        )
    time = equity.index.asi8.view("M8[ns]")
    # A Figure of its own, not pyplot's: no global state, and it works in threads.
    figure = Figure(figsize=(10.0, 6.0), dpi=120, layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    _draw_equity(above, time, equity["equity"].to_numpy(), result)
    _draw_drawdown(below, time, equity["drawdown"].to_numpy())
    above.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    below.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=None))
    locator = AutoDateLocator()
    below.xaxis.set_major_locator(locator)
    below.xaxis.set_major_formatter(ConciseDateFormatter(locator))
    for axes in (above, below):
        axes.grid(True, linewidth=0.5, color="#d9d9d9")
        axes.spines[["top", "right"]].set_visible(False)
        axes.margins(x=0.01)
    return figure


def _draw_equity(axes: Any, time: np.ndarray, equity: np.ndarray, result: ReportedRun) -> None:
    m = result.metrics
    shown = thinned(equity)
    axes.plot(time[shown], equity[shown], color=EQUITY_COLOR, linewidth=1.2)
    axes.axhline(result.config.initial_cash, color="#808080", linewidth=0.8, linestyle="--")
    axes.set_ylabel("Equity")
    name = result.strategy_name or "Backtest"
    known = {
        "total_return": "return {:.1%}",
        "sharpe": "Sharpe {:.2f}",
        "max_drawdown": "max drawdown {:.1%}",
        "trades": "{:,} trades",
    }
    figures = [text.format(m[measure]) for measure, text in known.items() if m[measure] is not None]
    axes.set_title(f"{name}: {', '.join(figures)}", loc="left", fontsize=11)


def _draw_drawdown(axes: Any, time: np.ndarray, drawdown: np.ndarray) -> None:
    shown = thinned(drawdown)
    axes.fill_between(
        time[shown], drawdown[shown], 0.0, color=DRAWDOWN_COLOR, alpha=0.35, linewidth=0
    )
    axes.plot(time[shown], drawdown[shown], color=DRAWDOWN_COLOR, linewidth=0.8)
    axes.set_ylabel("Drawdown")
    axes.set_ylim(top=0.0)
