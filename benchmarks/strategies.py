"""The Python strategies of the benchmarks. What a body does is part of the workload: see README.md."""

from __future__ import annotations

import numpy as np

from ml4t.backtest import Strategy

MARK = 1e8
"""Volumes above it are the marks of :func:`benchmarks.markets.marked_volume`."""


class Idle(Strategy):
    """B2: a callback with an empty body."""

    def on_market_data(self, event):
        pass


class Dips(Strategy):
    """A sweep of callbacks: buys after a fall within a bar, sells ten bars later."""

    def __init__(self, fall):
        self.level = 1.0 - fall

    def on_market_data(self, event):
        position = self.position(event.asset)
        if not position:
            if event.close < event.open * self.level:
                self.buy(event.asset, 10.0)
        elif position.bars_held >= 10:
            self.close(event.asset)


class Jumps(Strategy):
    """B3: two attributes a bar, an order about once in 50 bars (a close far from its open)."""

    def __init__(self, jump):
        self.upper = 1.0 + jump
        self.lower = 1.0 - jump

    def on_market_data(self, event):
        change = event.close / event.open
        if change > self.upper:
            self.sell(event.asset, 1.0)
        elif change < self.lower:
            self.buy(event.asset, 1.0)


class TopWeights(Strategy):
    """B4: every five timestamps equal weights in the 50 assets of the highest prediction."""

    n_between = 5
    n_held = 50

    def __init__(self):
        super().__init__()
        self.n_seen = 0

    def on_timestamp_batch(self, timestamp, events, context):
        self.n_seen += 1
        if self.n_seen % self.n_between == 1:
            self.order_target_weights(self.weights(events.prediction))

    @classmethod
    def weights(cls, prediction):
        weights = np.zeros(len(prediction))
        weights[np.argpartition(prediction, -cls.n_held)[-cls.n_held :]] = 1.0 / cls.n_held
        return weights


class Roll(Strategy):
    """G1, G2: one attribute and one comparison a bar; a marked bar closes and opens its asset anew."""

    def on_market_data(self, event):
        if event.volume > MARK:
            self.close(event.asset)
            self.buy(event.asset, 1.0)


class RollBatch(Strategy):
    """G3: one ``argmax`` over a column per timestamp; a marked timestamp rolls its marked assets."""

    def on_timestamp_batch(self, timestamp, events, context):
        prediction = events.prediction
        if prediction[prediction.argmax()] > MARK:
            for event in events:
                if event.prediction > MARK:
                    self.close(event.asset)
                    self.buy(event.asset, 1.0)
