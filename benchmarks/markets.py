"""The made-up markets of the benchmarks: seeded random walks, dense, built once per process."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ml4t.backtest import MarketData

MINUTE = 60 * 10**9
DAY = 86_400 * 10**9
START = 1_577_923_200 * 10**9  # 2020-01-02 00:00 UTC


class Prices(NamedTuple):
    """Four float64 arrays of shape (n_times, n_assets)."""

    open: np.ndarray
    high: np.ndarray
    low: np.ndarray
    close: np.ndarray


def random_walk(
    n_times: int, n_assets: int, *, seed: int, volatility: float, drift: float = 0.0
) -> Prices:
    """Return bars of geometric random walks that start at 100.

    Parameters
    ----------
    n_times, n_assets : int
    seed : int
    volatility, drift : float
        Standard deviation and mean of a bar's log return. Gaps and the reach of high and low beyond
        open and close are normal too, a quarter and a half of the volatility wide.
    """
    rng = np.random.default_rng(seed)
    shape = (n_times, n_assets)
    close = 100.0 * np.exp(np.cumsum(rng.normal(drift, volatility, shape), axis=0))
    open_ = np.vstack([np.full((1, n_assets), 100.0), close[:-1]])
    open_ *= np.exp(rng.normal(0, volatility / 4, shape))
    high = np.maximum(open_, close) * np.exp(np.abs(rng.normal(0, volatility / 2, shape)))
    low = np.minimum(open_, close) * np.exp(-np.abs(rng.normal(0, volatility / 2, shape)))
    return Prices(open_, high, low, close)


def market(
    prices: Prices,
    step: int,
    *,
    volume: np.ndarray | None = None,
    signals: dict[str, np.ndarray] | None = None,
    context: dict[str, np.ndarray] | None = None,
) -> MarketData:
    """Wrap arrays of shape (n_times, n_assets) as market data without missing rows.

    Parameters
    ----------
    prices : Prices
    step : int
        Nanoseconds from one timestamp to the next.
    volume : float64 array, optional
        Shape of the prices, units.
    signals : mapping of name to float64 array, optional
    context : mapping of name to float64 array, optional
        Columns of the whole market, shape (n_times,).
    """
    n_times, n_assets = prices.close.shape
    width = len(str(n_assets - 1))
    return MarketData.from_arrays(
        [f"A{code:0{width}d}" for code in range(n_assets)],
        START + step * np.arange(n_times, dtype=np.int64),
        n_assets * np.arange(n_times + 1, dtype=np.int64),
        np.tile(np.arange(n_assets, dtype=np.int32), n_times),
        *(column.ravel() for column in prices),
        volume=None if volume is None else volume.ravel(),
        features={name: column.ravel() for name, column in (signals or {}).items()},
        signal_names=tuple(signals or ()),
        context=context or {},
    )


def volatility_index(n_times: int, *, seed: int) -> np.ndarray:
    """Return an index that wanders around 20 and comes back, shape (n_times,), as that of implied volatility does.

    Its logarithm keeps 0.98 of its distance from one bar to the next and moves by 0.045: with two points of hysteresis
    it comes over 25 or back once in 96 bars, where the VIX of 2014 to 2018 did in 97.
    """
    shocks = np.random.default_rng(seed).normal(0.0, 0.045, n_times)
    away = np.zeros(n_times)
    for t in range(1, n_times):
        away[t] = 0.98 * away[t - 1] + shocks[t]
    return 20.0 * np.exp(away)


def alternating_signals(n_times: int, mean_gap: int, seed: int) -> dict[str, np.ndarray]:
    """Return columns ``entry`` and ``exit`` of shape (n_times, 1): 1.0 in turn, else 0.0.

    The gap from one to the next is geometric with mean ``mean_gap``; the first is an entry.
    """
    rng = np.random.default_rng(seed)
    at = np.cumsum(rng.geometric(1 / mean_gap, 2 * n_times // mean_gap + 10))
    at = at[at < n_times]
    columns = {"entry": np.zeros((n_times, 1)), "exit": np.zeros((n_times, 1))}
    columns["entry"][at[::2]] = 1.0
    columns["exit"][at[1::2]] = 1.0
    return columns


def marked_volume(n_times: int, n_assets: int, *, first_assets: int, every: int) -> np.ndarray:
    """Return a volume of 1e6, and 1e9 at every ``every``-th bar of the first ``first_assets`` assets.

    A strategy that trades on it needs one attribute and one comparison a bar.
    """
    volume = np.full((n_times, n_assets), 1e6)
    volume[::every, :first_assets] = 1e9
    return volume
