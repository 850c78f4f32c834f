"""Chunks made by hand: what one carries over must be what the one before has shown."""

import numpy as np
import pytest

from ml4t.backtest import BacktestConfig, MarketData, Strategy
from ml4t.backtest.engine import EngineLoop
from ml4t.backtest.risk import RiskManager


class Idle(Strategy):
    """Looks at what is held, and does nothing."""

    def on_market_data(self, event):
        self.positions()


def chunk(codes, times, **more):
    """Return one bar of each asset in ``codes``, all at the first timestamp, and of A at the others."""
    rows = [*codes, *[0] * (len(times) - 1)]
    offsets = [0, *np.arange(len(codes), len(rows) + 1)]
    close = np.full(len(rows), 10.0)
    return MarketData.from_arrays(
        ["A", "B"], times, offsets, rows, close, close, close, close, **more
    )


def run(first, second):
    EngineLoop(first, Idle(), RiskManager(), BacktestConfig()).run(chunks=[second])


def test_a_chunk_that_carries_another_asset_over_is_refused():
    first = chunk([0], [1, 2])
    run(first, chunk([0], [2, 3], carried_times=[2]))
    with pytest.raises(ValueError, match="carries over a bar of 'B', which has had none"):
        run(first, chunk([1], [2, 3], carried_times=[2]))


def test_a_chunk_that_carries_too_much_over_is_refused():
    with pytest.raises(ValueError, match="must carry over the last bars of 1 assets, had 2"):
        run(chunk([0], [1, 2]), chunk([0, 1], [2, 3], carried_times=[2, 2]))
