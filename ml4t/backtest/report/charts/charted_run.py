"""As much of a result as charts and the page read."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import pandas as pd

from ml4t.backtest.analytics.attribution import Attribution
from ml4t.backtest.records.frames import Frames
from ml4t.backtest.records.shown_times import ShownTimes
from ml4t.backtest.report.reported_run import ReportedRun


class ChartedRun(ReportedRun, Protocol):
    """A run with its analyses; every :class:`~ml4t.backtest.BacktestResult` is one."""

    _frames: Frames

    @property
    def _session_ends(self) -> np.ndarray:
        """The position of the last timestamp of each session."""

    @property
    def _times(self) -> ShownTimes:
        """How its times are shown."""

    def _table(self, name: str) -> pd.DataFrame:
        """Return a table, its times in UTC."""

    @property
    def returns(self) -> pd.Series:
        """Simple returns by session."""

    def monthly_table(self) -> pd.DataFrame:
        """Return the compounded return of each month."""

    def rolling(self, window: int = 63) -> pd.DataFrame:
        """Return measures of the last so many sessions."""

    def attribution(self) -> Attribution:
        """Return where the profit and loss comes from."""

    def measure(self, *, benchmark: Any = None) -> dict[str, Any]:
        """Compute the measures anew."""
