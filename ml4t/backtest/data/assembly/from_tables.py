"""Tables in, MarketData out: the front door of data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from ml4t.backtest.core.named_arguments import suggests_names
from ml4t.backtest.data.assembly.joiner import PRICES, Joiner, check_own_columns, to_market_data
from ml4t.backtest.data.features.indicators import split_indicators
from ml4t.backtest.data.features.provider_columns import split_providers
from ml4t.backtest.data.join.bars import Bars, make_bars
from ml4t.backtest.data.join.coverage import (
    Span,
    check_coverage,
    published_span,
    warn_of_beginning,
    warn_of_far,
    warn_of_gap,
    warn_of_stamping,
)
from ml4t.backtest.data.join.falls import Falls
from ml4t.backtest.data.tables.bar_grid import grid_length
from ml4t.backtest.data.tables.clock import (
    BarTime,
    Clock,
    check_assets,
    check_kinds,
    make_clock,
)
from ml4t.backtest.data.tables.corporate_actions import Actions, read_actions
from ml4t.backtest.data.tables.epochs import check_time_unit
from ml4t.backtest.data.tables.options import (
    check_flag,
    check_on_rows,
    check_on_violation,
    check_starts,
    length_ns,
    negative_assets,
)
from ml4t.backtest.data.tables.price_table import PriceTable, read_prices
from ml4t.backtest.data.tables.series_table import (
    SeriesTable,
    read_context,
    read_series,
    refuse_unknown,
    without_unknown,
)
from ml4t.backtest.data.tables.stamps import Stamps
from ml4t.backtest.data.tables.table_requests import TableRequest, split_requests
from ml4t.backtest.data.tables.unused_options import refuse_unused
from ml4t.backtest.market.market_data import MarketData, register_table_reader


@register_table_reader
@suggests_names
def market_data(
    prices: Any,
    *,
    signals: Any = None,
    features: Any = None,
    context: Any = None,
    actions: Any = None,
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
) -> MarketData:
    """Build the market data of a run from tables.

    A table is a pandas or Polars frame, a PyArrow table, a DuckDB relation, anything with
    ``__arrow_c_stream__``, or the path of a CSV file, a Parquet file, a folder of them, a pattern
    (``"bars/*.csv"``) or a list of paths. Column names are found without regard to case: time (timestamp,
    datetime, date, time), asset (asset, symbol, ticker, instrument), open, high, low, close (or o, h, l,
    c), volume, bid, ask; so are the names of common vendors, as wholes (``info["columns"]``).

    Parameters
    ----------
    prices : table, or mapping of asset to table, or mapping of field to wide table
        Long (a row per timestamp and asset), wide closes (a column per asset), or wide with columns
        (field, asset) or (asset, field). Stamps are bar ends, the time at which a bar is complete, unless
        ``stamps`` says otherwise.
        Without open, high and low they are the close (``info["closes_only"]``). ``adj_close`` is the
        close only where there is no other. Further columns are features that are known at their row;
        a column ``available_at`` says when, and is checked; text and further times are left out
        (``info["left_out"]``). In a wide table NaN means "no row". High and low that miss open or close by
        rounding are stretched to them (``info["stretched_bars"]``).
    signals : table, Table, column name of ``prices``, list of these, or mapping of name to one, optional
        Values per asset with their own stamps, long or wide; joined as of time. Stamps are the column
        ``available_at``, else the time column, plus ``Table(available_after=...)``. A NaN is a value:
        from then on nothing is known.
    features : as signals, optional
        Values per asset that are no model outputs; the same join. Indicators such as ``ATR(14)`` may stand
        among them, and are computed from the bars. So may a ``FeatureProvider``: it gives its columns,
        or is asked for each bar, and its market-wide values stand among the context.
    context : table, Table, list of these, or mapping of name to one, optional
        Market-wide values with their own stamps. A NaN is not a value: the last one stays.
    actions : table, optional
        Splits and cash dividends: effective time or date, asset, kind (split, dividend), value (new units
        per old one; currency per unit). A date means its start, before the open.
    assets : sequence of names, optional
        Asset order; by default the columns of a wide table, else sorted names.
    columns : mapping of role to column name, optional
        For price tables with other names, ``{"timestamp": "ts", "close": "px_last"}``.
    bar_time : str, or mapping of asset to str, optional
        Time of day at which dates are complete, ``"16:00 America/New_York"``; needed where tables of
        dates meet tables of times. Without it dates stand for midnight UTC of that date. A time without a zone
        is in that of ``timezone``, or of times that name none. ``"24:00"`` is the end of the day; a mapping
        gives assets of several exchanges each its own.
    timezone : str, optional
        Zone of stamps that name none. Without it they are UTC, and may not meet stamps with a zone.
    stamps : {"end", "start"}
        Whether the stamps of prices are the ends of bars, or their starts. Those are complete
        ``bar_length`` later. Other tables say it for themselves, ``Table(..., stamps="start")``.
    bar_length : str or timedelta, optional
        How long bars are whose stamps are starts, ``"1h"``; by default the step from one to the next.
    time_unit : {"s", "ms", "us", "ns"}, optional
        What times that are numbers count since 1970, UTC.
    sort : bool
        Accept prices whose times run backwards within an asset, and sort them.
    on_violation : {"raise", "warn"}
        What a value published before it can have been known does.
    on_unknown_assets : {"raise", "drop"}
        What signals, features and actions of assets without prices do; those dropped are counted in
        ``info["unknown_rows"]``.
    on_repeated_rows : {"raise", "drop"}
        What a row of prices does that another equals in every column; those dropped are counted in
        ``info["repeated_rows"]``.
    allow_negative_prices : bool or sequence of asset names
        Take prices of zero or less for what they are, of all assets or of these. Such an asset is ordered in
        units, and has no levels in percent or at a distance.

    Returns
    -------
    MarketData

    Raises
    ------
    DataError
        If a table cannot be read or simulated honestly: the message names table, column, count, the
        first rows and what to do.
    LookAheadError
        If a value is published before its own time, or after the bar it stands on.

    Notes
    -----
    Columns of float64 without nulls, in order, are used in place: do not change them afterwards.
    """
    check_on_violation(on_violation)
    check_on_rows(on_unknown_assets, on_repeated_rows)
    check_flag("sort", sort)
    check_starts(stamps, bar_length)
    check_time_unit(time_unit)
    clock = make_clock(bar_time, timezone)
    read = read_prices(prices, PRICES, columns, assets, time_unit)
    check_assets(clock, read.assets)
    clock_of_prices = replace(clock, bar_length=length_of_bars(stamps, bar_length, read))
    times = clock_of_prices.kind(read.stamps)
    signal_names, signal_requests = split_requests(
        signals, "signals", "signal", read.features, time_unit
    )
    features, providers = split_providers(features, times)
    features, indicators = split_indicators(features)
    _, feature_requests = split_requests(features, "features", "feature", (), time_unit)
    _, context_requests = split_requests(context, "context", "context", (), time_unit)
    unknown: dict[str, int] = {}
    of_run = partial(
        read_requests, clock=clock, assets=read.assets, on_unknown=on_unknown_assets, n=unknown
    )
    signal_tables, feature_tables = of_run(signal_requests), of_run(feature_requests)
    context_tables = [
        (r.with_length(t), t)
        for r, t in ((r, read_context(r.options, r.name, r.value_name)) for r in context_requests)
    ]

    kinds = {PRICES: clock_of_prices.comparable(read.stamps)}
    tables = signal_tables + feature_tables + context_tables
    for request, table in tables:
        kinds[table.name] = request.comparable(table.stamps, clock)
    corporate, of_actions, n_unknown = actions_of(
        actions, read.assets, clock, kinds, time_unit, on_unknown_assets
    )
    unknown |= {"actions": n_unknown} if n_unknown else {}
    of_prices = [(clock_of_prices, read.stamps)]
    if read.published is not None:
        of_prices.append((clock, read.published))
    check_kinds(kinds, clock)
    refuse_unused(
        clock, time_unit, of_prices, of_actions, [(r, table.times) for r, table in tables]
    )

    bars = make_bars(
        read,
        clock_of_prices,
        PRICES,
        sort,
        on_repeated_rows=on_repeated_rows,
        negative_prices=negative_assets(allow_negative_prices, read.assets),
    )
    check_own_columns(bars, on_violation)
    falls = Falls(len(bars.assets))
    if corporate is None:
        falls.take(bars)
    of_bars = Span(int(bars.timestamps[0]), int(bars.timestamps[-1]))
    warn_of_far(PRICES, read.stamps, of_bars)
    warn_of_beginning(PRICES, read.stamps, of_bars)
    warn_of_gap(PRICES, bars.timestamps)
    look_at_times(bars, clock, signal_tables, feature_tables + context_tables)
    computed = indicators | providers
    started = {name: item.start(len(bars.assets)) for name, item in computed.items()}
    joiner = Joiner(clock, on_violation, started)
    joined = joiner.features(bars, signal_tables + feature_tables, corporate)
    market = joiner.context(bars, context_tables, joined)
    signal_names += [name for _, table in signal_tables for name in table.columns]
    info = {
        "closes_only": read.closes_only,
        **times_info(clock_of_prices, read.stamps, bar_time, timezone),
        "tables": {name: len(times) for name, times in kinds.items()},
        "columns": dict(read.roles),
        "left_out": list(read.left_out),
        "stretched_bars": bars.n_stretched,
        "repeated_rows": bars.n_repeated,
        "falls": falls.info,
        "unknown_rows": unknown,
    }
    return to_market_data(replace(bars, features=joined), signal_names, market, corporate, info)


def times_info(
    clock: Clock, stamps: Stamps, bar_time: BarTime, timezone: str | None
) -> dict[str, Any]:
    """Return what the times of prices were, for those who tell of a run in the user's terms.

    ``zone`` is that in whose days sessions are cut: of the column, of ``timezone`` or of ``bar_time``;
    ``written_zone`` that of the column alone. ``complete_after`` is how long after its stamp a bar is complete.
    ``compared_as`` is the kind of the times beside those of further tables.
    """
    kind = clock.kind(stamps)
    return {
        "dates_only": kind == "date",
        "times": kind,
        "bar_time": dict(bar_time) if isinstance(bar_time, Mapping) else bar_time,
        "timezone": timezone,
        "zone": clock.zone(stamps),
        "written_zone": stamps.zone,
        "complete_after": clock.complete_after(stamps),
        "compared_as": clock.comparable(stamps).kind,
    }


def length_of_bars(stamps: str, bar_length: Any, read: PriceTable) -> int | None:
    """Return the nanoseconds from the stamps of prices to the ends of their bars; None if they are ends."""
    if stamps == "end":
        return None
    given = length_ns(bar_length)
    return grid_length(read.stamps, read.codes, PRICES) if given is None else given


def look_at_times(
    bars: Bars,
    clock: Clock,
    signals: list[tuple[TableRequest, SeriesTable]],
    others: list[tuple[TableRequest, SeriesTable]],
) -> None:
    """Refuse tables that have no time in common with the bars, and warn of times that look wrong."""
    of_bars = Span(int(bars.timestamps[0]), int(bars.timestamps[-1]))
    for tables, must_begin_within in ((signals, True), (others, False)):
        for request, table in tables:
            own = request.clock(clock)
            span = published_span(table, own)
            if span is not None:
                warn_of_far(table.name, table.own, span)
                check_coverage(table.name, span, of_bars, must_begin_within)
                warn_of_stamping(table, own, span, bars.timestamps)


def read_requests(
    requests: list[TableRequest],
    clock: Clock,
    assets: tuple[Any, ...],
    on_unknown: str,
    n: dict[str, int],
) -> list[tuple[TableRequest, SeriesTable]]:
    """Read tables; ``n`` takes the number of rows that were dropped of each."""
    tables = []
    for request in requests:
        table = read_series(request.options, request.name, request.value_name, assets)
        if on_unknown == "drop":
            table, n_dropped = without_unknown(table, len(assets))
            if n_dropped:
                n[request.name] = n_dropped
        else:
            refuse_unknown(table, len(assets))
        request = request.with_length(table)
        check_assets(request.clock(clock), assets, request.name)
        tables.append((request, table))
    return tables


def actions_of(
    actions: Any,
    assets: tuple[Any, ...],
    clock: Clock,
    stamps: dict[str, Stamps],
    time_unit: str | None = None,
    on_unknown_assets: str = "raise",
) -> tuple[Actions | None, Stamps | None, int]:
    """Read the actions of a run, and put their times among those that have to be comparable.

    Returns
    -------
    actions : Actions or None
    times : Stamps or None
        As they came.
    n_unknown : int
        Those of unknown assets, which were dropped.
    """
    if actions is None:
        return None, None, 0
    table, came, n_unknown = read_actions(
        actions, assets, clock, time_unit=time_unit, on_unknown_assets=on_unknown_assets
    )
    times = clock.comparable(came)
    # Dates of actions mean their start whatever the time of day of bars is: they fit every table.
    if times.kind != "date":
        stamps["actions"] = times
    return table, came, n_unknown
