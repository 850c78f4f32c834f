"""Pictures drawn by matplotlib: for files, and for notebooks and windows."""

from __future__ import annotations

import sys
import threading
from typing import Any

import numpy as np
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num
from matplotlib.ticker import EngFormatter, FuncFormatter, PercentFormatter

from ml4t.backtest.report.picture import colors
from ml4t.backtest.report.picture.shapes import Candles, Columns, Line, Marks, Panel, Picture
from ml4t.backtest.report.picture.shown_figure import ShownFigure

WIDTH, INCHES_OF_HEIGHT, INCHES_AROUND = 10.0, 1.3, 0.8
MARKERS = {"up": "^", "down": "v", "cross": "X", "dash": "_"}


def figure_of(picture: Picture, *, is_file: bool = False) -> ShownFigure:
    """Draw a picture.

    Parameters
    ----------
    picture : Picture
    is_file : bool
        Whether it is only to be written: then pyplot, which keeps its figures, is not told of it.
    """
    heights = [panel.height for panel in picture.panels]
    figure = new_figure(
        is_file,
        figsize=(WIDTH, INCHES_AROUND + INCHES_OF_HEIGHT * sum(heights)),
        dpi=120,
        layout="constrained",
    )
    rows = figure.subplots(len(heights), 1, sharex=True, height_ratios=heights, squeeze=False)
    for axes, panel in zip(rows[:, 0], picture.panels, strict=True):
        _draw_panel(axes, panel)
    is_named = rows[0, 0].get_legend() is not None
    rows[0, 0].set_title(picture.title, loc="left", fontsize=11, pad=22 if is_named else 6)
    locator = AutoDateLocator()
    lowest = rows[-1, 0].xaxis
    lowest.set_major_locator(locator)
    lowest.set_major_formatter(ConciseDateFormatter(locator))
    if picture.zone:
        rows[-1, 0].set_xlabel(picture.zone, fontsize=9, color="#606060")
    return figure


def new_figure(is_file: bool, **options: Any) -> ShownFigure:
    """Return an empty figure; pyplot, which keeps its figures, is told of it where it is in use."""
    is_main = threading.current_thread() is threading.main_thread()
    pyplot = None if is_file or not is_main else _pyplot_in_use()
    if pyplot is None:  # no global state, and it works in threads
        return ShownFigure(**options)
    return pyplot.figure(FigureClass=ShownFigure, **options)


def _pyplot_in_use() -> Any:
    """Return pyplot where a figure of its own is expected: beside other figures, and in notebooks."""
    ipython = sys.modules.get("IPython")
    if ipython is not None and ipython.get_ipython() is not None:
        from matplotlib import pyplot

        return pyplot
    return sys.modules.get("matplotlib.pyplot")


def _draw_panel(axes: Any, panel: Panel) -> None:
    for shape in panel.shapes:
        DRAW[type(shape)](axes, shape)
    axes.set_ylabel(panel.label)
    axes.yaxis.set_major_formatter(_numbers(panel.numbers))
    axes.grid(True, linewidth=0.5, color=colors.GRID)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.margins(x=0.01)
    _name_shapes(axes)


def _name_shapes(axes: Any) -> None:
    handles, names = axes.get_legend_handles_labels()
    if len(names) > 1:  # above the axes, where it covers nothing
        axes.legend(
            handles, names, loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=len(names),
            fontsize=8, frameon=False, borderaxespad=0.1, columnspacing=1.4, handlelength=1.6,
        )  # fmt: skip


def _numbers(numbers: str) -> Any:
    if numbers == "percent":
        return PercentFormatter(1.0, decimals=None)
    if numbers == "count":
        return EngFormatter(sep="")
    return FuncFormatter(lambda value, _: f"{value:,.0f}" if numbers == "money" else f"{value:,g}")


def _draw_line(axes: Any, line: Line) -> None:
    style = (0, (4, 2)) if line.is_dashed else "solid"
    axes.plot(
        line.time,
        line.values,
        color=line.color,
        linewidth=line.width,
        linestyle=style,
        label=line.name,
    )
    if line.is_filled:
        axes.fill_between(line.time, line.values, 0.0, color=line.color, alpha=0.35, linewidth=0)
        axes.set_ylim(top=0.0)


def _draw_candles(axes: Any, bars: Candles) -> None:
    x = date2num(bars.time)
    width = 0.7 * (np.median(np.diff(x)) if len(x) > 1 else 1.0)
    for is_kind, color in (
        (bars.close >= bars.open, colors.UP),
        (bars.close < bars.open, colors.DOWN),
    ):
        axes.vlines(x[is_kind], bars.low[is_kind], bars.high[is_kind], color=color, linewidth=0.8)
        body = (bars.close - bars.open)[is_kind]
        axes.bar(
            x[is_kind], body, width, bars.open[is_kind], color=color, edgecolor=color,
            linewidth=0.8, alpha=0.6,
        )  # fmt: skip
    axes.xaxis_date()


def _draw_columns(axes: Any, columns: Columns) -> None:
    # A filled step is one shape; thousands of columns would be as many.
    axes.fill_between(
        columns.time, columns.values, 0.0, step="mid", color=columns.color, linewidth=0,
        label=columns.name,
    )  # fmt: skip
    axes.set_ylim(bottom=0.0)


def _draw_marks(axes: Any, marks: Marks) -> None:
    size = 160 if marks.symbol == "dash" else 34
    # White around them keeps marks apart from the price; a dash has no inside.
    edge = {} if marks.symbol == "dash" else {"edgecolors": "white", "linewidths": 0.6}
    axes.scatter(
        marks.time, marks.values, s=size, marker=MARKERS[marks.symbol], color=marks.color,
        label=marks.name, zorder=3, **edge,
    )  # fmt: skip


DRAW: dict[type, Any] = {
    Line: _draw_line,
    Candles: _draw_candles,
    Columns: _draw_columns,
    Marks: _draw_marks,
}
