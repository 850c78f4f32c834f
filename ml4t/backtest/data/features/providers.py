"""Feature providers: where strategies and risk rules that ask by name and time get their features."""

from __future__ import annotations

import abc
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from ml4t.backtest.data.arrays import Float64s, Int64s, Marks
from ml4t.backtest.data.errors import DAY_NS, DataError
from ml4t.backtest.data.join.as_of import join_assets, join_context
from ml4t.backtest.data.join.bars import bars_of
from ml4t.backtest.data.join.lookup import Lookup
from ml4t.backtest.data.tables.asset_codes import recode
from ml4t.backtest.data.tables.clock import BarTime, check_kinds, make_clock
from ml4t.backtest.data.tables.options import check_on_violation
from ml4t.backtest.data.tables.series_table import SeriesTable, read_context, read_series
from ml4t.backtest.data.tables.stamps import Stamps
from ml4t.backtest.data.tables.table_requests import TableRequest, split_requests
from ml4t.backtest.data.tables.unused_options import refuse_unused
from ml4t.backtest.market.market_data import MarketData

Values = Mapping[str, float]


class FeatureProvider(abc.ABC):
    """What was known of an asset, and of the market, at a time.

    Give it among the ``features`` of ``market_data``, for everyone to see its columns, or to a
    ``RiskManager``, for rules alone. Where there are :meth:`columns`, those are used, and nothing is asked
    one by one.
    """

    @abc.abstractmethod
    def get_features(self, asset: Any, timestamp: Any) -> Values:
        """Return the features of an asset known at a time, by name; NaN where nothing is."""

    @abc.abstractmethod
    def get_market_features(self, timestamp: Any) -> Values:
        """Return the market-wide values known at a time, by name; NaN where nothing is."""

    def columns(self, data: MarketData) -> tuple[dict[str, Float64s], dict[str, Float64s]] | None:
        """Return everything at once, as columns of market data, if the provider can.

        Where a run comes in chunks it is called for one after the other, in order.

        Parameters
        ----------
        data : MarketData
            The bars; of a chunk, those not in the chunk before. No value may know more than its bar.

        Returns
        -------
        features, market : dict of name to float64 array, shapes (n_rows,) and (n_times,)
            None if values can only be asked for one by one.
        """
        return None


class CallableFeatureProvider(FeatureProvider):
    """Features made by functions, called at most once for an asset and time, whoever asks in a thread.

    One object can serve a strategy and rules, and runs in several threads. Among the ``features`` of ``market_data`` it is asked for
    every bar, in order, before the run or the chunk.

    Parameters
    ----------
    fn : callable
        From (asset, timestamp) to a mapping of name to number.
    market_fn : callable, optional
        From timestamp to a mapping of name to number.

    Notes
    -----
    The values of the two times of an asset that were new last are kept, in each thread that asks: a run is
    asked the same whatever runs beside it, and memory does not grow with the run. Two, because rules are asked at an opening about the asset's bar before, and a strategy may have
    asked for a time since at which the asset had no bar.
    """

    def __init__(
        self,
        fn: Callable[[Any, Any], Mapping[str, Any]],
        market_fn: Callable[[Any], Mapping[str, Any]] | None = None,
    ) -> None:
        if not callable(fn) or not (market_fn is None or callable(market_fn)):
            raise DataError("fn and market_fn must be callable")
        self._fn = fn
        self._market_fn = market_fn
        self._last = _LastValues()

    def get_features(self, asset: Any, timestamp: Any) -> Values:
        kept = self._last.by_asset.setdefault(asset, {})
        return _once(kept, timestamp, lambda: self._fn(asset, timestamp))

    def get_market_features(self, timestamp: Any) -> Values:
        function = self._market_fn
        if function is None:
            return MappingProxyType({})
        return _once(self._last.market, timestamp, lambda: function(timestamp))

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_last"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, _last=_LastValues())


class _LastValues(threading.local):
    """The values of the last two times of each asset and of the market, by time; in each thread its own."""

    def __init__(self) -> None:
        self.by_asset: dict[Any, dict[int, Values]] = {}
        self.market: dict[int, Values] = {}


def _once(kept: dict[int, Values], timestamp: Any, make: Callable[[], Mapping[str, Any]]) -> Values:
    time = _nanoseconds(timestamp)
    if time not in kept:
        values = MappingProxyType({str(name): float(value) for name, value in make().items()})
        if len(kept) == 2:
            del kept[next(iter(kept))]
        kept[time] = values
    return kept[time]


