"""Bars and what rides with them become market data: all of a run, or one chunk of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ml4t.backtest.data.arrays import Float64s
from ml4t.backtest.data.errors import DataError
from ml4t.backtest.data.features.indicators import RunningIndicator
from ml4t.backtest.data.features.provider_columns import ProviderColumns
from ml4t.backtest.data.join.as_of import join_assets, join_context, report_violation
from ml4t.backtest.data.join.bars import Bars
from ml4t.backtest.data.join.history import History
from ml4t.backtest.data.tables.clock import Clock
from ml4t.backtest.data.tables.corporate_actions import Actions
from ml4t.backtest.data.tables.series_table import SeriesTable
from ml4t.backtest.data.tables.table_requests import TableRequest
from ml4t.backtest.market.market_data import MarketData

PRICES = "prices"

Columns = dict[str, Float64s]
Tables = list[tuple[TableRequest, SeriesTable]]


@dataclass(frozen=True)
class Joiner:
    """Joins tables to bars.

    Parameters
    ----------
    clock : Clock
    on_violation : {"raise", "warn"}
    computed : mapping of name to RunningIndicator or ProviderColumns
        Indicators by the name of their column, and providers.
    histories : mapping of table name to History
        What the tables are known to have said before; empty where they come in one piece.
    replaceable : set of str
        Columns that stand already, and whose place a new one of the name may take, once.
    """

    clock: Clock
    on_violation: str
    computed: Mapping[str, RunningIndicator | ProviderColumns]
    histories: Mapping[str, History] = field(default_factory=dict)
    replaceable: set[str] = field(default_factory=set)

    def features(self, bars: Bars, tables: Tables, actions: Actions | None) -> Columns:
        """Return the columns of the bars themselves, of the tables, of indicators and of providers."""
        joined = dict(bars.features)
        for request, table in tables:
            self._add(joined, self.asset_values(request, table, bars), table.name)
        for name, item in self.computed.items():
            if isinstance(item, RunningIndicator):
                column = item.update_bars(bars.times, bars.codes, bars.prices, actions)
                self._add(joined, {name: column}, "features")
            else:
                so_far = replace(bars, features=joined)
                data = to_market_data(so_far, [], {}, actions, {"times": item.times})
                self._add(joined, item.update(data), name)
        return joined

    def context(
        self, bars: Bars, tables: Tables, features: Columns, before: Columns | None = None
    ) -> Columns:
        """Return the market-wide columns: those that stand already, of tables, and of the providers asked for
        features."""
        market = dict(before or {})
        for request, table in tables:
            self._add(market, self.market_values(request, table, bars), table.name, features)
        for name, item in self.computed.items():
            if isinstance(item, ProviderColumns):
                self._add(market, item.market, name, features)
        return market

    def _add(
        self,
        joined: Columns,
        columns: Columns,
        table_name: str,
        others: Mapping[str, Float64s] | None = None,
    ) -> None:
        for column in columns:
            if column in self.replaceable:
                self.replaceable.remove(column)
            elif column in joined or column in (others or {}):
                raise DataError(
                    f"{table_name}: column {column!r} is already in another table; rename or leave out "
                    "one of them"
                )
        joined.update(columns)

    def asset_values(self, request: TableRequest, table: SeriesTable, bars: Bars) -> Columns:
        """Join one table of signals or features."""
        return self._joined(join_assets, request, table, bars)

    def market_values(self, request: TableRequest, table: SeriesTable, bars: Bars) -> Columns:
        """Join one table of market-wide values."""
        return self._joined(join_context, request, table, bars)

    def _joined(
        self, join: Callable[..., Columns], request: TableRequest, table: SeriesTable, bars: Bars
    ) -> Columns:
        on_violation = request.on_violation(self.on_violation)
        history = self.histories.get(table.name)
        return join(table, bars, request.clock(self.clock), on_violation, history)


def check_own_columns(bars: Bars, on_violation: str) -> None:
    """Hold the publication times that the price table gives for its columns against its bars."""
    if bars.published is None:
        return
    late = bars.published > bars.times
    if late.any():
        report_violation(
            late,
            bars.published - bars.times,
            bars.times,
            lambda row: bars.assets[bars.codes[row]],
            f"{PRICES}: available_at of {', '.join(bars.features) or 'the columns'} is after their bar",
            on_violation,
        )


def to_market_data(
    bars: Bars,
    signal_names: list[str],
    context: Columns,
    actions: Actions | None,
    info: dict[str, Any],
    **chunk: Any,
) -> MarketData:
    """Return bars with all their columns as market data."""
    return MarketData._wrap(
        bars.assets,
        bars.timestamps,
        bars.offsets,
        bars.codes,
        *(bars.prices[field] for field in ("open", "high", "low", "close")),
        volume=bars.prices.get("volume"),
        bid=bars.prices.get("bid"),
        ask=bars.prices.get("ask"),
        features=bars.features,
        signal_names=signal_names,
        context=context,
        actions=actions,
        info=info,
        negative_prices=bars.negative_prices,
        **chunk,
    )
