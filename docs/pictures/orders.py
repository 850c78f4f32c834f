"""Draw the types of orders on real bars of AAPL: ``python docs/pictures/orders.py``.

Each picture is a run: orders are made at the close of the second bar, and what is drawn stands in the
tables of the result. The pictures stand in ``docs/orders.md``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from price_bars import (
    BAR,
    FILL,
    STOP,
    TARGET,
    draw_bars,
    folder_asked_for,
    mark_fill,
    write_pictures,
)

from ml4t.backtest import BacktestConfig, BacktestResult, Strategy, run_backtest

DECIDED = 1
"""The bar at whose close the orders are made."""
PRICES = {"limit_price": ("limit", TARGET), "stop_price": ("stop", STOP)}
TRAIL = 0.03
COLORS = (FILL, "#b0702e", "#7d3c98")
Act = Callable[[Strategy, str, float], Any]


@dataclass(frozen=True)
class Picture:
    """What is ordered, given the asset and the close, the bars it is shown on, and what they show."""

    name: str
    start: str
    n_bars: int
    says: str
    act: Act
    fill_at: tuple[str, ...] = ("next_open",)


def two_limits(strategy: Strategy, asset: str, close: float) -> None:
    strategy.buy(asset, 10, limit=0.985 * close)
    strategy.buy(asset, 10, limit=0.94 * close)


def two_stops(strategy: Strategy, asset: str, close: float) -> None:
    strategy.buy(asset, 10, stop=1.015 * close)
    strategy.buy(asset, 10, stop=1.06 * close)


def stop_limit(strategy: Strategy, asset: str, close: float) -> None:
    strategy.buy(asset, 10, stop=1.03 * close, limit=1.035 * close)


def bracket(strategy: Strategy, asset: str, close: float) -> None:
    limit = 0.98 * close
    strategy.buy(asset, 10, limit=limit, stop_loss=0.95 * limit, take_profit=1.06 * limit)


def day_and_gtc(strategy: Strategy, asset: str, close: float) -> None:
    strategy.buy(asset, 10, limit=0.988 * close, valid="day")
    strategy.buy(asset, 10, limit=0.98 * close)


def trail_or_limit(strategy: Strategy, asset: str, close: float) -> None:
    strategy.buy(asset, 10)
    trail = strategy.sell(asset, 10, trail_percent=TRAIL)
    strategy.sell(asset, 10, limit=1.13 * close, oco=trail)


def market(strategy: Strategy, asset: str, close: float) -> None:
    strategy.buy(asset, 10)


PICTURES = (
    Picture(
        "order_market",
        "2010-04-19",
        7,
        "a market order, under each value of fill_at",
        market,
        ("next_open", "next_close", "close"),
    ),
    Picture(
        "order_limit",
        "2008-07-14",
        9,
        "a limit fills at its price, or better where the bar opens beyond it",
        two_limits,
    ),
    Picture(
        "order_stop",
        "2011-07-12",
        9,
        "a stop fills at its price, or worse where the bar opens beyond it",
        two_stops,
    ),
    Picture(
        "order_stop_limit",
        "2012-04-20",
        9,
        "triggered beyond its limit, a stop-limit waits for the limit",
        stop_limit,
    ),
    Picture(
        "order_bracket",
        "2006-10-26",
        13,
        "a bracket: where the limit fills, a stop and a target begin to wait",
        bracket,
    ),
    Picture(
        "order_trail",
        "2006-11-09",
        13,
        "a trailing stop follows the highest high of the bars before; its fill cancels the limit",
        trail_or_limit,
    ),
    Picture(
        "order_valid",
        "2008-07-14",
        9,
        'valid="day" waits through one session, "gtc" until it fills',
        day_and_gtc,
    ),
)


class Orders(Strategy):
    """Does what a picture says at the close of the second bar."""

    def __init__(self, act: Act) -> None:
        self.act = act
        self.bar = -1

    def on_market_data(self, event: Any) -> None:
        self.bar += 1
        if self.bar == DECIDED:
            self.act(self, event.asset, event.close)


def play(bars: pd.DataFrame, picture: Picture, fill_at: str = "next_open") -> BacktestResult:
    """Run a picture."""
    config = BacktestConfig(account="margin", fill_at=fill_at)
    return run_backtest(bars, Orders(picture.act), config=config)


def draw(bars: pd.DataFrame, picture: Picture) -> Figure:
    """Draw the bars, how long each order waited at which price, and where the fills were."""
    figure, axes = draw_bars(bars, picture.says)
    axes.axvline(DECIDED + 0.5, color=BAR, linewidth=0.8, linestyle=":")
    for fill_at, color in zip(picture.fill_at, COLORS, strict=False):
        result = play(bars, picture, fill_at)
        bar_of = dict(zip(result.equity.index, range(len(bars)), strict=True))
        for order in result.orders.itertuples():
            if order.order_type == "trailing_stop":
                _draw_trail(axes, order, bars, bar_of[order.ended])
            else:
                _draw_waiting(axes, order, bar_of)
        for fill in result.fills.itertuples():
            where = "inside the bar" if fill.moment == "inside" else f"at the {fill.moment}"
            if len(picture.fill_at) > 1:
                where += f' (fill_at="{fill_at}")'
            is_entry = fill.quantity > 0
            color = color if is_entry else "black"
            label = f"{'bought' if is_entry else 'sold'} at {fill.price:.2f}, {where}"
            mark_fill(axes, bar_of[fill.timestamp], fill.moment, fill.price, is_entry, label, color)
    figure.legend(frameon=False, loc="outside lower center", ncols=2)
    return figure


def _draw_waiting(axes: Axes, order: Any, bar_of: dict[pd.Timestamp, int]) -> None:
    """Draw the prices that an order waited for, from the bar after the decision to that of its end."""
    begins = bar_of[order.timestamp] + (0.0 if order.parent_id else 0.5)
    ends = len(bar_of) - 0.5 if pd.isna(order.ended) else float(bar_of[order.ended])
    if order.status == "expired":
        ends -= 0.5
    for name, (what, color) in PRICES.items():
        price = getattr(order, name)
        if not pd.isna(price):
            label = f"{order.side} {what} {price:.2f}: {order.status}"
            if order.order_type == "stop_limit" and what == "stop":
                label = f"what sets it off, {price:.2f}"
            axes.hlines(price, begins, ends, color=color, linewidth=1.6, label=label)


def _draw_trail(axes: Axes, order: Any, bars: pd.DataFrame, end: int) -> None:
    """Draw the stop that each bar was tried with: off the best price of the bars before it."""
    best = bars["high"].iloc[DECIDED:].copy()
    best.iloc[0] = bars["close"].iloc[DECIDED]  # the mark at which the order was accepted
    stops = ((1.0 - TRAIL) * best.cummax()).to_numpy()[: end - DECIDED]
    edges = [DECIDED + 0.5 + bar for bar in range(len(stops) + 1)]
    label = f"sell stop, {TRAIL:.0%} below: {order.status} at {order.stop_price:.2f}"
    axes.stairs(stops, edges, baseline=None, color=STOP, linewidth=1.6, label=label)


if __name__ == "__main__":
    write_pictures(folder_asked_for(), PICTURES, draw)
