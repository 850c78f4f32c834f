"""What a summary and a picture are made of: as much of a result as they read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
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
    def empty_columns(self) -> tuple[str, ...]:
        """Columns of the data that are NaN at every bar."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What to keep in mind when reading the figures."""

    @property
    def metrics(self) -> Mapping[str, Any]:
        """Performance measures by name."""

    @property
    def _session_days(self) -> np.ndarray:
        """The date of the session of each timestamp, by the calendar of the run; empty without one."""

    @property
    def equity(self) -> pd.DataFrame:
        """The equity curve."""

    @property
    def events(self) -> pd.DataFrame:
        """What else happened to orders and levels."""

    @property
    def trades(self) -> pd.DataFrame:
        """Round trips."""

    @property
    def orders(self) -> pd.DataFrame:
        """Orders in the order they were accepted."""

    @property
    def open_positions(self) -> pd.DataFrame:
        """Positions still open when the run ended."""
