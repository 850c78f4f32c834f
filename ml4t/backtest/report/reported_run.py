"""What a summary and a picture are made of: as much of a result as they read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import pandas as pd

from ml4t.backtest.config import BacktestConfig


class ReportedRun(Protocol):
    """A run to be shown; every :class:`~ml4t.backtest.BacktestResult` is one."""

    config: BacktestConfig
    strategy_name: str
    seconds: float
    partial: bool
    counters: dict[str, int]
    info: dict[str, Any]

    @property
    def metrics(self) -> Mapping[str, Any]:
        """Performance measures by name."""

    @property
    def equity(self) -> pd.DataFrame:
        """The equity curve."""

    @property
    def open_positions(self) -> pd.DataFrame:
        """Positions still open when the run ended."""