class PrecomputedFeatureProvider(FeatureProvider):
    """Features from tables, joined as of time.

    Parameters
    ----------
    features : table, Table, list of these, or mapping of name to one, optional
        Long tables with a column of assets; stamps and lags as in
        :func:`~ml4t.backtest.data.market_data`. A NaN is a value.
    market : table, Table, list of these, or mapping of name to one, optional
        Market-wide values. A NaN is not a value: the last one stays.
    bar_time, timezone : str, optional
        As there.
    on_violation : {"raise", "warn"}

    Raises
    ------
    DataError
        If a table cannot be read, two have a column of one name, or one asks for a lag in bars,
        which only a run has.
    LookAheadError
        If a value is published before its own time.
    """

    def __init__(
        self,
        features: Any = None,
        market: Any = None,
        *,
        bar_time: BarTime = None,
        timezone: str | None = None,
        on_violation: str = "raise",
    ) -> None:
        check_on_violation(on_violation)
        self._clock = make_clock(bar_time, timezone)
        self._on_violation = on_violation
        self._features = [
            _with_length(
                request, read_series(request.options, request.name, request.value_name, ())
            )
            for request in split_requests(features, "features", "feature")[1]
        ]
        self._market = [
            _with_length(request, read_context(request.options, request.name, request.value_name))
            for request in split_requests(market, "market", "market")[1]
        ]
        tables = self._features + self._market
        _check_tables([table for _, table in tables])
        self._kinds = {t.name: r.comparable(t.stamps, self._clock) for r, t in tables}
        check_kinds(self._kinds, self._clock)
        refuse_unused(self._clock, None, (), None, [(r, table.times) for r, table in tables])
        self._dates = [name for name, stamps in self._kinds.items() if stamps.kind == "date"]
        self._lookups = [self._lookup(r, t, list(t.columns)) for r, t in self._features]
        self._market_lookups = [
            self._lookup(r, t, [column], ~np.isnan(values))
            for r, t in self._market
            for column, values in t.columns.items()
        ]

    def get_features(self, asset: Any, timestamp: Any) -> Values:
        return self._look(self._lookups, asset, timestamp)

    def get_market_features(self, timestamp: Any) -> Values:
        return self._look(self._market_lookups, None, timestamp)

    def columns(self, data: MarketData) -> tuple[dict[str, Float64s], dict[str, Float64s]]:
        bars, of_the_run = bars_of(data), set(data.assets)
        self._check_dates(bars.timestamps)
        prices = {"prices": Stamps(data.info.get("times", "aware"), bars.times)}
        check_kinds(prices | self._kinds, self._clock)
        features: dict[str, Float64s] = {}
        market: dict[str, Float64s] = {}
        for request, table in self._features:
            others = tuple(name for name in table.names if name not in of_the_run)
            names = (*data.assets, *others)
            moved = replace(table, codes=recode(table.codes, table.names, names), names=names)
            features |= join_assets(moved, bars, request.clock(self._clock), "ignore")
        for request, table in self._market:
            market |= join_context(table, bars, request.clock(self._clock), "ignore")
        return features, market

    def _lookup(
        self,
        request: TableRequest,
        table: SeriesTable,
        columns: list[str],
        only: Marks | None = None,
    ) -> Lookup:
        on_violation = request.on_violation(self._on_violation)
        return Lookup(table, request.clock(self._clock), columns, on_violation, only)

    def _look(self, lookups: list[Lookup], asset: Any, timestamp: Any) -> Values:
        time = _nanoseconds(timestamp)
        self._check_dates(np.array([time]))
        found: dict[str, float] = {}
        for lookup in lookups:
            found |= lookup.at(asset, time)
        return MappingProxyType(found)

    def _check_dates(self, times: Int64s) -> None:
        """Refuse to take dates for midnights where there are times of day."""
        if not self._dates or self._clock.knows_dates:
            return
        within = np.flatnonzero(times % DAY_NS)
        if len(within):
            raise DataError(
                f"{', '.join(self._dates)} has only dates and is asked for at "
                f"{pd.Timestamp(times[within[0]], tz='UTC')}: say when the dates are complete, with "
                "bar_time='16:00 America/New_York', say"
            )


def _with_length(request: TableRequest, table: SeriesTable) -> tuple[TableRequest, SeriesTable]:
    return request.with_length(table), table


def _check_tables(tables: list[SeriesTable]) -> None:
    seen: set[str] = set()
    for table in tables:
        if table.options.lag_bars:
            raise DataError(
                f"{table.name}: timing {table.options.timing!r} counts bars, which a provider does not have; give "
                "the table to market_data, or use available_after="
            )
        for column in table.columns:
            if column in seen:
                raise DataError(
                    f"{table.name}: column {column!r} is already in another table; rename one of them"
                )
            seen.add(column)


def _nanoseconds(timestamp: Any) -> int:
    if isinstance(timestamp, int | np.integer):
        return int(timestamp)
    stamp = pd.Timestamp(timestamp)
    return int((stamp if stamp.tz is None else stamp.tz_convert("UTC")).as_unit("ns").value)
