"""What a run leaves behind: tables, measures, a summary and a picture."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np
import pandas as pd

from ml4t.backtest.analytics.as_json import as_json
from ml4t.backtest.analytics.benchmark_measures import BENCHMARK_MEASURES, benchmark_measures
from ml4t.backtest.analytics.benchmark_returns import beside
from ml4t.backtest.analytics.checked import positive
from ml4t.backtest.analytics.metrics import MEASURES, run_metrics, simple_returns
from ml4t.backtest.analytics.run_analyses import RunAnalyses
from ml4t.backtest.config import BacktestConfig
from ml4t.backtest.core.made_once import made_once
from ml4t.backtest.core.planned import comes_with
from ml4t.backtest.data.errors import DataError
from ml4t.backtest.market.fingerprint import fingerprint as fingerprint_of
from ml4t.backtest.market.market_data import MarketData
from ml4t.backtest.market.session_times import session_days
from ml4t.backtest.market.sessions import session_dates, session_zone
from ml4t.backtest.provenance.package_versions import package_versions
from ml4t.backtest.records.arrow_table import arrow_table
from ml4t.backtest.records.chunk_rows import ChunkRows
from ml4t.backtest.records.cost_columns import costs_by_asset
from ml4t.backtest.records.description import read_description
from ml4t.backtest.records.empty_columns import empty_columns
from ml4t.backtest.records.frames import TABLES, Frames, RecordFrames
from ml4t.backtest.records.measured import MeasuredRun
from ml4t.backtest.records.shown_times import ShownTimes
from ml4t.backtest.records.storage import write_folder
from ml4t.backtest.records.stored_frames import StoredFrames
from ml4t.backtest.report.given_data import data_of_run
from ml4t.backtest.report.notes import notes_of
from ml4t.backtest.report.run_reports import RunReports
from ml4t.backtest.report.summary import Summary, summary_html, summary_of
from ml4t.backtest.report.wording import percent
from ml4t.backtest.setting_errors import nearest

if TYPE_CHECKING:
    import pyarrow
    from matplotlib.figure import Figure
    from plotly import graph_objects

    from ml4t.backtest.data.stream.feed import DataFeed
    from ml4t.backtest.report.picture.drawing import Backend

# Before pandas 3 a shallow copy shares its values: an edit would reach the records.
DEEP = int(pd.__version__.split(".")[0]) < 3


def _check_measures(names: Sequence[str], *, with_benchmark: bool) -> None:
    for name in names:
        if name in MEASURES:
            continue
        if name not in BENCHMARK_MEASURES:
            known = [*MEASURES, *BENCHMARK_MEASURES]
            raise ValueError(f"there is no measure {name!r}; {nearest(name, known)}")
        if not with_benchmark:
            raise ValueError(f"{name} is measured beside a benchmark: give benchmark=")


class BacktestResult(RunAnalyses, RunReports):
    """The tables, measures and settings of one run.

    Tables are pandas frames, made when first asked for and kept. Each access returns a copy (of the
    frame, not of its values, from pandas 3 on): the result does not see what is done to it. Times are
    written as those of the price table were: dates as dates, times in their zone, or without one.
    :meth:`to_frames` has them in any other zone, Arrow and files in UTC. Names are categoricals; what
    there is none of is NaN or NaT. Columns and units stand in ``docs/results.md``.

    Attributes
    ----------
    config : BacktestConfig
        The settings of the run.
    strategy_name : str
    seconds : float
        Wall time of the run.
    partial : bool
        Whether the run ended before its data did, by an error or an interrupt.
    statistics : dict
        What the risk rules did: contexts built, evaluations, levels armed, exits by rule.
    counters : dict of int
        Ambiguous bars, and fills that broke an invariant of semantics section 4.
    info : dict
        What the market data were: assets, bars, ``closes_only``, ``bar_time``, ``timezone``,
        and the ``zone`` whose days are sessions.
    rules : tuple
        The risk rules of the run; of a stored result, what they read like.
    run_file : dict or None
        The run as a run file holds it: ``ml4t-backtest run`` can then run a stored result again.
    not_reproducible : str
        Why it cannot: what of the run no file can hold, or why there is no fingerprint. Empty where it can.
    """

    if not TYPE_CHECKING:  # else any name would pass for one

        def __getattr__(self, name):
            """Say when what the semantics describe will be there."""
            missing = f"{type(self).__name__!r} object has no attribute {name!r}"
            raise AttributeError(comes_with("results", name) or missing, name=name, obj=self)

    def __init__(
        self,
        frames: Frames,
        *,
        config: BacktestConfig,
        strategy_name: str = "",
        seconds: float = float("nan"),
        partial: bool = False,
        statistics: Mapping[str, Any] | None = None,
        counters: Mapping[str, int] | None = None,
        info: Mapping[str, Any] | None = None,
        rules: Sequence[Any] = (),
        run_file: Mapping[str, Any] | None = None,
        not_reproducible: str = "",
        fingerprint: str | Callable[[], str] = "",
        versions: Mapping[str, str | None] | None = None,
        empty_columns: Sequence[str] | Callable[[], Sequence[str]] = (),
        data: MarketData | None = None,
    ) -> None:
        self._frames = frames
        self._tables: dict[str, pd.DataFrame] = {}  # times in UTC
        self._shown: dict[str, pd.DataFrame] = {}
        self.config = config
        self.strategy_name = strategy_name
        self.seconds = float(seconds)
        self.partial = bool(partial)
        self.statistics = dict(statistics or {})
        self.counters = dict(counters or {})
        self.info = dict(info or {})
        self.rules = tuple(rules)
        self.run_file = None if run_file is None else dict(run_file)
        self.not_reproducible = not_reproducible
        self._fingerprint = fingerprint
        self._versions = versions
        self._empty_columns = empty_columns
        self._data = data

    @cached_property
    def fingerprint(self) -> str:
        """Hash over every value of the market data, all of them where the run ended early too.

        Computed when it is first asked for; of a feed by another pass over it. The same for any chunks.
        Of a plain iterable of chunks it is the hash of those the run came to.

        Raises
        ------
        DataError
            If a file of the feed was written since the feed was made, or cannot be read.
        """
        return self._fingerprint() if callable(self._fingerprint) else self._fingerprint

    @cached_property
    def empty_columns(self) -> tuple[str, ...]:
        """Signals, indicators and context values of the market data that are NaN at every bar."""
        given = self._empty_columns
        return tuple(given() if callable(given) else given)

    @cached_property
    def versions(self) -> dict[str, str | None]:
        """Versions of Python and of the packages that the run was made with."""
        return package_versions() if self._versions is None else dict(self._versions)

    @classmethod
    def from_run(
        cls,
        records: Mapping[str, Any],
        data: MarketData | ChunkRows,
        config: BacktestConfig,
        *,
        strategy_name: str = "",
        seconds: float = float("nan"),
        partial: bool | None = None,
        rules: Sequence[Any] = (),
        fingerprint: str | Callable[[], str] | None = None,
        run_file: Mapping[str, Any] | str = "",
    ) -> BacktestResult:
        """Wrap the records of a run; nothing is computed before it is asked for.

        Parameters
        ----------
        records : mapping
            What the engine hands over, see ``records/frames.py``.
        data : MarketData or ChunkRows
            Of a run over chunks, the rows kept of them.
        config : BacktestConfig
        strategy_name : str
        seconds : float
            Wall time of the run.
        partial : bool, optional
            Whether the run was cut short; by default, whether timestamps are left.
        rules : sequence of RiskRule
        fingerprint : str or callable, optional
            Of the data, or what returns it; by default that of `data`, which must be MarketData.
        run_file : mapping or str
            The run as a run file holds it, or why there is none.
        """
        frames: Frames
        if isinstance(data, ChunkRows):
            frames, n_rows = data.frames(records, config), data.n_rows
            empty: tuple[str, ...] | Callable[[], tuple[str, ...]] = data.empty_columns
        else:
            empty = functools.partial(empty_columns, data)
            frames = RecordFrames(records, data, config)
            n_done = records["n_done"]
            n_rows = data.n_rows if n_done == data.n_times else int(data.offsets[n_done])
            if fingerprint is None:
                fingerprint = functools.partial(fingerprint_of, data)
        return cls(
            frames,
            config=config,
            strategy_name=strategy_name,
            seconds=seconds,
            partial=records["n_done"] < data.n_times if partial is None else partial,
            statistics=records["statistics"],
            counters=records["counters"],
            info={"assets": list(data.assets), "bars": n_rows, **data.info},
            rules=rules,
            run_file=None if isinstance(run_file, str) else run_file,
            not_reproducible=run_file if isinstance(run_file, str) else "",
            fingerprint=fingerprint or "",
            empty_columns=empty,
            data=None if isinstance(data, ChunkRows) else data,
        )

    # ------------------------------------------------------------------------------------ tables

    def _table(self, name: str) -> pd.DataFrame:
        if name not in self._tables:
            self._tables[name] = self._frames.frame(name)
        return self._tables[name]

    def _frame(self, name: str) -> pd.DataFrame:
        if name not in self._shown:
            self._shown[name] = self._times.frame(self._table(name))
        return self._shown[name].copy(deep=DEEP)

    @cached_property
    def _times(self) -> ShownTimes:
        return ShownTimes.of_prices(self.info)

    def _text_of_time(self, time: pd.Timestamp) -> str:
        return self._times.text(time)

    @property
    def trades(self) -> pd.DataFrame:
        """Round trips, flat to flat, in the order they ended; one row a trade."""
        return self._frame("trades")

    @property
    def fills(self) -> pd.DataFrame:
        """Executions in the order they happened; one row a fill."""
        return self._frame("fills")

    @property
    def orders(self) -> pd.DataFrame:
        """Orders in the order they were accepted, levels that were hit among them; one row an order."""
        return self._frame("orders")

    @property
    def events(self) -> pd.DataFrame:
        """What else happened to orders and levels: rejected, scaled, cancelled, NaN inputs."""
        return self._frame("events")

    @property
    def ledger(self) -> pd.DataFrame:
        """Every decision and what came of it, in order; ``BacktestConfig.ledger`` says how much is told."""
        return self._frame("ledger")

    @property
    def equity(self) -> pd.DataFrame:
        """Equity, cash, exposure, leverage and drawdown at the end of each timestamp (the index)."""
        return self._frame("equity")

    @property
    def positions(self) -> pd.DataFrame:
        """What was held at the end of each timestamp; one row per (timestamp, held asset)."""
        return self._frame("positions")

    @property
    def open_positions(self) -> pd.DataFrame:
        """Positions still open when the run ended, marked; one row a position."""
        return self._frame("open_positions")

    @property
    def costs(self) -> pd.DataFrame:
        """What was paid, by asset (the index), the dearest first: fills, the value traded, costs by kind."""
        return costs_by_asset(self._table("fills"))

    def to_frames(
        self, timezone: str | None = None, *, naive: bool = False
    ) -> dict[str, pd.DataFrame]:
        """Return all tables by name, their times on the clock of a zone.

        Parameters
        ----------
        timezone : str, optional
            ``"America/New_York"``, ``"UTC"``, say. By default times are as in the tables of the result.
        naive : bool
            Leave the zone out of the times, as Excel needs it.

        Raises
        ------
        ValueError
            If there is no such zone.
        """
        times = self._times if timezone is None else ShownTimes.in_zone(timezone)
        times = times.naive if naive else times
        return {name: times.frame(self._table(name)).copy(deep=DEEP) for name in TABLES}

    @overload
    def to_arrow(self, table: None = None) -> dict[str, pyarrow.Table]: ...

    @overload
    def to_arrow(self, table: str) -> pyarrow.Table: ...

    def to_arrow(self, table: str | None = None) -> pyarrow.Table | dict[str, pyarrow.Table]:
        """Return one table, or all of them by name, as Arrow tables; their times are UTC.

        Parameters
        ----------
        table : str, optional
            ``trades``, ``fills``, ``orders``, ``events``, ``ledger``, ``equity``, ``positions`` or
            ``open_positions``; None for a dict of all.

        Raises
        ------
        ValueError
            If there is no such table.
        """
        if table is None:
            return {name: arrow_table(self._table(name)) for name in TABLES}
        if table not in TABLES:
            raise ValueError(f"a result has no table {table!r}; it has {', '.join(TABLES)}")
        return arrow_table(self._table(table))

    # ---------------------------------------------------------------------------------- measures

    @cached_property
    def returns(self) -> pd.Series:
        """Simple returns, one per session (per bar for daily and slower data), by its date.

        The index, ``session``, has midnights without a zone, as tables of daily returns and prices do.
        """
        ends = self._session_ends
        values = simple_returns(self._frames.curve().equity[ends], self.config.initial_cash)
        return pd.Series(values, index=self._session_dates(ends), name="return")

    @made_once
    def _session_ends(self) -> np.ndarray:
        """The position of the last timestamp of each session."""
        if self.config.calendar is None or not len(self._session_days):
            return self._frames.session_ends(session_zone(self.info))
        days = self._session_days
        return np.flatnonzero(np.append(days[1:] != days[:-1], True))

    @cached_property
    def _session_days(self) -> np.ndarray:
        """The date of the session of each timestamp, by the calendar of the run."""
        times = self._frames.curve().timestamps
        if not len(times) or self.config.calendar is None:
            return np.empty(0, "M8[D]")
        return session_days(self.config.calendar, np.asarray(times), self.info)

    def _session_dates(self, ends: np.ndarray) -> pd.DatetimeIndex:
        if self.config.calendar is not None:
            return pd.DatetimeIndex(self._session_days[ends]).as_unit("ns").rename("session")
        times = self._table("equity").index
        if len(ends) == len(times):
            # Midnights, one a session, are dates: those that the prices' other tables write too.
            written = self._times.naive.shown(times)
            if written.equals(written.normalize()):
                return written.rename("session")
        return session_dates(times.asi8[ends], session_zone(self.info)).rename("session")

    @property
    def metrics(self) -> dict[str, Any]:
        """Performance measures by name, as JSON has them; ``docs/results.md`` has the formulas."""
        return dict(self._metrics)

    @cached_property
    def _metrics(self) -> dict[str, Any]:
        return self.measure()

    def measure(
        self,
        *,
        benchmark: Any = None,
        periods_per_year: float | None = None,
        only: Sequence[str] | None = None,
    ) -> dict[str, Any]:
        """Compute the measures anew: finite numbers, texts and None, as JSON has them.

        Parameters
        ----------
        benchmark : Series, optional
            Simple returns by date, one for each session of the run but the first: the measures that need it come
            behind the others, alpha and beta among them. They are empyrical's (``[metrics]``).
        periods_per_year : float, optional
            Returns in a year, for volatility, Sharpe and Sortino; by default those of the data are
            counted. A run of under a month is then annualised too, but for its growth and turnover.
        only : sequence of str, optional
            The measures that are asked for; by default all. What no other needs is not computed.

        Raises
        ------
        ValueError
            If there is no such measure, or it needs a benchmark and none is given.
        AnalysisError
            If the benchmark is no series of returns by date, or covers less than the run, or the returns in a year are
            no number above 0.
        ImportError
            If empyrical-reloaded is not installed.
        """
        only = (only,) if isinstance(only, str) else only
        _check_measures(only or (), with_benchmark=benchmark is not None)
        if periods_per_year is not None:
            periods_per_year = positive("periods_per_year", periods_per_year)
        if benchmark is None:
            return as_json(self._measured(periods_per_year, only), self._text_of_time)
        both = beside(self.returns, benchmark)
        own = None if only is None else [name for name in only if name in MEASURES]
        measured = self._measured(periods_per_year, own)
        theirs = [one for one in BENCHMARK_MEASURES if only is None or one in only]
        periods = self._measured(periods_per_year, ["periods_per_year"])["periods_per_year"]
        measured |= benchmark_measures(*both, periods, theirs)
        asked = measured if only is None else {name: measured[name] for name in only}
        return as_json(asked, self._text_of_time)

    def _measured(
        self, periods_per_year: float | None, only: Sequence[str] | None
    ) -> dict[str, Any]:
        return run_metrics(
            MeasuredRun(self._frames, functools.partial(getattr, self, "_session_ends")),
            initial_cash=self.config.initial_cash,
            periods_per_year=periods_per_year,
            only=only,
        )

    # ----------------------------------------------------------------------------------- reports

    @cached_property
    def notes(self) -> tuple[str, ...]:
        """What to keep in mind when reading the figures, a sentence each; ``docs/results.md`` lists them."""
        return notes_of(self)

    def summary(self) -> Summary:
        """Return the run on one page of plain text, with what to keep in mind when reading it.

        An interpreter shows the page, a notebook tables.
        """
        return summary_of(self)

    def _repr_html_(self) -> str:
        return summary_html(self)

    @overload
    def plot(
        self,
        path: str | Path | None = None,
        *,
        asset: Any = None,
        columns: Sequence[str] = (),
        benchmark: Any = None,
        start: str | date | None = None,
        end: str | date | None = None,
        data: MarketData | DataFeed | None = None,
        backend: Literal["plotly"],
    ) -> graph_objects.Figure: ...

    @overload
    def plot(
        self,
        path: str | Path | None = None,
        *,
        asset: Any = None,
        columns: Sequence[str] = (),
        benchmark: Any = None,
        start: str | date | None = None,
        end: str | date | None = None,
        data: MarketData | DataFeed | None = None,
        backend: Literal["matplotlib"] | None = None,
    ) -> Figure: ...

    def plot(
        self,
        path: str | Path | None = None,
        *,
        asset: Any = None,
        columns: Sequence[str] = (),
        benchmark: Any = None,
        start: str | date | None = None,
        end: str | date | None = None,
        data: MarketData | DataFeed | None = None,
        backend: Backend | None = None,
    ) -> Any:
        """Draw equity and drawdown, or the price of an asset with entries, exits and levels.

        A notebook shows the picture where ``plot()`` is the last line of a cell. Long curves are thinned;
        their peaks and troughs stay.

        Parameters
        ----------
        path : str or Path, optional
            Where to write the picture as well; the suffix says the format (``.png``, ``.svg``, ...).
            ``.html`` is a page made by plotly.
        asset : name, optional
            The asset whose price is drawn, its volume below. Stops and targets are those at entry and at
            exit, with a straight line between.
        columns : sequence of str, optional
            Signals, indicators and context values to draw beside the price of ``asset``: over it where
            they are on its scale, else below it.
        benchmark : name, optional
            The asset that equity is compared with: bought for all cash at its first close, and held.
            By default the only asset of the run, where there is one.
        start, end : str, date or datetime, optional
            The part of the run to draw, by the clock of the prices; a day, a month or a year means the
            whole of it.
        data : MarketData or DataFeed, optional
            What the run went over, where the result does not hold it: after a run over a feed, and of
            a stored result.
        backend : {"matplotlib", "plotly"}, optional
            The library to draw with.

        Returns
        -------
        matplotlib.figure.Figure or plotly.graph_objects.Figure

        Raises
        ------
        ImportError
            If the library is not installed.
        KeyError
            If there is no such asset.
        ValueError
            If there is nothing to draw, no such column, no price to draw it from, or the data are not those of the run.
        ResultError
            If the picture cannot be written.
        """
        from ml4t.backtest.report.picture import drawn, picture_of  # most runs draw nothing

        picture = picture_of(
            self,
            self._table,
            data_of_run(self, self._data, data),
            asset=asset,
            columns=columns,
            benchmark=benchmark,
            start=start,
            end=end,
        )
        return drawn(picture, path, backend)

    def to_parquet(self, folder: str | Path) -> Path:
        """Write every table as Parquet, and the rest as ``result.json``, into ``folder``.

        Returns
        -------
        Path
            The folder. A result already there is replaced, all at once.

        Raises
        ------
        ResultError
            If it cannot be written; what the folder held before is there still.
        """
        return write_folder(folder, self._table, self._description())

    def _description(self) -> dict[str, Any]:
        """What a folder holds besides the tables: the arguments of the class, as JSON has them."""
        not_reproducible = self.not_reproducible
        try:
            fingerprint = self.fingerprint
        except DataError as error:  # files of a feed changed: no reason to lose the result
            fingerprint, not_reproducible = "", f"its data have no fingerprint: {error}"
        return {
            "strategy_name": self.strategy_name,
            "seconds": self.seconds if np.isfinite(self.seconds) else None,
            "partial": self.partial,
            "config": self.config.model_dump(mode="json"),
            "statistics": self.statistics,
            "counters": self.counters,
            "info": self.info,
            "fingerprint": fingerprint,
            "rules": [str(rule) for rule in self.rules],
            "run_file": self.run_file,
            "not_reproducible": not_reproducible,
            "versions": self.versions,
            "empty_columns": self.empty_columns,
        }

    @classmethod
    def load(cls, folder: str | Path) -> BacktestResult:
        """Read a result that :meth:`to_parquet` wrote. Runs no code of the strategy.

        Tables that another program wrote anew since (pandas, Polars, DuckDB) are read for what they hold.

        Raises
        ------
        ResultError
            If the folder holds none, a part of one or a damaged one, or one of a later version; the
            message names the file and the reason.
        """
        folder = Path(folder)
        description = read_description(folder)
        return cls(StoredFrames(folder, description.tables), **description.arguments())

    def __repr__(self) -> str:
        metrics = self._metrics
        name = self.strategy_name or "strategy"
        partial = ", partial" if self.partial else ""
        return (
            f"BacktestResult({name}: {metrics['timestamps']:,} timestamps, {metrics['trades']:,} trades, "
            f"return {percent(metrics['total_return'])}{partial})"
        )
