"""Markets and strategies of the growth tests: made fast, of any size."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

import numpy as np

from ml4t.backtest import BacktestConfig, BacktestEngine, MarketData, Strategy
from ml4t.backtest.market.market_data import ACTION

DAY = 86_400 * 10**9
RICH = BacktestConfig(initial_cash=1e12)
CAPPED = BacktestConfig(initial_cash=1e12, max_participation=1.0)
MARGIN = BacktestConfig(initial_cash=1e12, account="margin")


@functools.lru_cache(maxsize=8)
def market(
    n_times: int,
    n_assets: int = 1,
    n_columns: int = 0,
    gone_after: int = 0,
    splits_at: int = 0,
    comes_back: bool = False,
    high: float = 100.0,
    low: float = 100.0,
    pays: bool = False,
    volume: float = 0.0,
) -> MarketData:
    """Bars at 100, up to ``high`` and down to ``low``, one a day for each asset. Columns x0, x2, ... are 100 too, the others zero.

    With ``gone_after`` the first asset has rows up to that timestamp only: what waits for it waits. With
    ``comes_back`` it has one more, at the last timestamp.
    With ``splits_at`` every asset splits two for one at that timestamp; with ``pays`` the first pays a
    millionth at each.
    """
    actions = np.zeros(n_assets if splits_at else 0, ACTION)
    actions["time"] = DAY * (splits_at + 1)
    actions["asset"] = np.arange(len(actions))
    actions["value"] = 2.0
    if pays:
        actions = np.zeros(n_times, ACTION)
        actions["time"] = DAY * np.arange(1, n_times + 1)
        actions["kind"] = 1
        actions["value"] = 1e-6
    present = np.ones((n_times, n_assets), bool)
    if gone_after:
        present[gone_after:, 0] = False
        present[-1, 0] = comes_back
    n_rows = int(present.sum())
    price = np.full(n_rows, 100.0)
    return MarketData.from_arrays(
        [f"A{code:06d}" for code in range(n_assets)],
        DAY * np.arange(1, n_times + 1),
        np.concatenate([[0], np.cumsum(present.sum(axis=1))]),
        np.nonzero(present)[1].astype(np.int32),
        price,
        np.full(n_rows, high),
        np.full(n_rows, low),
        price,
        volume=np.full(n_rows, volume),
        features={f"x{i}": price if i % 2 == 0 else np.zeros(n_rows) for i in range(n_columns)},
        actions=actions,
    )


class Batch(Strategy):
    """Calls ``act(self, t)`` once per timestamp t."""

    def __init__(self, act: Callable[[Strategy, int], object]) -> None:
        self.act = act
        self.t = -1

    def on_timestamp_batch(self, timestamp, events, context) -> None:
        self.t += 1
        self.act(self, self.t)


def batch_run(
    data: MarketData,
    act: Callable[[Strategy, int], object],
    rules: Sequence[object] = (),
    config: BacktestConfig = RICH,
) -> Callable[[], object]:
    """A run of :class:`Batch`, ready to be called."""
    return BacktestEngine(data, Batch(act), rules=rules, config=config).run


def hold_all(strategy: Strategy, t: int) -> None:
    """Buy a unit of every asset at the first timestamp."""
    if t == 0:
        for asset in strategy.data.assets:
            strategy.buy(asset, 1.0)
