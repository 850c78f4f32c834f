"""run_backtest: tables in, result out."""

from __future__ import annotations

from typing import Any

from ml4t.backtest.backtest.backtest_engine import BacktestEngine, Progress
from ml4t.backtest.config import BacktestConfig
from ml4t.backtest.data.stream.feed import DataFeed
from ml4t.backtest.market.market_data import MarketData
from ml4t.backtest.provenance.run_description import description_or_reason
from ml4t.backtest.report.progress import progress_bar
from ml4t.backtest.result import BacktestResult
from ml4t.backtest.risk import RiskManager
from ml4t.backtest.risk.function_rule import GivenRules, each_rule
from ml4t.backtest.strategy.strategy import Strategy


def run_backtest(
    prices: Any,
    strategy: Strategy,
    *,
    signals: Any = None,
    features: Any = None,
    context: Any = None,
    actions: Any = None,
    rules: GivenRules | None = None,
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
    rules : RiskRule or callable, or iterable of them, optional
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
    rules = None if rules is None else each_rule(rules)
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
