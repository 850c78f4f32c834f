"""What is asked of a run beyond its measures: by period, by trade, how sure it is, and for other packages."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ml4t.backtest.analytics.attribution import Attribution
from ml4t.backtest.analytics.benchmark_returns import beside
from ml4t.backtest.analytics.bootstrap import bootstrap_intervals
from ml4t.backtest.analytics.checked import number, whole_number
from ml4t.backtest.analytics.handed_on import positions_by_session, transactions_by_time
from ml4t.backtest.analytics.metrics import measured_years
from ml4t.backtest.analytics.period_tables import monthly_table, yearly_table
from ml4t.backtest.analytics.rolling_measures import rolling_measures
from ml4t.backtest.analytics.sharpe_inference import probabilistic_sharpe, sharpe_moments
from ml4t.backtest.records.frames import Frames
from ml4t.backtest.records.shown_times import ShownTimes


class RunAnalyses:
    """The analyses of a result."""

    if TYPE_CHECKING:  # what they read of it
        _frames: Frames
        info: dict[str, Any]

        @cached_property
        def returns(self) -> pd.Series: ...
        @cached_property
        def _times(self) -> ShownTimes: ...
        def measure(
            self, *, periods_per_year: float | None = None, only: Sequence[str] | None = None
        ) -> dict[str, Any]: ...
        def _table(self, name: str) -> pd.DataFrame: ...

        @cached_property
        def _session_ends(self) -> np.ndarray: ...
        def _session_dates(self, ends: np.ndarray) -> pd.DatetimeIndex: ...

    def monthly_table(self) -> pd.DataFrame:
        """Return the compounded return of each month: a row a year, ``Jan`` to ``Dec``, and ``year``."""
        return monthly_table(self.returns)

    def yearly_table(
        self, *, benchmark: Any = None, periods_per_year: float | None = None
    ) -> pd.DataFrame:
        """Return what each calendar year did: sessions, return, volatility, Sharpe ratio and drawdown.

        Parameters
        ----------
        benchmark, periods_per_year
            As for :meth:`measure`; with a benchmark its return stands beside, and what is ``excess``.

        Raises
        ------
        AnalysisError
            If the benchmark is no series of returns by date, or covers less than the run.
        """
        theirs = None if benchmark is None else beside(self.returns, benchmark)[1]
        return yearly_table(self.returns, _periods(self, periods_per_year), theirs)

    def rolling(
        self,
        window: int = 63,
        *,
        benchmark: Any = None,
        periods_per_year: float | None = None,
    ) -> pd.DataFrame:
        """Return measures of the last so many sessions, a row for each session.

        Parameters
        ----------
        window : int
            Sessions; 63 are about a quarter of a year on a stock exchange.
        benchmark, periods_per_year
            As for :meth:`measure`; with a benchmark there are ``beta`` and ``correlation``.

        Returns
        -------
        DataFrame
            ``return``, ``volatility``, ``sharpe``, ``sortino`` and ``drawdown``; NaN before the first window is full.

        Raises
        ------
        AnalysisError
            If the window is no whole number from 2 on, or something is wrong with the benchmark.
        """
        size = whole_number("window", window, least=2)
        theirs = None if benchmark is None else beside(self.returns, benchmark)[1]
        return rolling_measures(self.returns, size, _periods(self, periods_per_year), theirs)

    def bootstrap(
        self,
        samples: int = 1_000,
        *,
        level: float = 0.95,
        block: float | None = None,
        seed: int = 0,
        periods_per_year: float | None = None,
    ) -> pd.DataFrame:
        """Return between what Sharpe ratio, CAGR and largest drawdown lie, the sessions drawn again in blocks.

        Parameters
        ----------
        samples : int
            How often as many sessions as the run has are drawn.
        level : float
            What share of the samples lies between ``low`` and ``high``.
        block : float, optional
            Mean length of a block of sessions; by default what their autocorrelation asks for.
        seed : int
            The same gives the same, to the last bit.
        periods_per_year : float, optional
            As for :meth:`measure`.

        Returns
        -------
        DataFrame
            A row for ``sharpe``, ``cagr`` and ``max_drawdown``: ``value``, ``low``, ``high`` and ``standard_error``; ``attrs``
            has the block. Drawdowns are those of session ends.

        Raises
        ------
        AnalysisError
            If there are fewer than 20 sessions, equity was zero or less, or an argument is out of its range.
        ImportError
            If arch is not installed (``[metrics]``).
        """
        return bootstrap_intervals(
            self.returns.to_numpy(),
            periods_per_year=_periods(self, periods_per_year),
            years=measured_years(self._frames.curve().timestamps),
            samples=whole_number("samples", samples, least=2),
            block=None if block is None else number("block", block),
            level=number("level", level),
            seed=whole_number("seed", seed, least=0),
        )

    def probabilistic_sharpe(
        self, benchmark: float = 0.0, *, periods_per_year: float | None = None
    ) -> float:
        """Return the probability that the true Sharpe ratio is above a benchmark's.

        Parameters
        ----------
        benchmark : float
            An annual Sharpe ratio.
        periods_per_year : float, optional
            As for :meth:`measure`.

        Returns
        -------
        float
            0 to 1, by Bailey and López de Prado (2012); NaN where returns do not vary, or under a month beside a benchmark
            that is not 0.

        Raises
        ------
        AnalysisError
            If the benchmark is no finite number.
        """
        hurdle = number("benchmark", benchmark)
        if hurdle != 0.0:
            hurdle /= math.sqrt(_periods(self, periods_per_year))
        return probabilistic_sharpe(*sharpe_moments(self.returns.to_numpy()), hurdle)

    @property
    def positions_frame(self) -> pd.DataFrame:
        """Value of each asset at the end of each session (UTC), and ``cash``, as pyfolio takes positions.

        Raises
        ------
        AnalysisError
            If an asset is named cash.
        """
        ends = self._session_ends
        tables = self._table("positions"), self._table("equity")
        return positions_by_session(*tables, ends, self._session_dates(ends))

    @property
    def transactions(self) -> pd.DataFrame:
        """Fills as pyfolio takes transactions: ``amount``, ``price`` and ``symbol`` by time (UTC)."""
        ends = self._session_ends
        stamps, sessions = self._frames.curve().timestamps, self._session_dates(ends)
        return transactions_by_time(self._table("fills"), stamps, ends, sessions)

    def for_pyfolio(self) -> dict[str, Any]:
        """Return what ``pyfolio.create_full_tear_sheet(**...)`` takes: returns, positions, transactions.

        pyfolio joins the three, so the dates of the returns have its zone, UTC, too; give a benchmark
        the same, ``benchmark_rets=benchmark.tz_localize("UTC")``.

        Raises
        ------
        AnalysisError
            If an asset is named cash.
        """
        return {
            "returns": self.returns.tz_localize("UTC"),
            "positions": self.positions_frame,
            "transactions": self.transactions,
        }

    def attribution(self, *, atr: str | None = None) -> Attribution:
        """Return where the profit and loss comes from: trades by rule, exit, asset, side, time, entry column.

        Parameters
        ----------
        atr : str, optional
            A column of the entry, in currency per unit, that excursions are divided by for the edge ratio; by
            default the entry price.

        Raises
        ------
        AnalysisError
            If trades carry no such column.
        """
        trades, still_open = self._table("trades"), self._table("open_positions")
        return Attribution(trades, still_open, atr=atr, shown=self._times)


def _periods(run: RunAnalyses, given: float | None) -> float:
    """Return how many returns make a year; NaN where nothing is annualised."""
    found = run.measure(periods_per_year=given, only=["periods_per_year"])["periods_per_year"]
    return math.nan if found is None else float(found)
