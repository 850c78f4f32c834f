"""Heat map of months, bars of groups and scatter of excursions, drawn by matplotlib."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.ticker import EngFormatter, PercentFormatter

from ml4t.backtest.report.charts.trade_charts import Excursions, Group
from ml4t.backtest.report.picture import colors
from ml4t.backtest.report.picture.matplotlib_figure import new_figure

MAP = LinearSegmentedColormap.from_list("returns", [colors.DOWN, "#ffffff", colors.UP])
ROW, WIDTH = 0.34, 10.0  # inches
MOST_GROUPS = 25


def months(table: pd.DataFrame, *, is_file: bool) -> Any:
    """Draw the returns of months as a heat map, a row a year; the last column is the year's."""
    values = table.to_numpy(float)
    years = len(table)
    figure = new_figure(
        is_file, figsize=(WIDTH, 1.0 + ROW * max(2, years)), dpi=120, layout="constrained"
    )
    axes = figure.subplots()
    # The year is another measure: only months decide the colours.
    span = float(np.nanmax(np.abs(values[:, :-1]), initial=1e-4))
    shaded = np.where(np.arange(values.shape[1]) < 12, values, np.nan)
    axes.imshow(shaded, cmap=MAP, aspect="auto", vmin=-span, vmax=span)
    for (row, column), value in np.ndenumerate(values):
        if np.isfinite(value):
            is_year = column == 12
            is_dark = not is_year and abs(value) / span > 0.6
            axes.text(
                column, row, f"{round(100.0 * value, 1) + 0.0:.1f}", ha="center", va="center", fontsize=7.5,
                fontweight="bold" if is_year else "normal",
                color="white" if is_dark else "black",
            )  # fmt: skip
    axes.axvline(11.5, color="#606060", linewidth=0.8)
    axes.set_xticks(range(13), [*table.columns[:-1], "Year"])
    axes.set_yticks(range(years), [str(year) for year in table.index])
    axes.tick_params(length=0, labelsize=8)
    axes.spines[:].set_visible(False)
    axes.set_title("Returns by month, percent", loc="left", fontsize=11)
    axes.set_xlabel("month")
    axes.set_ylabel("year")
    return figure


def groups(found: Sequence[Group], title: str, *, is_file: bool) -> Any:
    """Draw what groups of trades brought as bars, the best on top."""
    if len(found) > MOST_GROUPS:
        rest = len(found) - MOST_GROUPS
        title = f"{title} (without {rest} between the best and the worst)"
        half = MOST_GROUPS // 2
        found = [*found[: MOST_GROUPS - half], *found[-half:]]
    figure = new_figure(
        is_file, figsize=(WIDTH, 1.1 + ROW * max(2, len(found))), dpi=120, layout="constrained"
    )
    axes = figure.subplots()
    pnl = np.array([group.pnl for group in found])
    shade = [colors.UP if value >= 0.0 else colors.DOWN for value in pnl]
    bars = axes.barh(range(len(found)), pnl, color=shade, height=0.7)
    axes.bar_label(bars, [f"{value:,.0f}" for value in pnl], padding=4, fontsize=8)
    labels = [f"{group.label} ({group.trades + group.open:,})" for group in found]
    axes.set_yticks(range(len(found)), labels, fontsize=9)
    axes.invert_yaxis()
    axes.axvline(0.0, color="#606060", linewidth=0.8)
    axes.margins(x=0.14)
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    axes.grid(True, axis="x", linewidth=0.5, color=colors.GRID)
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("net P&L, currency (trades in brackets)")
    axes.set_title(title, loc="left", fontsize=11)
    return figure


def excursions(found: Excursions, *, is_file: bool) -> Any:
    """Draw how far each trade ran for and against its entry."""
    figure = new_figure(is_file, figsize=(7.0, 5.5), dpi=120, layout="constrained")
    axes = figure.subplots()
    size = float(np.clip(3_000 / max(1, len(found.mae)), 4, 28))
    for name, is_kind, color in (
        ("gain", found.is_gain, colors.UP),
        ("loss", ~found.is_gain, colors.DOWN),
    ):
        axes.scatter(
            found.mae[is_kind], found.mfe[is_kind], s=size, color=color, alpha=0.55, linewidths=0,
            label=f"{name} ({int(is_kind.sum()):,})",
        )  # fmt: skip
    axes.legend(frameon=False, fontsize=9)
    axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=None))
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=None))
    axes.grid(True, linewidth=0.5, color=colors.GRID)
    axes.set_axisbelow(True)
    axes.set_xlim(left=0.0)
    axes.set_ylim(bottom=0.0)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_xlabel("MAE: farthest against the entry price")
    axes.set_ylabel("MFE: farthest in favour")
    axes.set_title("How far trades ran", loc="left", fontsize=11)
    return figure
