"""Draw which value each bar sees under each lag: ``python docs/pictures/join.py``.

The values are those that ``market_data`` joins; the picture stands in ``docs/data.md``.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ml4t.backtest import MarketData
from ml4t.backtest.data import Table

COLORS = ("#1f4e79", "#b0702e", "#1e8449")
NOTHING = "#c9ced3"
BARS = pd.date_range("2024-03-04 16:00", periods=7, freq="D")
PUBLISHED = pd.to_datetime(["2024-03-04 12:00", "2024-03-06 18:00", "2024-03-08 16:00"])
LANES = {
    "timing='strict'": {},
    "timing='next_bar'": {"timing": "next_bar"},
    "timing='lag=2'": {"timing": "lag=2"},
    "available_after='12h'": {"available_after": "12h"},
    "max_age='30h'": {"max_age": "30h"},
}


def seen_by_bars(**options: str) -> np.ndarray:
    """Return the number of the value that each bar sees; NaN for none."""
    prices = pd.DataFrame({"timestamp": BARS, "asset": "A", "close": 1.0})
    values = pd.DataFrame({"timestamp": PUBLISHED, "asset": "A", "value": [1.0, 2.0, 3.0]})
    data = MarketData.from_tables(prices, signals=Table(values, **options))
    return data.features["value"]


def draw() -> Figure:
    """Draw publications above, and a lane of bars for each lag."""
    figure = Figure(figsize=(8.0, 3.6), layout="constrained")
    axes = figure.add_subplot()
    names = list(LANES)
    for place, (name, options) in enumerate(LANES.items()):
        _draw_lane(axes, len(names) - 1 - place, seen_by_bars(**options))
        axes.text(-0.75, len(names) - 1 - place, name, ha="right", va="center", family="monospace")
    top = len(names) + 0.1
    for number, time in enumerate(PUBLISHED):
        x = _days(time)
        axes.plot([x, x], [-0.5, top], color=COLORS[number], linewidth=1.0, linestyle=":")
        axes.text(
            x,
            top + 0.1,
            f"{number + 1}\n{time:%a %H:%M}",
            ha="center",
            va="bottom",
            color=COLORS[number],
        )
    axes.text(-0.75, top + 0.1, "value, and when\nit is published", ha="right", va="bottom")
    axes.set_xlim(-2.7, len(BARS) - 0.5)
    axes.set_ylim(-0.6, top + 1.0)
    axes.set_xticks(range(len(BARS)), [f"{bar:%a}\n{bar:%H:%M}" for bar in BARS])
    axes.set_yticks([])
    axes.spines[["top", "right", "left"]].set_visible(False)
    return figure


def _days(time: pd.Timestamp) -> float:
    return (time - BARS[0]) / pd.Timedelta("1D")


def _draw_lane(axes: Axes, height: float, seen: np.ndarray) -> None:
    for x, value in enumerate(seen):
        color = NOTHING if np.isnan(value) else COLORS[int(value) - 1]
        axes.plot(x, height, marker="o", markersize=15, color=color)
        text = "–" if np.isnan(value) else f"{value:.0f}"
        axes.text(x, height, text, ha="center", va="center", color="white", weight="bold")


if __name__ == "__main__":
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    draw().savefig(folder / "join.png", dpi=110)
