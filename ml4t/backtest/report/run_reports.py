"""What a result tells in words and charts: a trade explained, a chart for a paper, the report as a page."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from ml4t.backtest.analytics.checked import whole_number
from ml4t.backtest.records.replaced import checked_file, replace_file
from ml4t.backtest.report.given_data import data_of_run

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ml4t.backtest.data.stream.feed import DataFeed
    from ml4t.backtest.market.market_data import MarketData
    from ml4t.backtest.records.shown_times import ShownTimes
    from ml4t.backtest.report.story import TradeStory


class RunReports:
    """The reports of a result."""

    if TYPE_CHECKING:  # what they read of it
        _data: MarketData | None
        info: dict[str, Any]
        partial: bool

        @cached_property
        def fingerprint(self) -> str: ...
        @cached_property
        def _times(self) -> ShownTimes: ...
        def _table(self, name: str) -> pd.DataFrame: ...

    def explain(self, trade_id: int, *, data: MarketData | DataFeed | None = None) -> TradeStory:
        """Tell the story of a trade in sentences: what ordered it, how it filled, why it ended, what it earned.

        Parameters
        ----------
        trade_id : int
            As in ``trades`` and ``open_positions``.
        data : MarketData or DataFeed, optional
            What the run went over, where the result does not hold it: after a run over a feed, and of
            a stored result. Without it what only bars tell is left out.

        Returns
        -------
        TradeStory
            Prints as text, is shown as a page by a notebook, and has ``plot()``.

        Raises
        ------
        AnalysisError
            If there is no such trade.
        ValueError
            If the data are not those of the run.
        """
        from ml4t.backtest.report.story import explain  # most runs explain nothing

        found = data_of_run(self, self._data, data)
        return explain(self, self._table, self._times, trade_id, found)  # type: ignore[arg-type]

    def chart(
        self,
        name: str,
        path: str | Path | None = None,
        *,
        benchmark: Any = None,
        window: int = 63,
    ) -> Figure:
        """Draw one chart of the report with matplotlib.

        Parameters
        ----------
        name : str
            ``equity``, ``drawdown``, ``exposure`` (and leverage), ``rolling_sharpe``, ``months`` (a heat map of returns),
            ``rules`` and ``exit_types`` (what each brought), or ``excursions`` (MAE and MFE of each trade).
        path : str or Path, optional
            Where to write it as well; the suffix says the format (``.png``, ``.svg``, ``.pdf``).
        benchmark : Series, optional
            As for :meth:`measure`: drawn beside ``equity``, as if it had begun with the same cash.
        window : int
            Sessions of ``rolling_sharpe``.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If there is no such chart, or nothing to draw.
        AnalysisError
            If the benchmark is no series of returns by date, or covers less than the run.
        ResultError
            If the file cannot be written.
        """
        from ml4t.backtest.report.charts import chart_of

        return chart_of(self, name, path, benchmark=benchmark, window=window)  # type: ignore[arg-type]

    def to_html(
        self,
        path: str | Path,
        *,
        benchmark: Any = None,
        title: str | None = None,
        window: int = 63,
        data: MarketData | DataFeed | None = None,
        most_bars: int = 200_000,
    ) -> Path:
        """Write the run as one page of HTML: figures, charts, and every trade with its bars and its story.

        The page needs nothing beside itself and asks nothing of a network. Long curves are thinned, their extremes
        stay; what is left out is said at its end.

        Parameters
        ----------
        path : str or Path
            A file, ``run.html``. One that is there already is replaced, all at once.
        benchmark : Series, optional
            As for :meth:`measure`.
        title : str, optional
            By default the name of the strategy.
        window : int
            Sessions of the rolling Sharpe ratio.
        data : MarketData or DataFeed, optional
            What the run went over, where the result does not hold it: after a run over a feed, and of
            a stored result. Without it the page has no bars of trades.
        most_bars : int
            How many bars of trades the page may hold; those of the largest gains and losses come first.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        AnalysisError
            If the benchmark is no series of returns by date, or covers less than the run, or an argument is out of its
            range.
        ValueError
            If the run ended before its first timestamp, or the data are not those of the run.
        ResultError
            If the file cannot be written; what was there before is there still.
        """
        from ml4t.backtest.report.page import run_page  # most runs write no page

        target = checked_file(path)
        page = run_page(
            self,  # type: ignore[arg-type]
            data_of_run(self, self._data, data),
            benchmark=benchmark,
            title=title,
            window=window,
            most_bars=whole_number("most_bars", most_bars, least=0),
        )
        return replace_file(target, page)
