"""MeasuredFrames: what is measured of a run whose tables are frames, from files or of several runs."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
import pandas as pd

from ml4t.backtest.market.sessions import session_ends
from ml4t.backtest.records.measured import (
    ClosedTrades,
    EquityCurve,
    closed_trades,
    equity_curve,
    n_exposed,
)


class MeasuredFrames(ABC):
    """The base of tables that have no C records behind them."""

    @abstractmethod
    def frame(self, table: str) -> pd.DataFrame:
        """Return the frame of a table."""

    def curve(self) -> EquityCurve:
        """Return what is measured of the equity curve."""
        return equity_curve(self.frame("equity"))

    def n_exposed(self) -> int:
        """Return the number of timestamps with a gross exposure."""
        return n_exposed(self.frame("equity"))

    def session_ends(self, time_zone: str | None) -> np.ndarray:
        """Return the position of the last timestamp of each session, a day of this zone."""
        return session_ends(self.frame("equity").index.asi8, time_zone)

    def n_trades(self) -> int:
        """Return the number of round trips."""
        return len(self.frame("trades"))

    def closed_trades(self) -> ClosedTrades:
        """Return what is measured of the round trips."""
        return closed_trades(self.frame("trades"))
