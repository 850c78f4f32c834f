"""Draw the levels of each built-in rule on real bars of AAPL: ``python docs/pictures/levels.py``.

A position is walked by hand, bar by bar; the level drawn at a bar is the one that bar was tried
against. The pictures stand in ``docs/risk.md``.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ml4t.backtest import BacktestConfig, MarketData
from ml4t.backtest.datasets import load_aapl
from ml4t.backtest.execution.views import Fill
from ml4t.backtest.risk import (
    PriceBasedStopLoss,
    PriceBasedTakeProfit,
    RiskManager,
    RiskRule,
    TimeBasedExit,
    TrailingStop,
)
from ml4t.backtest.testing.manual_run import ManualRun

BAR, STOP, TARGET, FILL = "#5f6b76", "#b03a2e", "#1e8449", "#1f4e79"


@dataclass(frozen=True)
class Picture:
    """A rule, the bars it is shown on, and the side of the position; entered at the second bar."""

    name: str
    rule: RiskRule
    start: str
    n_bars: int
    says: str
    side: int = 1


PICTURES = (
    Picture(
        "stop_loss",
        PriceBasedStopLoss(pct=0.05),
        "2013-01-11",
        14,
        "the bar of the exit opens below the stop, and fills there",
    ),
    Picture(
        "take_profit",
        PriceBasedTakeProfit(pct=0.10),
        "2012-09-27",
        24,
        "a short position: the target lies below",
        -1,
    ),
    Picture(
        "trailing_stop",
        TrailingStop(0.08),
        "2010-02-26",
        52,
        "the stop follows the highest high of the bars before",
    ),
    Picture(
        "time_exit",
        TimeBasedExit(max_bars=10),
        "2010-09-01",
        16,
        "decided at the tenth close, filled at the next open",
    ),
)


def walk_through(bars: pd.DataFrame, picture: Picture) -> tuple[pd.DataFrame, list[Fill]]:
    """Hold one position under the rule; return the levels bar by bar, and the fills."""
    data = MarketData.from_tables(bars, bar_time="16:00 America/New_York")
    walk = ManualRun(data, BacktestConfig(account="margin"))
    manager = RiskManager([picture.rule])
    manager.bind(walk.broker)
    tried, fills = [], []
    for i in range(len(bars)):
        (event,) = walk.step()
        levels = manager.levels("AAPL")
        tried.append((levels.stop, levels.target))
        manager.check_position_exits(event, walk.broker, walk.portfolio)
        fills += walk.fills
        if i == 0:
            walk.submit("AAPL", picture.side)
    return pd.DataFrame(tried, columns=["stop", "target"]), fills


def draw(bars: pd.DataFrame, picture: Picture) -> Figure:
    """Draw the bars, the level each of them was tried against, and where the fills were."""
    tried, fills = walk_through(bars, picture)
    figure = Figure(figsize=(8.0, 3.8), layout="constrained")
    axes = figure.add_subplot()
    _draw_bars(axes, bars)
    for name, color in (("stop", STOP), ("target", TARGET)):
        if tried[name].notna().any():
            # A level is flat for the width of its bar.
            axes.stairs(
                tried[name],
                [i - 0.5 for i in range(len(tried) + 1)],
                baseline=None,
                color=color,
                linewidth=1.6,
                label=name,
            )
    _draw_fills(axes, bars, fills)
    axes.set_title(f"{picture.rule!r}: {picture.says}", fontsize=10, loc="left")
    axes.set_ylabel("AAPL, US dollars")
    ticks = range(0, len(bars), max(1, len(bars) // 5))
    axes.set_xticks(list(ticks), [f"{bars['date'].iloc[i]:%d %b %Y}" for i in ticks])
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(frameon=False, loc="outside lower center", ncols=3)
    return figure


def _draw_bars(axes: Axes, bars: pd.DataFrame) -> None:
    x = range(len(bars))
    axes.vlines(x, bars["low"], bars["high"], color=BAR, linewidth=1.2)
    axes.hlines(bars["open"], [i - 0.3 for i in x], x, color=BAR, linewidth=1.2)
    axes.hlines(bars["close"], x, [i + 0.3 for i in x], color=BAR, linewidth=1.2)


def _draw_fills(axes: Axes, bars: pd.DataFrame, fills: list[Fill]) -> None:
    days = [date.date() for date in bars["date"]]
    for fill in fills:
        what = "entry" if fill.is_entry else f"exit ({fill.exit_type}, at the {fill.moment})"
        what = what.replace("at the inside", "inside the bar")
        axes.plot(
            days.index(fill.timestamp.date()) - (0.3 if fill.moment == "open" else 0.0),
            fill.price,
            marker=">" if fill.is_entry else "X",
            markersize=9,
            linestyle="none",
            color=FILL if fill.is_entry else "black",
            label=f"{what}: {fill.price:.2f}",
        )


def main(folder: Path) -> None:
    """Write a PNG for each picture."""
    daily = load_aapl()
    for picture in PICTURES:
        first = int((daily["date"] >= picture.start).idxmax())
        bars = daily.iloc[first : first + picture.n_bars].reset_index(drop=True)
        draw(bars, picture).savefig(folder / f"{picture.name}.png", dpi=110)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
