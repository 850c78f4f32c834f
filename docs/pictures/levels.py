"""Draw the levels of each built-in rule on real bars of AAPL: ``python docs/pictures/levels.py``.

A position is walked by hand, bar by bar; the level drawn at a bar is the one that bar was tried
against. The pictures stand in ``docs/risk.md``.
"""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
from matplotlib.figure import Figure
from price_bars import FILL, STOP, TARGET, draw_bars, folder_asked_for, mark_fill, write_pictures

from ml4t.backtest import BacktestConfig, MarketData
from ml4t.backtest.data import ATR, RSI
from ml4t.backtest.execution.views import Fill
from ml4t.backtest.risk import (
    BreakEven,
    CompositeRule,
    DynamicTrailingStop,
    MaxLoss,
    PriceBasedStopLoss,
    PriceBasedTakeProfit,
    RegimeDependentRule,
    RiskManager,
    RiskRule,
    ScaledExit,
    SignalExit,
    TimeBasedExit,
    TrailingStop,
    VolatilityScaledStopLoss,
    VolatilityScaledTakeProfit,
)
from ml4t.backtest.testing.manual_run import ManualRun


@dataclass(frozen=True)
class Picture:
    """A rule, the bars it is shown on, the units of the position, and the bar that enters it."""

    name: str
    rule: RiskRule
    start: str
    n_bars: int
    says: str
    units: int = 1
    entered: int = 1


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
        "risk_target",
        CompositeRule([PriceBasedStopLoss(pct=0.04), PriceBasedTakeProfit(r=2)]),
        "2012-09-27",
        24,
        "the target twice as far as the stop",
        -1,
    ),
    Picture(
        "volatility_target",
        VolatilityScaledTakeProfit(2.0, atr="atr"),
        "2010-05-18",
        25,
        "two ATR above the entry, with the ATR of the bar before it",
        entered=6,
    ),
    Picture(
        "scaled_exit",
        ScaledExit([(0.04, 0.5), (0.1, 0.5)]),
        "2010-03-24",
        24,
        "half at 4%, the rest where a gap passes 10%",
        units=10,
    ),
    Picture(
        "trailing_stop",
        TrailingStop(0.08),
        "2010-02-26",
        52,
        "the stop follows the highest high of the bars before",
    ),
    Picture(
        "amount_trail",
        TrailingStop(amount=20),
        "2009-09-03",
        44,
        "twenty dollars below the highest high, whatever the price",
    ),
    Picture(
        "volatility_stop",
        VolatilityScaledStopLoss(2.0, atr="atr"),
        "2012-09-10",
        15,
        "as far off as two ATR of the bar before the entry",
        entered=6,
    ),
    Picture(
        "atr_trail",
        TrailingStop(atr="atr", k=3.0),
        "2010-02-18",
        50,
        "three ATR below the highest high",
        entered=6,
    ),
    Picture(
        "activation",
        TrailingStop(0.04, activation=0.05),
        "2011-06-08",
        36,
        "armed once the high is 5% above the entry",
    ),
    Picture(
        "dynamic_trail",
        DynamicTrailingStop(0.1, schedule=[(0.05, 0.06), (0.15, 0.03)]),
        "2010-03-24",
        30,
        "tighter with the gain",
    ),
    Picture(
        "tightening_trail",
        DynamicTrailingStop(0.1, tighten=0.005, floor=0.03),
        "2012-05-29",
        23,
        "tighter with each bar held, down to 3%",
    ),
    Picture(
        "max_loss",
        MaxLoss(400),
        "2012-09-27",
        14,
        "ten units lose it forty dollars below the entry",
        10,
    ),
    Picture(
        "regimes",
        RegimeDependentRule(
            "rsi", [TrailingStop(0.03), TrailingStop(0.08)], bands=[60], hysteresis=5
        ),
        "2010-04-05",
        22,
        "3% below the high while the RSI is low",
        entered=6,
    ),
    Picture(
        "break_even",
        BreakEven(0.05),
        "2012-06-27",
        24,
        "at the entry price once the high is 5% above it",
    ),
    Picture(
        "live_stop",
        VolatilityScaledStopLoss(3.0, atr="atr", live=True),
        "2011-05-10",
        30,
        "it rises as the ATR falls",
        entered=6,
    ),
    Picture(
        "time_exit",
        TimeBasedExit(max_bars=10),
        "2010-09-01",
        16,
        "decided at the tenth close, filled at the next open",
    ),
    Picture(
        "signal_exit",
        SignalExit("rsi", below=50),
        "2010-04-05",
        22,
        "decided at the first close with an RSI below 50",
        entered=6,
    ),
)


def walk_through(bars: pd.DataFrame, picture: Picture) -> tuple[pd.DataFrame, list[Fill]]:
    """Hold one position under the rule; return the levels bar by bar, and the fills."""
    features = {"atr": ATR(5), "rsi": RSI(5)}
    data = MarketData.from_tables(bars, features=features, bar_time="16:00 America/New_York")
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
        if i == picture.entered - 1:
            walk.submit("AAPL", picture.units)
    return pd.DataFrame(tried, columns=["stop", "target"]), fills


def draw(bars: pd.DataFrame, picture: Picture) -> Figure:
    """Draw the bars, the level each of them was tried against, and where the fills were."""
    tried, fills = walk_through(bars, picture)
    figure, axes = draw_bars(bars, f"{picture.rule!r}: {picture.says}")
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
    days = [date.date() for date in bars["date"]]
    for fill in fills:
        what = "entry" if fill.is_entry else f"exit ({fill.exit_type}, at the {fill.moment})"
        what = what.replace("at the inside", "inside the bar")
        bar = days.index(fill.timestamp.date())
        label = f"{what}: {fill.price:.2f}"
        color = FILL if fill.is_entry else "black"
        mark_fill(axes, bar, fill.moment, fill.price, fill.is_entry, label, color)
    figure.legend(frameon=False, loc="outside lower center", ncols=3 if len(fills) < 3 else 2)
    return figure


if __name__ == "__main__":
    write_pictures(folder_asked_for(), PICTURES, draw)
