"""run_backtest: tables in, result out."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Literal, overload

from ml4t.backtest.backtest.backtest_engine import BacktestEngine, Progress, check_kinds
from ml4t.backtest.backtest.bounds import BoundsResult, run_bounds
from ml4t.backtest.backtest.fine_data import read_fine
from ml4t.backtest.config import BacktestConfig
from ml4t.backtest.core.named_arguments import suggests_names
from ml4t.backtest.data.stream.feed import DataFeed
from ml4t.backtest.data.tables.clock import BarTime
from ml4t.backtest.market.market_data import MarketData
from ml4t.backtest.provenance.run_description import description_or_reason
from ml4t.backtest.report.progress import progress_bar
from ml4t.backtest.result import BacktestResult
from ml4t.backtest.risk import RiskManager
from ml4t.backtest.risk.function_rule import GivenRules, each_rule
from ml4t.backtest.strategy.strategy import Strategy


@overload
def run_backtest(
    prices: Any,
    strategy: Strategy,
    *,
    signals: Any = ...,
    features: Any = ...,
    context: Any = ...,
    actions: Any = ...,
    fine: Any = ...,
    assets: Sequence[Any] | None = ...,
    columns: Mapping[str, str] | None = ...,
    bar_time: BarTime = ...,
    timezone: str | None = ...,
    stamps: str = ...,
    bar_length: Any = ...,
    time_unit: str | None = ...,
    sort: bool = ...,
    on_violation: str = ...,
    on_unknown_assets: str = ...,
    on_repeated_rows: str = ...,
    allow_negative_prices: bool | Sequence[Any] = ...,
    rules: GivenRules | None = ...,
    risk_manager: RiskManager | None = ...,
    config: BacktestConfig | None = ...,
    progress: bool | Progress = ...,
    bounds: Literal[False] = ...,
) -> BacktestResult: ...


@overload
def run_backtest(
    prices: Any, strategy: Strategy, *, bounds: Literal[True], **given: Any
) -> BoundsResult: ...


# `given` are the options of the first.
@partial(suggests_names, settings=BacktestConfig.model_fields)  # type: ignore[misc]
def run_backtest(
    prices: Any,
    strategy: Strategy,
    *,
    signals: Any = None,
    features: Any = None,
    context: Any = None,
    actions: Any = None,
    fine: Any = None,
    assets: Sequence[Any] | None = None,
    columns: Mapping[str, str] | None = None,
    bar_time: BarTime = None,
    timezone: str | None = None,
    stamps: str = "end",
    bar_length: Any = None,
    time_unit: str | None = None,
    sort: bool = False,
    on_violation: str = "raise",
    on_unknown_assets: str = "raise",
    on_repeated_rows: str = "raise",
    allow_negative_prices: bool | Sequence[Any] = False,
    rules: GivenRules | None = None,
    risk_manager: RiskManager | None = None,
    config: BacktestConfig | None = None,
    progress: bool | Progress = False,
    bounds: bool = False,
) -> BacktestResult | BoundsResult:
    """Run a strategy over tables.

    Parameters
    ----------
    prices : MarketData, DataFeed or table
        Finished market data, a feed of them, or anything
        :func:`ml4t.backtest.data.market_data` reads.
    strategy : Strategy
    signals, features, context, actions : table, optional
        Joined to the prices as of time; not with finished market data or a feed.
    fine : table, MarketData or DataFeed, optional
        Finer bars of all assets or some, for ``intrabar="fine"``. A feed is read once, before the run, into files that are
        mapped: of its bars memory holds those that are looked at. A table is read with ``columns``, ``timezone``,
        ``stamps``, ``time_unit``, ``sort`` and ``on_repeated_rows``.
    assets, columns, bar_time, timezone, stamps, bar_length, time_unit, sort, on_violation, \
on_unknown_assets, on_repeated_rows, allow_negative_prices : optional
        How tables are read, as for :func:`ml4t.backtest.data.market_data`; not with finished market data
        or a feed.
    rules : RiskRule or callable, or iterable of them, optional
    risk_manager : RiskManager, optional
    config : BacktestConfig, optional
    progress : bool or callable
        True shows a progress bar.
    bounds : bool
        True runs twice, on copies of strategy and rules: once with the worse side of every bar first, once
        with the better one.

    Returns
    -------
    BacktestResult
        With ``bounds=True`` a :class:`BoundsResult`, which has both.

    Raises
    ------
    DataError
        If a table is not what it should be; nothing has run then, but of a feed the chunks before.
    StrategyError, RuleError, BacktestInterrupted
        As :meth:`BacktestEngine.run`.
    """
    given = _given(
        signals=signals,
        features=features,
        context=context,
        actions=actions,
        assets=assets,
        columns=columns,
        bar_time=bar_time,
        timezone=timezone,
        stamps=stamps,
        bar_length=bar_length,
        time_unit=time_unit,
        sort=sort,
        on_violation=on_violation,
        on_unknown_assets=on_unknown_assets,
        on_repeated_rows=on_repeated_rows,
        allow_negative_prices=allow_negative_prices,
    )
    data: MarketData | DataFeed
    if isinstance(prices, MarketData | DataFeed):
        if given:
            raise TypeError(
                f"{next(iter(given))} cannot be joined to finished {type(prices).__name__}: "
                "give tables"
            )
        data = prices
    else:
        data = MarketData.from_tables(prices, **given)

    own = {
        "strategy": strategy,
        "rules": None if rules is None else each_rule(rules),
        "risk_manager": risk_manager,
        "config": config,
        "fine": read_fine(fine, given),
    }

    def run_once(own: Mapping[str, Any], update: Progress | None) -> BacktestResult:
        # Before the run: the strategy may not be afterwards what it is now.
        arguments = {name: value for name, value in own.items() if name != "strategy"}
        arguments["fine"] = fine
        described = description_or_reason(prices, own["strategy"], given | arguments)
        return BacktestEngine(data, **own, progress=update, run_file=described).run()

    def run(update: Progress | None) -> BacktestResult | BoundsResult:
        if not bounds:
            return run_once(own, update)
        check_kinds(data, strategy, config)
        return run_bounds(run_once, own, update)

    if progress is True:
        with progress_bar() as update:
            return run(update)
    return run(progress or None)


_DEFAULTS: Mapping[str, Any] = {
    name: parameter.default
    for name, parameter in inspect.signature(run_backtest).parameters.items()
}


def _given(**arguments: Any) -> dict[str, Any]:
    """Return the arguments of ``run_backtest`` that are not its defaults, which are simple values."""
    return {
        name: value
        for name, value in arguments.items()
        if value is not _DEFAULTS[name] and not _is_default(name, value)
    }


def _is_default(name: str, value: Any) -> bool:
    # A table is not compared with anything: many answer value by value.
    default = _DEFAULTS[name]
    return type(value) is type(default) and bool(value == default)
