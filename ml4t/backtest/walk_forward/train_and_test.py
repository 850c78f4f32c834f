"""What a fit is handed of a train part, and what its signals are made of in a test part."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from ml4t.backtest.config import BacktestConfig
from ml4t.backtest.market.market_data import MarketData
from ml4t.backtest.walk_forward.errors import WalkForwardError


@dataclass(frozen=True, repr=False)
class Piece:
    """A part of the data to train on, or to test on: bars of that time alone, and rows of the table.

    Attributes
    ----------
    pieces : tuple of MarketData
        One stretch of time each; there are several where the train part lies around test groups.
    rows : DataFrame or None
        The rows of the table that was given to the walk; of a train part those whose labels end before it is over.
    config : BacktestConfig
        The settings of the walk.
    """

    pieces: tuple[MarketData, ...]
    rows: Any = None
    config: BacktestConfig = field(default_factory=BacktestConfig)

    @property
    def data(self) -> MarketData:
        """The bars, of a part that is one stretch of time.

        Raises
        ------
        WalkForwardError
            If it is several.
        """
        if len(self.pieces) > 1:
            raise WalkForwardError(
                f"this train part is {len(self.pieces)} stretches of time around its test groups: use pieces, each of "
                "which is one"
            )
        return self.pieces[0]

    @property
    def start(self) -> pd.Timestamp:
        """The first timestamp (UTC)."""
        return pd.Timestamp(int(self.pieces[0].timestamps[0]), tz="UTC")

    @property
    def end(self) -> pd.Timestamp:
        """The last timestamp (UTC)."""
        return pd.Timestamp(int(self.pieces[-1].timestamps[-1]), tz="UTC")

    def __repr__(self) -> str:
        n_times = sum(one.n_times for one in self.pieces)
        rows = "" if self.rows is None else f", {len(self.rows):,} rows"
        return f"Piece({self.start:%Y-%m-%d} to {self.end:%Y-%m-%d}, {n_times:,} timestamps{rows})"
