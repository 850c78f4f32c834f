"""Further columns for market data that are ready: the same join, without reading the prices again."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ml4t.backtest.data.assembly.from_tables import look_at_times, read_requests
from ml4t.backtest.data.assembly.joiner import PRICES, Joiner, to_market_data
from ml4t.backtest.data.errors import DAY_NS, DataError
from ml4t.backtest.data.features.indicators import split_indicators
from ml4t.backtest.data.features.provider_columns import split_providers
from ml4t.backtest.data.join.bars import bars_of
from ml4t.backtest.data.tables.clock import BarTime, check_assets, check_kinds, make_clock
from ml4t.backtest.data.tables.epochs import check_time_unit
from ml4t.backtest.data.tables.options import check_flag, check_on_rows, check_on_violation
from ml4t.backtest.data.tables.stamps import Stamps
from ml4t.backtest.data.tables.table_requests import split_requests
from ml4t.backtest.data.tables.unused_options import refuse_unused
from ml4t.backtest.market.market_data import MarketData, register_column_joiner


@register_column_joiner
def with_columns(
    data: MarketData,
    signals: Any = None,
    features: Any = None,
    *,
    replaces: bool,
    bar_time: BarTime,
    timezone: str | None,
    time_unit: str | None,
    on_violation: str,
    on_unknown_assets: str,
) -> MarketData:
    """Return market data with further columns; see :meth:`MarketData.with_signals`."""
    check_on_violation(on_violation)
    check_on_rows(on_unknown_assets, "raise")
    check_flag("replace", replaces)
    check_time_unit(time_unit)
    if data.first_t:
        raise DataError("a chunk of a run takes no further columns; give its tables to the feed")
    said = make_clock(bar_time, timezone)
    clock = make_clock(
        data.info.get("bar_time") if bar_time is None else bar_time,
        data.info.get("timezone") if timezone is None else timezone,
    )
    check_assets(clock, data.assets)
    own = [name for name in data.features if name not in data.signal_names]
    names, signal_requests = split_requests(signals, "signals", "signal", own, time_unit)
    features, providers = split_providers(features, data.info.get("times", "aware"))
    features, indicators = split_indicators(features)
    _, feature_requests = split_requests(features, "features", "feature", (), time_unit)
    unknown: dict[str, int] = {}
    signal_tables, feature_tables = (
        read_requests(requests, clock, data.assets, on_unknown_assets, unknown)
        for requests in (signal_requests, feature_requests)
    )
    tables = signal_tables + feature_tables
    kinds = {table.name: r.comparable(table.stamps, clock) for r, table in tables}
    check_kinds({PRICES: _times_of(data)} | kinds, clock)
    refuse_unused(said, time_unit, (), None, [(r, table.times) for r, table in tables])

    bars = bars_of(data)
    if data.n_times:
        look_at_times(bars, clock, signal_tables, feature_tables)
    started = {name: item.start(data.n_assets) for name, item in (indicators | providers).items()}
    standing = {*data.features, *data.context}
    joiner = Joiner(clock, on_violation, started, replaceable=standing if replaces else set())
    joined = joiner.features(bars, tables, data.actions)
    market = joiner.context(bars, [], joined, dict(data.context))
    _check_apart(joined, market)
    names += [name for _, table in signal_tables for name in table.columns]
    new = joined.keys() - {n for n, column in data.features.items() if joined[n] is column}
    kept = [name for name in data.signal_names if name not in new and name not in names]
    return to_market_data(
        replace(bars, features=joined),
        [*kept, *names],
        market,
        data.actions,
        _info(data, {name: len(stamps) for name, stamps in kinds.items()}, unknown),
    )


def _times_of(data: MarketData) -> Stamps:
    """Return the times of finished bars as what they are beside others."""
    kind = data.info.get("compared_as")
    if kind is None:  # nobody said what they were
        kind = "aware" if np.any(data.timestamps % DAY_NS) else "utc_date"
    return Stamps(kind, data.timestamps)


def _check_apart(features: dict[str, Any], market: dict[str, Any]) -> None:
    both = features.keys() & market.keys()
    if both:
        raise DataError(
            f"column {min(both)!r} is a value of each asset and one of the market; rename one of them"
        )


def _info(data: MarketData, n_rows: dict[str, int], unknown: dict[str, int]) -> dict[str, Any]:
    """Return what the tables were, those before and the new ones."""
    return {
        **data.info,
        "tables": _beside(data.info.get("tables", {}), n_rows),
        "unknown_rows": _beside(data.info.get("unknown_rows", {}), unknown),
    }


def _beside(before: dict[str, int], counts: dict[str, int]) -> dict[str, int]:
    """Return counts by name, where names repeat with ``#2``, ``#3``."""
    every = dict(before)
    for name, count in counts.items():
        free, times = name, 1
        while free in every:
            times += 1
            free = f"{name}#{times}"
        every[free] = count
    return every
