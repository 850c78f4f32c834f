"""What a feed reads, found out before it reads: sources, assets, kinds of times, ends of chunks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa

from ml4t.backtest.data.assembly.from_tables import actions_of, times_info
from ml4t.backtest.data.assembly.joiner import PRICES, Joiner
from ml4t.backtest.data.errors import DAY_NS, DataError
from ml4t.backtest.data.features.indicators import Indicator, split_indicators
from ml4t.backtest.data.features.provider_columns import NamedProvider, split_providers
from ml4t.backtest.data.join.bars import Bars
from ml4t.backtest.data.join.coverage import (
    Span,
    check_coverage,
    warn_of_beginning,
    warn_of_far,
    warn_of_gap,
)
from ml4t.backtest.data.stream.chunk_ends import SPANS, chunk_ends, row_counts
from ml4t.backtest.data.stream.date_range import first_and_last
from ml4t.backtest.data.stream.series_source import SeriesSource
from ml4t.backtest.data.stream.survey import Survey, survey_metadata, survey_rows
from ml4t.backtest.data.stream.table_source import TIME_ROLES, TableSource, open_source
from ml4t.backtest.data.tables.arrow import is_text, plain_type, single, to_arrow, to_float64
from ml4t.backtest.data.tables.asset_codes import asset_order, refuse_other_type
from ml4t.backtest.data.tables.clock import (
    BarTime,
    Clock,
    Owners,
    check_assets,
    check_kinds,
    make_clock,
)
from ml4t.backtest.data.tables.column_roles import ACTION_ROLES, OHLC, find_roles
from ml4t.backtest.data.tables.corporate_actions import Actions
from ml4t.backtest.data.tables.epochs import check_time_unit
from ml4t.backtest.data.tables.long_form import prices_asked
from ml4t.backtest.data.tables.options import (
    check_columns,
    check_flag,
    check_on_rows,
    check_on_violation,
    check_starts,
    given_values,
    length_ns,
    negative_assets,
)
from ml4t.backtest.data.tables.price_table import ONE_ASSET, numbers_among, price_roles
from ml4t.backtest.data.tables.table_requests import TableRequest, split_requests
from ml4t.backtest.data.tables.unused_options import refuse_unused


@dataclass(frozen=True)
class FeedPlan:
    """Everything that is the same in each pass over a feed.

    ``ends`` are the last stored times of chunks; where it is None, ``sizes`` are their numbers of rows.
    """

    source: TableSource
    survey: Survey
    assets: tuple[Any, ...]
    ends: list[int] | None
    sizes: list[int]
    clock: Clock
    clock_of_prices: Clock
    series: list[SeriesSource]
    context: list[SeriesSource]
    indicators: dict[str, Indicator | NamedProvider]
    signal_names: list[str]
    actions: Actions | None
    sort: bool
    on_violation: str
    on_repeated_rows: str
    negative_prices: tuple[Any, ...]
    info: dict[str, Any]

    @property
    def n_chunks(self) -> int | None:
        """Chunks of a pass; None where that is not known before they are read."""
        if self.ends is None:
            return len(self.sizes)
        return None if self.survey.counts is None else len(self.ends)


def make_feed_plan(
    prices: Any,
    *,
    signals: Any,
    features: Any,
    context: Any,
    actions: Any,
    assets: Sequence[Any] | None,
    columns: Mapping[str, str] | None,
    values: Sequence[str] | None,
    start: Any,
    end: Any,
    chunk: str | int,
    bar_time: BarTime,
    timezone: str | None,
    stamps: str,
    bar_length: Any,
    time_unit: str | None,
    sort: bool,
    on_violation: str,
    on_unknown_assets: str,
    on_repeated_rows: str,
    allow_negative_prices: bool | Sequence[Any],
) -> FeedPlan:
    """Look at the tables of a feed; the parameters are those of ``DataFeed.from_parquet``."""
    check_on_violation(on_violation)
    check_on_rows(on_unknown_assets, on_repeated_rows)
    check_flag("sort", sort)
    check_columns(columns)
    values = given_values(values)
    _check_chunk(chunk)
    check_starts(stamps, bar_length)
    check_time_unit(time_unit)
    clock = make_clock(bar_time, timezone)
    clock_of_prices = replace(clock, bar_length=_length_of_bars(stamps, bar_length))
    source, left_out = _price_source(
        prices, columns, values, assets, time_unit, drops_text=on_repeated_rows == "raise"
    )
    after, until = first_and_last(start, end, source, clock)
    source = replace(source, after=after, until=until)
    # The metadata do not say where rows are that go backwards, or are repeated.
    as_they_stand = not sort and on_repeated_rows == "raise"
    found = (survey_metadata(source) if as_they_stand else None) or survey_rows(
        source, must_be_in_order=not sort and "asset" not in source.roles
    )
    names = _assets(source, found, assets)
    check_assets(clock, names)

    further = [c for c in source.columns if c not in source.roles.values()]
    signal_names, signal_requests = split_requests(signals, "signals", "signal", further, time_unit)
    features, providers = split_providers(features, clock_of_prices.kind(found.stamps))
    features, indicators = split_indicators(features)
    _, feature_requests = split_requests(features, "features", "feature", (), time_unit)
    _, context_requests = split_requests(context, "context", "context", (), time_unit)

    def opened(requests: list[TableRequest], of: tuple[Any, ...]) -> list[SeriesSource]:
        return [
            SeriesSource(request, clock, of, assets is not None, on_unknown_assets)
            for request in requests
        ]

    signal_tables, series = opened(signal_requests, names), opened(feature_requests, names)
    market = opened(context_requests, ())
    kinds = {PRICES: clock_of_prices.comparable(found.stamps)}
    for table in signal_tables + series + market:
        kinds[table.request.name] = table.stamps
    chosen = _chosen(actions, names, assets)
    corporate, of_actions, n_unknown = actions_of(
        chosen, names, clock, kinds, time_unit, on_unknown_assets
    )
    tables = signal_tables + series + market
    of_prices = [(clock_of_prices, found.stamps)]
    of_prices += [(clock, own) for role, own in found.times.items() if role == "available_at"]
    of_tables = [(table.request, [*table.survey.times.values()]) for table in tables]
    check_kinds(kinds, clock)
    refuse_unused(clock, time_unit, of_prices, of_actions, of_tables)
    _look_at_times(found, clock_of_prices, names, signal_tables, series + market)
    _join_no_rows(source, left_out, names, signal_tables + series, market, indicators, clock)
    return FeedPlan(
        source=source,
        survey=found,
        assets=names,
        ends=chunk_ends(found, source, chunk),
        sizes=[] if isinstance(chunk, str) else row_counts(found.n_rows, int(chunk)),
        clock=clock,
        clock_of_prices=clock_of_prices,
        series=signal_tables + series,
        context=market,
        indicators=indicators | providers,
        signal_names=signal_names + [name for table in signal_tables for name in table.value_names],
        actions=corporate,
        sort=sort,
        on_violation=on_violation,
        on_repeated_rows=on_repeated_rows,
        negative_prices=negative_assets(allow_negative_prices, names),
        info={
            "closes_only": not set(OHLC) <= set(source.roles),
            **times_info(clock_of_prices, found.stamps, bar_time, timezone),
            "tables": {PRICES: found.n_rows}
            | {t.request.name: t.survey.n_rows for t in tables}
            | ({} if "actions" not in kinds else {"actions": len(kinds["actions"])}),
            "columns": source.roles,
            "left_out": list(left_out),
            "unknown_rows": {t.request.name: t.n_unknown for t in tables if t.n_unknown}
            | ({"actions": n_unknown} if n_unknown else {}),
        },
    )


def _price_source(
    prices: Any,
    columns: Mapping[str, str] | None,
    values: Sequence[str] | None,
    assets: Sequence[Any] | None,
    time_unit: str | None,
    drops_text: bool,
) -> tuple[TableSource, tuple[str, ...]]:
    """Return the prices as they are read, and the further columns that are no numbers, which are not."""
    find = partial(price_roles, name=PRICES, columns=columns)
    asked = prices_asked(PRICES, columns or {}, values or (), assets or ())
    source = open_source(prices, PRICES, find, ("timestamp",), asked, time_unit=time_unit)
    schema, roles = source.dataset.schema, source.roles.values()
    kinds = {c: schema.field(c).type for c in source.columns if c not in set(roles)}
    left_out = numbers_among(kinds)[1] if values is None else ()
    # To tell whether rows are the same, all of their columns are looked at.
    unread = set(left_out) if drops_text else set()
    wanted = tuple(column for column in source.columns if column not in unread)
    if values is not None:
        asked_for, present = {*values, *roles}, set(source.columns)
        absent = [column for column in values if column not in present]
        if absent:
            raise DataError(
                f"{PRICES}: has no column {absent[0]!r}; its columns are {', '.join(source.columns)}"
            )
        wanted = tuple(column for column in wanted if column in asked_for)
    chosen = None if assets is None else tuple(assets)
    if chosen is not None and "asset" in source.roles:
        one = "" if is_text(plain_type(schema.field(source.roles["asset"]).type)) else 0
        refuse_other_type([one], chosen, PRICES)
    return replace(source, columns=wanted, assets=chosen), left_out


def _assets(source: TableSource, found: Survey, given: Sequence[Any] | None) -> tuple[Any, ...]:
    if "asset" in source.roles:
        return asset_order(list(found.assets), False, given, PRICES)
    given = (ONE_ASSET,) if given is None else tuple(given)
    if len(given) != 1:
        raise DataError(
            f"{PRICES}: has no column of assets, but assets= names {len(given)}; give the column"
        )
    return given


def _length_of_bars(stamps: str, bar_length: Any) -> int | None:
    if stamps == "start" and bar_length is None:
        raise DataError(
            f"{PRICES}: stamps='start' needs bar_length='1h', say, where the times of a table are not read "
            "beforehand"
        )
    return length_ns(bar_length)


def _look_at_times(
    found: Survey,
    clock: Clock,
    assets: tuple[Any, ...],
    signals: list[SeriesSource],
    others: list[SeriesSource],
) -> None:
    """Refuse tables that have no time in common with the bars, and warn of times that look wrong."""
    owners = Owners(np.zeros(2, np.int32), assets)
    bars = Span.of(clock.instants(found.stamps, PRICES, owners=owners))
    warn_of_far(PRICES, found.stamps, bars)
    warn_of_beginning(PRICES, found.stamps, bars)
    if found.counts is not None:
        warn_of_gap(PRICES, found.days * DAY_NS)
    for tables, must_begin_within in ((signals, True), (others, False)):
        for table in tables:
            span = table.span
            if span is not None:
                warn_of_far(table.request.name, table.survey.stamps, span)
                check_coverage(table.request.name, span, bars, must_begin_within)


def _join_no_rows(
    source: TableSource,
    left_out: Sequence[str],
    assets: tuple[Any, ...],
    series: list[SeriesSource],
    context: list[SeriesSource],
    indicators: dict[str, Indicator],
    clock: Clock,
) -> None:
    """Join what no chunk can be joined of: columns in two tables, or that are no numbers, say so now."""
    schema = source.dataset.schema
    others = {source.roles[role] for role in (*TIME_ROLES, "asset") if role in source.roles}
    others.update(left_out)
    texts = [c for c in source.roles.values() if c not in others and is_text(schema.field(c).type)]
    for column, values in source.first_rows(texts).items():
        to_float64(values, PRICES, column, text=True)
    numbers = {
        column: to_float64(pa.array([], schema.field(column).type), PRICES, column, column in texts)
        for column in source.columns
        if column not in others
    }
    further = {c: values for c, values in numbers.items() if c not in source.roles.values()}
    fields = dict.fromkeys((*OHLC, "volume"), np.empty(0))
    none = np.empty(0, np.int64)
    bars = Bars(
        none, none, np.zeros(1, np.int64), none.astype(np.int32), assets, fields, further, None
    )
    started = {name: item.start(len(assets)) for name, item in indicators.items()}
    joiner = Joiner(clock, "raise", started)
    joined = joiner.features(bars, [(t.request, t.without_rows) for t in series], None)
    joiner.context(bars, [(t.request, t.without_rows) for t in context], joined)


def _chosen(actions: Any, names: tuple[Any, ...], given: Sequence[Any] | None) -> Any:
    """Leave out the actions of assets that were not asked for."""
    if actions is None or given is None:
        return actions
    table = to_arrow(actions, "actions", "value")
    column = find_roles("actions", table.column_names, ACTION_ROLES).get("asset")
    if column is None:
        return table
    asked = set(names)
    keep = [name in asked for name in single(table[column]).to_pylist()]
    return table.filter(pa.array(keep, pa.bool_()))


def _check_chunk(chunk: Any) -> None:
    is_span = isinstance(chunk, str) and chunk in SPANS
    if not is_span and not (isinstance(chunk, int | np.integer) and chunk > 0):
        raise DataError(
            f"chunk must be {', '.join(map(repr, SPANS))} or a positive number of rows, was {chunk!r}"
        )
