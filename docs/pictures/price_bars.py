"""What the pictures of orders and of levels have in common: real bars, and the fills on them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ml4t.backtest.datasets import load_aapl

BAR, STOP, TARGET, FILL = "#5f6b76", "#b03a2e", "#1e8449", "#1f4e79"


def bars_from(start: str, n_bars: int) -> pd.DataFrame:
    """Return so many daily bars of AAPL, from a day on."""
    daily = load_aapl()
    return daily[daily["date"] >= start].head(n_bars).reset_index(drop=True)


def draw_bars(
    bars: pd.DataFrame, title: str, unit: str = "AAPL, US dollars", clock: str = "%d %b %Y"
) -> tuple[Figure, Axes]:
    """Draw bars below a title, numbered from 0 on the horizontal axis."""
    figure = Figure(figsize=(8.0, 3.8), layout="constrained")
    axes = figure.add_subplot()
    x = range(len(bars))
    axes.vlines(x, bars["low"], bars["high"], color=BAR, linewidth=1.2)
    axes.hlines(bars["open"], [i - 0.3 for i in x], x, color=BAR, linewidth=1.2)
    axes.hlines(bars["close"], x, [i + 0.3 for i in x], color=BAR, linewidth=1.2)
    axes.set_title(title, fontsize=10, loc="left")
    axes.set_ylabel(unit)
    ticks = range(0, len(bars), max(2, len(bars) // 5))
    axes.set_xticks(list(ticks), [f"{bars['date'].iloc[i]:{clock}}" for i in ticks])
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def mark_fill(
    axes: Axes, bar: int, moment: str, price: float, is_entry: bool, label: str, color: str
) -> None:
    """Mark a fill where it was: at the open or the close of its bar, or between."""
    place = {"open": -0.3, "close": 0.3}
    axes.plot(
        bar + place.get(moment, 0.0),
        price,
        marker=">" if is_entry else "X",
        markersize=9,
        linestyle="none",
        color=color,
        label=label,
    )


def folder_asked_for() -> Path:
    """Return the folder that the command names, by default that of the scripts."""
    return Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent


def write_pictures(
    folder: Path, pictures: Sequence[Any], draw: Callable[[pd.DataFrame, Any], Figure]
) -> None:
    """Draw each picture on its bars, and write it as a PNG of its name."""
    for picture in pictures:
        bars = bars_from(picture.start, picture.n_bars)
        draw(bars, picture).savefig(folder / f"{picture.name}.png", dpi=110)
