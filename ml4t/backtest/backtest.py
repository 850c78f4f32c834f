"""The front doors: BacktestEngine for control, run_backtest for tables in, result out."""

from __future__ import annotations

import difflib
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any

from ml4t.backtest.config import BacktestConfig
from ml4t.backtest.data.errors import DataError
from ml4t.backtest.data.stream.feed import DataFeed
from ml4t.backtest.engine import EngineLoop
from ml4t.backtest.market.fingerprint import Fingerprint
from ml4t.backtest.market.market_data import MarketData
from ml4t.backtest.provenance.run_description import description_or_reason
from ml4t.backtest.records.chunk_rows import ChunkRows
from ml4t.backtest.report.progress import progress_bar
from ml4t.backtest.result import BacktestResult
from ml4t.backtest.risk import RiskManager, RuleError
from ml4t.backtest.risk.rule import RiskRule, RuleFunction
from ml4t.backtest.strategy.errors import BacktestInterrupted, StrategyError
from ml4t.backtest.strategy.strategy import Strategy

Progress = Callable[[int, int], None]

UNDESCRIBED = (
    "BacktestEngine is not told where its data come from; run_backtest and RunFile.from_python are"
)


class BacktestEngine:
    """Runs a strategy over market data.

    Parameters
    ----------
    data : MarketData, DataFeed, or iterable of MarketData
        An iterable gives the chunks of one run in order, each carrying over the bars before it.
    strategy : Strategy
    rules : iterable of RiskRule or callable, optional
        Give rules or a risk manager.
    risk_manager : RiskManager, optional
    config : BacktestConfig, optional
    progress : callable, optional
        Called as ``progress(done, total)`` with numbers of timestamps, now and then; of rows, where a
        feed does not know its timestamps.
    run_file : mapping or str, optional
        The run as a run file holds it, which the result keeps; or why no file can hold it.

    Raises
    ------
    TypeError
        If an argument is of the wrong kind, or both rules and a risk manager are given.
    ValueError
        If the market data has no timestamp.
    """

    def __init__(
        self,
        data: MarketData | Iterable[MarketData],
        strategy: Strategy,
        *,
        rules: Iterable[RiskRule | RuleFunction] | None = None,
        risk_manager: RiskManager | None = None,
        config: BacktestConfig | None = None,
        progress: Progress | None = None,
        run_file: Mapping[str, Any] | str = UNDESCRIBED,
    ) -> None:
        _check_kinds(data, strategy, config)
        if rules is not None and risk_manager is not None:
            raise TypeError("give rules or risk_manager, not both")
        if isinstance(data, MarketData) and data.n_times == 0:
            raise ValueError("the market data has no timestamp: there is nothing to run")
        self.data = data
        self.n_times: int | None = getattr(data, "n_times", None)
        self.n_rows: int | None = getattr(data, "n_rows", None)
        self.strategy = strategy
        self.risk_manager = RiskManager(rules or ()) if risk_manager is None else risk_manager
        self.config = BacktestConfig() if config is None else config
        self.progress = progress
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

        All of them carry ``partial_result``: what had happened up to then.
        """
        began = time.perf_counter()
        chunks = iter((self.data,) if isinstance(self.data, MarketData) else self.data)
        try:
            first = next(chunks)
        except StopIteration:
            raise ValueError("the feed has no chunk: there is nothing to run") from None
        loop = EngineLoop(
            first,
            self.strategy,
            self.risk_manager,
            self.config,
            self.progress,
            self.n_times,
            self.n_rows,
        )
        kept = None if first is self.data else self._kept_rows()
        del first  # each chunk makes room for those to come
        try:
            loop.run(chunks, None if kept is None else partial(_keep, kept, loop))
        except (RuleError, DataError) as error:
            if loop.where() != "before the first timestamp":
                error.partial_result = self._result(loop, kept, began, partial=True)
            raise
        except KeyboardInterrupt as error:
            interrupted = BacktestInterrupted(f"interrupted {loop.where()}")
            interrupted.partial_result = self._result(loop, kept, began, partial=True)
            raise interrupted from error
        except Exception as error:
            if loop.where() == "before the first timestamp":
                raise
            failed = StrategyError(self._failure(loop, error))
            failed.partial_result = self._result(loop, kept, began, partial=True)
            raise failed from error
        finally:
            _close(chunks)
        total = self.n_rows if self.n_times is None else self.n_times
        if self.progress is not None and total is not None:
            self.progress(total, total)
        return self._result(loop, kept, began, partial=False)

    def _kept_rows(self) -> ChunkRows:
        # What a feed read can be read again for a fingerprint; of other chunks there is only now.
        made = None if isinstance(self.data, DataFeed) else Fingerprint()
        return ChunkRows(self.config.record_columns, self.n_times, made)

    def _result(
        self, loop: EngineLoop, kept: ChunkRows | None, began: float, *, partial: bool
    ) -> BacktestResult:
        records = loop.records()
        data: MarketData | ChunkRows = loop.data
        made: str | Callable[[], str] | None = None
        if kept is not None:
            if kept.n_chunks < loop.n_chunks:  # the chunk in which the run stopped
                kept.keep(loop.data, records)
            data = kept
            if kept.fingerprint is not None:
                made = kept.fingerprint.text()
        if isinstance(self.data, DataFeed):
            made = self.data.fingerprint
        return BacktestResult.from_run(
            records,
            data,
            self.config,
            strategy_name=type(self.strategy).__name__,
            seconds=time.perf_counter() - began,
            partial=partial,
            rules=self.risk_manager.rules,
            fingerprint=made,
            run_file=self.run_file,
        )

    def _failure(self, loop: EngineLoop, error: Exception) -> str:
        name = type(self.strategy).__name__
        return f"{name} raised {type(error).__name__} ({loop.where()}): {error}{_nearest(loop.data, error)}"


def _is_feed(data: Any) -> bool:
    # Tables can be iterated too; a feed has no columns.
    return (
        isinstance(data, Iterable)
        and not hasattr(data, "columns")
        and not isinstance(data, Mapping | str)
    )


def _close(chunks: Iterator[MarketData]) -> None:
    """Let go of a feed that was not read to its end."""
    close = getattr(chunks, "close", None)
    if close is not None:
        close()


def _keep(kept: ChunkRows, loop: EngineLoop, data: MarketData) -> None:
    kept.keep(data, loop.tables())


def _nearest(data: MarketData, error: Exception) -> str:
    """The column that may have been meant by an attribute no event has."""
    if not isinstance(error, AttributeError) or error.name is None:
        return ""
    near = difflib.get_close_matches(error.name, [*data.features, *data.context], 1)
    return f"; did you mean {near[0]!r}?" if near else ""


def _check_kinds(data: object, strategy: object, config: object) -> None:
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


def run_backtest(
    prices: Any,
    strategy: Strategy,
    *,
    signals: Any = None,
    features: Any = None,
    context: Any = None,
    actions: Any = None,
    rules: Iterable[RiskRule | RuleFunction] | None = None,
    risk_manager: RiskManager | None = None,
    config: BacktestConfig | None = None,
    progress: bool | Progress = False,
    **table_options: Any,
) -> BacktestResult:
    """Run a strategy over tables.

    Parameters
    ----------
    prices : MarketData, DataFeed or table
        Finished market data, a feed of them, or anything
        :func:`ml4t.backtest.data.market_data` reads.
    strategy : Strategy
    signals, features, context, actions : table, optional
        Joined to the prices as of time; not with finished market data or a feed.
    rules : iterable of RiskRule or callable, optional
    risk_manager : RiskManager, optional
    config : BacktestConfig, optional
    progress : bool or callable
        True shows a progress bar.
    **table_options
        ``bar_time``, ``assets``, ``sort``, ... of :func:`ml4t.backtest.data.market_data`.

    Returns
    -------
    BacktestResult

    Raises
    ------
    DataError
        If a table is not what it should be; nothing has run then, but of a feed the chunks before.
    StrategyError, RuleError, BacktestInterrupted
        As :meth:`BacktestEngine.run`.
    """
    tables = {"signals": signals, "features": features, "context": context, "actions": actions}
    data: MarketData | DataFeed
    if isinstance(prices, MarketData | DataFeed):
        given = [name for name, table in (tables | table_options).items() if table is not None]
        if given:
            raise TypeError(
                f"{given[0]} cannot be joined to finished {type(prices).__name__}: give tables"
            )
        data = prices
    else:
        data = MarketData.from_tables(prices, **tables, **table_options)

    # The strategy may not be afterwards what it is now.
    rules = None if rules is None else tuple(rules)
    described = description_or_reason(
        prices,
        strategy,
        tables | table_options | {"rules": rules, "risk_manager": risk_manager, "config": config},
    )

    def run(update: Progress | None) -> BacktestResult:
        engine = BacktestEngine(
            data,
            strategy,
            rules=rules,
            risk_manager=risk_manager,
            config=config,
            progress=update,
            run_file=described,
        )
        return engine.run()

    if progress is True:
        with progress_bar() as update:
            return run(update)
    return run(progress or None)
