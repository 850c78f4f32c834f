"""Strategies and data of walks; importable by workers."""

import numpy as np
import pandas as pd

from ml4t.backtest import MarketData, Strategy
from ml4t.backtest.walk_forward import WalkForward

N = 240
SPLITS = WalkForward(80, 40)


def prices(n=N, seed=3, assets=("A", "B")):
    """Daily bars of two assets, the second of which begins later; a session is a bar."""
    draw = np.random.default_rng(seed)
    days = pd.bdate_range("2020-01-01", periods=n)
    frames = []
    for number, asset in enumerate(assets):
        close = 100.0 * np.exp(np.cumsum(draw.normal(0.0, 0.015, n)))
        begin = close * np.exp(draw.normal(0.0, 0.004, n))
        frame = pd.DataFrame({"date": days, "asset": asset, "open": begin, "close": close})
        frame["high"] = frame[["open", "close"]].max(axis=1) * 1.004
        frame["low"] = frame[["open", "close"]].min(axis=1) * 0.996
        frames.append(frame[30 * number :])
    return pd.concat(frames).sort_values(["date", "asset"], ignore_index=True)


def market(n=N, seed=3, **options):
    return MarketData.from_tables(prices(n, seed), bar_time="16:00 America/New_York", **options)


class Holds(Strategy):
    """Buys the asset of an odd weekday after a fall, holds it for so many bars."""

    def __init__(self, fall=0.005, hold=5):
        self.fall, self.hold = fall, hold

    def on_start(self):
        self.last = {}

    def on_market_data(self, event):
        position = self.position(event.asset)
        if position and position.bars_held >= self.hold:
            self.close(event.asset)
        elif not position and event.close < self.last.get(event.asset, 0.0) * (1.0 - self.fall):
            self.order_target_percent(event.asset, 0.45)
        self.last[event.asset] = event.close


def holds(fall, hold):
    return {"strategy": Holds(fall, hold)}


def always(**given):
    """A fit that has made up its mind."""
    return lambda train: {"strategy": Holds(), **given}
