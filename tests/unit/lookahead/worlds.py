"""Small made-up markets, and strategies with and without a leak."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ml4t.backtest import Strategy

ASSETS = ("AAA", "BBB")


def prices(seed: int = 0, n_days: int = 60, assets: tuple[str, ...] = ASSETS) -> pd.DataFrame:
    """Long daily bars with a volume."""
    random = np.random.default_rng(seed)
    days = pd.date_range("2024-01-01", periods=n_days)
    frames = []
    for asset in assets:
        close = 100.0 * np.exp(np.cumsum(random.normal(0.0, 0.02, n_days)))
        opening = close * np.exp(random.normal(0.0, 0.01, n_days))
        wicks = np.exp(np.abs(random.normal(0.0, 0.005, (2, n_days))))
        frames.append(
            pd.DataFrame(
                {
                    "date": days,
                    "asset": asset,
                    "open": opening,
                    "high": np.maximum(opening, close) * wicks[0],
                    "low": np.minimum(opening, close) / wicks[1],
                    "close": close,
                    "volume": random.integers(1_000, 9_000, n_days),
                }
            )
        )
    return pd.concat(frames).sort_values(["date", "asset"], ignore_index=True)


def values(seed: int = 1, name: str = "score", **given: int) -> pd.DataFrame:
    """A long table of one value per day and asset."""
    table = prices(seed, **given)[["date", "asset"]]
    return table.assign(**{name: np.random.default_rng(seed).normal(size=len(table))})


def market(seed: int = 2, n_days: int = 60) -> pd.DataFrame:
    """A market-wide table of one value per day."""
    random = np.random.default_rng(seed)
    days = pd.date_range("2024-01-01", periods=n_days)
    return pd.DataFrame({"date": days, "vix": random.uniform(10.0, 30.0, n_days)})


class Follow(Strategy):
    """Holds what has a positive score, and nothing else."""

    def __init__(self, name: str = "score") -> None:
        self.name = name

    def on_market_data(self, event) -> None:
        held = self.quantity(event.asset)
        if getattr(event, self.name) > 0.0 and not held:
            self.order_target_percent(event.asset, 0.4)
        elif not getattr(event, self.name) > 0.0 and held:
            self.close(event.asset)


class Peek(Strategy):
    """Buys what will be higher, as a column of a later row says."""

    def __init__(self, column) -> None:
        self.column = column

    def on_market_data(self, event) -> None:
        values, later = self.column(self.data), event.row + len(self.data.assets)
        if later >= len(values):
            return
        if values[later] > np.median(values[: event.row + 1]) and not self.quantity(event.asset):
            self.buy(event.asset, 1.0)
        elif self.quantity(event.asset):
            self.close(event.asset)
