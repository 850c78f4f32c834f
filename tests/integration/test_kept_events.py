"""An event that a strategy keeps stays true, though the engine uses one object for many bars."""

import numpy as np
import pytest

from ml4t.backtest import BacktestEngine, Strategy
from ml4t.backtest.market.market_data import MarketData

N_TIMES = 12


class Keeper(Strategy):
    """Keeps every so-many-th event, and what it said when it came."""

    def __init__(self, step):
        super().__init__()
        self.step = step
        self.n_seen = 0
        self.events = []
        self.said = []

    def on_market_data(self, event):
        self.n_seen += 1
        if self.n_seen % self.step == 0:
            self.events.append(event)
            self.said.append((event.timestamp_ns, event.asset, event.close))


@pytest.mark.parametrize("n_assets", [1, 3])
@pytest.mark.parametrize("every", [1, 2, 5])
def test_kept_events_stay_true(n_assets, every):
    close = 100.0 + np.arange(N_TIMES * n_assets)
    data = MarketData.from_arrays(
        [f"A{code}" for code in range(n_assets)],
        np.arange(N_TIMES, dtype=np.int64) * 60_000_000_000,
        np.arange(N_TIMES + 1, dtype=np.int64) * n_assets,
        np.tile(np.arange(n_assets, dtype=np.int32), N_TIMES),
        *(close,) * 4,
    )
    keeper = Keeper(every)
    BacktestEngine(data, keeper).run()
    assert len(keeper.events) == N_TIMES * n_assets // every
    assert len(set(keeper.said)) == len(keeper.said)
    assert [(e.timestamp_ns, e.asset, e.close) for e in keeper.events] == keeper.said
