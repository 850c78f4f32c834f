"""Closes that fall by about half from one bar to the next: what a split does to raw prices."""

from __future__ import annotations

from typing import Any

import numpy as np

from ml4t.backtest.data.join.bars import Bars
from ml4t.backtest.data.tables._price_checks import find_falls

PART = 0.55
"""Of the close before; above a half, because the market moves on the day of a split too."""


class Falls:
    """The falls of a run's prices, taken in bars after bars.

    Parameters
    ----------
    n_assets : int
    """

    def __init__(self, n_assets: int) -> None:
        self._last = np.full(n_assets, np.nan)
        self._count = 0
        self._first: dict[str, Any] = {}

    def take(self, bars: Bars) -> None:
        """Take in the next bars."""
        count, row = find_falls(bars.codes, bars.prices["close"], PART, self._last)
        if count and not self._count:
            self._first = {"asset": bars.assets[bars.codes[row]], "time": int(bars.times[row])}
        self._count += count

    @property
    def info(self) -> dict[str, Any]:
        """How many there were, with the asset and the time (nanoseconds UTC) of the first; empty without any."""
        return {"count": self._count, **self._first} if self._count else {}
