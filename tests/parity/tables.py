"""The real prices that scenarios are played on, and the signals read off them, for every engine alike."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from functools import cache, cached_property
from typing import Any

import numpy as np
import pandas as pd

from ml4t.backtest.datasets import load_aapl, load_es_minutes, load_us_stocks

STOCKS = ("AAPL", "AMD", "BAC", "CVX", "GE", "HD", "JPM", "KO", "PFE", "WMT")
FIELDS = ("open", "high", "low", "close")


@dataclass(frozen=True)
class Table:
    """Bars of one or more assets on one row of times; a bar is known by its number."""

    times: pd.DatetimeIndex
    assets: tuple[str, ...]
    prices: dict[str, np.ndarray]
    """Open, high, low and close; shape (bars, assets)."""

    def long(self) -> pd.DataFrame:
        """Return the bars as the table a run reads."""
        return pd.DataFrame(
            {
                "timestamp": np.repeat(self.times, len(self.assets)),
                "asset": np.tile(self.assets, len(self.times)),
                **{field: values.ravel() for field, values in self.prices.items()},
            }
        )

    @cached_property
    def fingerprint(self) -> str:
        """A hash of every time and price."""
        given = json.dumps(self.as_json(), sort_keys=True)
        return hashlib.sha256(given.encode()).hexdigest()

    def as_json(self) -> dict[str, Any]:
        """Return what another process is given: a list of bars for each asset and field."""
        return {
            "times": [time.isoformat() for time in self.times],
            "assets": self.assets,
            "prices": {
                field: dict(zip(self.assets, values.T.tolist(), strict=True))
                for field, values in self.prices.items()
            },
        }


def one_asset(bars: pd.DataFrame, time: str) -> Table:
    prices = {field: bars[[field]].to_numpy("float64") for field in FIELDS}
    return Table(pd.DatetimeIndex(bars[time]), (bars["symbol"].iloc[0],), prices)


@cache
def table(name: str) -> Table:
    """Return a table by its name.

    ``aapl`` has gaps, its splits stay in the prices; ``cents`` is the same in whole cents, ``closes`` the
    closes of that alone. ``es`` are minutes, ``stocks`` closes of ten, in cents.
    """
    if name == "aapl":
        return one_asset(load_aapl(), "date")
    if name == "cents":
        raw = table("aapl")
        return replace(raw, prices={field: raw.prices[field].round(2) for field in FIELDS})
    if name == "closes":
        cents = table("cents")
        return replace(cents, prices=dict.fromkeys(FIELDS, cents.prices["close"]))
    if name == "es":
        return one_asset(load_es_minutes(), "timestamp")
    closes = load_us_stocks("2012", "2018")[[*STOCKS]]
    prices = dict.fromkeys(FIELDS, closes.to_numpy("float64").round(2))
    return Table(pd.DatetimeIndex(closes.index), STOCKS, prices)


def crossings(close: np.ndarray, fast: int, slow: int) -> tuple[list[int], list[int]]:
    """Return the bars at which the fast mean rises above the slow one, and those at which it falls below."""
    # In whole ten-thousandths: where both means are equal no rounding decides.
    totals = np.concatenate([[0], np.cumsum(np.rint(close * 10_000).astype("int64"))])
    ends = np.arange(slow, len(totals))
    means = [
        (totals[ends] - totals[ends - window]) * (fast * slow // window) for window in (fast, slow)
    ]
    above = means[0] > means[1]
    bars = ends[1:] - 1
    up, down = bars[above[1:] & ~above[:-1]], bars[~above[1:] & above[:-1]]
    return up.tolist(), down.tolist()


def strongest(prices: Table, count: int) -> dict[int, list[str]]:
    """Return, for the last bar of each month, the assets that rose most in half a year."""
    closes = prices.prices["close"]
    months = prices.times.to_period("M")
    ends = np.flatnonzero(months[:-1] != months[1:])
    return {
        bar: [
            prices.assets[i]
            for i in np.argsort(closes[bar] / closes[bar - 126], kind="stable")[-count:]
        ]
        for bar in ends[ends >= 126].tolist()
    }
