"""BacktestEngine: a run over finished market data, or over the chunks of a feed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

from ml4t.backtest.backtest.fine_data import check_fine, check_fits
from ml4t.backtest.backtest.rule_columns import computed_columns
from ml4t.backtest.backtest.run_errors import NOT_BEGUN, failure_of
from ml4t.backtest.backtest.watched import Chunks, Watched
from ml4t.backtest.config import BacktestConfig
from ml4t.backtest.core.named_arguments import suggests_names
from ml4t.backtest.data.stream.feed import DataFeed
from ml4t.backtest.engine import EngineLoop
from ml4t.backtest.market.fingerprint import Fingerprint
from ml4t.backtest.market.market_data import MarketData
from ml4t.backtest.records.chunk_rows import ChunkRows
from ml4t.backtest.records.recorded_columns import recorded_columns
from ml4t.backtest.report.log import log_run
from ml4t.backtest.result import BacktestResult
from ml4t.backtest.risk import RiskManager
from ml4t.backtest.risk.function_rule import GivenRules
from ml4t.backtest.strategy.strategy import Strategy

Progress = Callable[[int, int], None]

UNDESCRIBED = (
    "BacktestEngine is not told where its data come from; run_backtest and RunFile.from_python are"
)

# Settings cannot be changed: all runs without their own share one object.
DEFAULTS = BacktestConfig()


class BacktestEngine:
    """Runs a strategy over market data.

    Parameters
    ----------
    data : MarketData, DataFeed, or iterable of MarketData
        An iterable gives the chunks of one run in order, each carrying over the bars before it.
    strategy : Strategy
    rules : RiskRule or callable, or iterable of them, optional
        Give rules or a risk manager.
    risk_manager : RiskManager, optional
    config : BacktestConfig, optional
    progress : callable, optional
        Called as ``progress(done, total)`` with numbers of timestamps, now and then; of rows, where a
        feed does not know its timestamps. Orders it makes are refused; its last call
        comes when the strategy has left the run.
    fine : MarketData, optional
        Finer bars for the inside of those of ``data``, of all assets or some: for ``intrabar="fine"``.
    run_file : mapping or str, optional
        The run as a run file holds it, which the result keeps; or why no file can hold it.

    Raises
    ------
    TypeError
        If an argument is of the wrong kind, or both rules and a risk manager are given.
    ValueError
        If the market data has no timestamp, or fine bars are given or asked for alone.
    """

    @suggests_names
    def __init__(
        self,
        data: MarketData | Iterable[MarketData],
        strategy: Strategy,
        *,
        rules: GivenRules | None = None,
        risk_manager: RiskManager | None = None,
        config: BacktestConfig | None = None,
        progress: Progress | None = None,
        fine: MarketData | None = None,
        run_file: Mapping[str, Any] | str = UNDESCRIBED,
    ) -> None:
        check_kinds(data, strategy, config)
        if rules is not None and risk_manager is not None:
            raise TypeError("give rules or risk_manager, not both")
        if isinstance(data, MarketData) and data.n_times == 0:
            raise ValueError("the market data has no timestamp: there is nothing to run")
        self.data = data
        self.n_times: int | None = getattr(data, "n_times", None)
        self.n_rows: int | None = getattr(data, "n_rows", None)
        self.strategy = strategy
        given = () if rules is None else rules
        self.risk_manager = RiskManager(given) if risk_manager is None else risk_manager
        self.config = DEFAULTS if config is None else config
        self.progress = progress
        check_fine(fine, self.config)
        self.fine = fine
        self.run_file = run_file

    def run(self) -> BacktestResult:
        """Run from the first timestamp to the last.

        Returns
        -------
        BacktestResult

        Raises
        ------
        StrategyError
            If the strategy raises; it names timestamp and asset.
        RuleError
            If a rule raises or answers wrongly; it names rule, asset and time.
        BacktestInterrupted
            On Ctrl-C.
        DataError
            If a chunk of a feed is not what it should be.
        InternalError
            If an invariant of the engine does not hold.
        Exception
            What the progress callback or an iterable of chunks raises, with a note that says so.

        All of them carry ``partial_result``: what had happened up to then.
        """
        chunks = Chunks(self.data)
        try:
            return self._run(chunks, time.perf_counter())
        finally:
            chunks.close()

    def _run(self, chunks: Chunks, began: float) -> BacktestResult:
        first = next(chunks, None)
        if first is None:
            raise ValueError("the feed has no chunk: there is nothing to run")
        if first.n_times == 0:
            raise ValueError("the first chunk has no timestamp: there is nothing to begin with")
        is_whole = first is self.data
        check_fits(self.fine, first, is_whole=is_whole)
        columns = computed_columns(self.risk_manager.rules, first)
        if columns is not None:
            first = columns.joined(first)
            chunks.compute(columns)
        rows = None if is_whole else self._chunk_rows(first)
        progress = None
        if self.progress is not None:
            progress = Watched("the progress callback", self.progress)
        loop = EngineLoop(
            first,
            self.strategy,
            self.risk_manager,
            self.config,
            progress,
            self.n_times,
            self.n_rows,
            self.fine,
        )
        del first  # its memory is for the chunks to come
        is_done = False
        try:
            # Nothing follows data that are given as a whole.
            loop.run(
                () if is_whole else chunks, None if rows is None else partial(_keep, rows, loop)
            )
            is_done = True
            self._show_the_end(progress)
        except (Exception, KeyboardInterrupt) as error:
            failure: Any = failure_of(error, loop, chunks, progress)
            if loop.where() != NOT_BEGUN or isinstance(error, KeyboardInterrupt):
                failure.partial_result = self._result(loop, rows, began, partial=not is_done)
            if failure is error:
                raise
            raise failure from error
        return self._result(loop, rows, began, partial=False)

    def _show_the_end(self, progress: Watched | None) -> None:
        total = self.n_rows if self.n_times is None else self.n_times
        if progress is not None and total is not None:
            progress(total, total)

    def _chunk_rows(self, first: MarketData) -> ChunkRows:
        recorded_columns(first, self.config.record_columns)  # an unknown name is refused here
        # What a feed read can be read again for a fingerprint; of other chunks there is only now.
        made = None if isinstance(self.data, DataFeed) else Fingerprint()
        return ChunkRows(self.config.record_columns, self.n_times, made)

    def _result(
        self, loop: EngineLoop, rows: ChunkRows | None, began: float, *, partial: bool
    ) -> BacktestResult:
        records = loop.records()
        data: MarketData | ChunkRows = loop.data
        fingerprint: str | Callable[[], str] | None = None
        if rows is not None:
            if rows.n_chunks < loop.n_chunks:  # the chunk in which the run stopped
                rows.keep(loop.data, records)
            data = rows
            if rows.fingerprint is not None:
                fingerprint = rows.fingerprint.text()
        if isinstance(self.data, DataFeed):
            fingerprint = self.data.fingerprint
        result = BacktestResult.from_run(
            records,
            data,
            self.config,
            strategy_name=type(self.strategy).__name__,
            seconds=time.perf_counter() - began,
            partial=partial,
            rules=self.risk_manager.rules,
            fingerprint=fingerprint,
            run_file=self.run_file,
        )
        log_run(result)
        return result


def _is_feed(data: Any) -> bool:
    # Tables can be iterated too; a feed has no columns.
    return (
        isinstance(data, Iterable)
        and not hasattr(data, "columns")
        and not isinstance(data, Mapping | str)
    )


def _keep(rows: ChunkRows, loop: EngineLoop, data: MarketData) -> None:
    rows.keep(data, loop.tables())


def check_kinds(data: object, strategy: object, config: object) -> None:
    """Refuse what is no market data, no strategy or no settings of a run."""
    if not isinstance(data, MarketData) and not _is_feed(data):
        raise TypeError(
            "data must be MarketData or an iterable of its chunks, was "
            f"{type(data).__name__}; use MarketData.from_tables, or run_backtest for tables"
        )
    if not isinstance(strategy, Strategy):
        hint = f"; write {strategy.__name__}(...)" if isinstance(strategy, type) else ""
        raise TypeError(f"strategy must be a Strategy, was {strategy!r}{hint}")
    if config is not None and not isinstance(config, BacktestConfig):
        raise TypeError(
            f"config must be a BacktestConfig, was {type(config).__name__}; "
            "write BacktestConfig(initial_cash=..., ...)"
        )
