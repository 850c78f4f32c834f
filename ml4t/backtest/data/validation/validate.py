"""Validation: every row of every table is looked at, and what is found is reported, not repaired."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from ml4t.backtest.core.named_arguments import suggests_names
from ml4t.backtest.data.arrays import Int64s, Marks
from ml4t.backtest.data.assembly.from_tables import actions_of, length_of_bars
from ml4t.backtest.data.assembly.joiner import PRICES
from ml4t.backtest.data.errors import DataError, MixedZonesError
from ml4t.backtest.data.features.indicators import split_indicators
from ml4t.backtest.data.features.provider_columns import split_providers
from ml4t.backtest.data.join.as_of import join_assets
from ml4t.backtest.data.join.bars import Bars, all_columns, bar_times, take_rows
from ml4t.backtest.data.join.row_order import batch_offsets, order_by, repeated_rows
from ml4t.backtest.data.stream.feed import DataFeed
from ml4t.backtest.data.tables._price_checks import ordered_times
from ml4t.backtest.data.tables.asset_names import given_assets
from ml4t.backtest.data.tables.clock import BarTime, Clock, check_assets, check_kinds, make_clock
from ml4t.backtest.data.tables.epochs import check_time_unit
from ml4t.backtest.data.tables.options import (
    check_columns,
    check_flag,
    check_on_rows,
    check_on_violation,
    check_starts,
    negative_assets,
)
from ml4t.backtest.data.tables.price_rounding import stretched
from ml4t.backtest.data.tables.price_table import PriceTable, read_prices
from ml4t.backtest.data.tables.series_table import SeriesTable, read_context, read_series
from ml4t.backtest.data.tables.table_requests import TableRequest, split_requests
from ml4t.backtest.data.tables.unused_options import refuse_unused
from ml4t.backtest.data.validation.findings import NO_TIME, Findings, ValidationReport
from ml4t.backtest.data.validation.price_findings import ByAsset, find_backwards, find_in_prices
from ml4t.backtest.data.validation.series_findings import (
    UNKNOWN,
    find_foresight,
    find_in_column,
    find_in_series,
    known_alone,
)
from ml4t.backtest.data.validation.time_findings import find_beside_bars, find_in_times


class Accepts(NamedTuple):
    """What the options of a run let pass in its price table."""

    disorder: bool
    violations: bool
    repeated_rows: bool


@suggests_names
def validate(
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
    calendar: str | None = None,
    severity: Mapping[str, str] | None = None,
    stale_bars: int = 5,
    spike_z: float = 20.0,
    max_rank_correlation: float = 0.2,
) -> ValidationReport:
    """Look at every row of the tables of a run, and report what is wrong or looks wrong.

    Tables are given as to :func:`~ml4t.backtest.data.market_data`. What makes a simulation
    dishonest or impossible is an error, what may be right a warning; ``severity`` changes that.

    Parameters
    ----------
    prices, signals, features, context, actions, assets, columns, bar_time, timezone, stamps, \
bar_length, time_unit, sort, on_violation, on_unknown_assets, on_repeated_rows, allow_negative_prices
        As there. What a run with these options sorts, warns of or drops is a warning.
    calendar : str, optional
        Name of a calendar of ``exchange_calendars`` (``"XNYS"``) that says on which days there should be
        bars, and within which hours an asset with several bars a day should have them all. Without it,
        the timestamps of the price table itself are what each asset should have.
    severity : mapping of check to {"error", "warning", "off"}, optional
        The checks and their defaults stand in ``ml4t.backtest.data.validation.findings.CHECKS``.
    stale_bars : int
        Bars without any change from which on a run is stale.
    spike_z : float
        Distance of a return from the asset's median return, in robust standard deviations (1.4826
        times the median absolute deviation), from which on it is a spike.
    max_rank_correlation : float
        Rank correlation of a column with the return of one of the next ten bars from which on it is
        suspected of knowing the future.

    Returns
    -------
    ValidationReport
        A table that cannot be read at all is a finding too (``unreadable``).

    Raises
    ------
    DataError
        If an option cannot be read, or no table has a use for it, or prices are a ``DataFeed``.
    """
    if isinstance(prices, DataFeed):
        raise DataError(
            "prices: a DataFeed cannot be validated, as it is read chunk by chunk; give the path of its "
            "files or of one month of them, or tables in memory"
        )
    findings = Findings(severity)
    check_on_violation(on_violation)
    check_on_rows(on_unknown_assets, on_repeated_rows)
    check_flag("sort", sort)
    check_columns(columns)
    if calendar is not None and not isinstance(calendar, str):
        raise DataError(f"calendar must be the name of one, 'XNYS', was {calendar!r}")
    _check_limits(
        {"stale_bars": stale_bars, "spike_z": spike_z, "max_rank_correlation": max_rank_correlation}
    )
    check_starts(stamps, bar_length)
    check_time_unit(time_unit)
    assets = given_assets(assets)
    clock = make_clock(bar_time, timezone)
    read = _attempt(
        findings, PRICES, lambda: read_prices(prices, PRICES, columns, assets, time_unit)
    )
    if read is None:
        return ValidationReport(findings.found, {})
    check_assets(clock, read.assets)
    clock_of_prices = replace(clock, bar_length=length_of_bars(stamps, bar_length, read))
    # What is computed from the bars is not a table to be looked at.
    features = split_indicators(split_providers(features, clock_of_prices.kind(read.stamps))[0])[0]
    requests = {
        "signals": split_requests(signals, "signals", "signal", read.features, time_unit)[1],
        "features": split_requests(features, "features", "feature", read.features, time_unit)[1],
        "context": split_requests(context, "context", "context", (), time_unit)[1],
    }
    tables = _read_tables(findings, requests, read.assets, on_unknown_assets)
    kinds = {PRICES: clock_of_prices.comparable(read.stamps)}
    kinds |= {t.name: r.comparable(t.stamps, clock) for r, t in tables}
    corporate = _attempt(
        findings,
        "actions",
        lambda: actions_of(actions, read.assets, clock, kinds, time_unit, on_unknown_assets),
    )
    if corporate is not None and corporate[2]:
        findings.add(
            "actions", "unknown_asset", "", UNKNOWN, [NO_TIME] * corporate[2], accepted=True
        )
    try:
        check_kinds(kinds, clock)
        comparable = True
    except DataError as error:
        comparable = False
        findings.add_column(", ".join(kinds), "time_zones", "", str(error))

    # What could not be read, or is neither dates nor times, may be what an option was meant for.
    are_read = corporate is not None and len(tables) == sum(map(len, requests.values()))
    if are_read and comparable:
        of_prices = [(clock_of_prices, read.stamps)]
        of_prices += [] if read.published is None else [(clock, read.published)]
        of_tables = [(request, table.times) for request, table in tables]
        refuse_unused(clock, time_unit, of_prices, corporate[1], of_tables)
    negative = negative_assets(allow_negative_prices, read.assets)
    bars, rows = _find_in_prices(
        findings,
        read,
        clock_of_prices,
        calendar,
        stale_bars,
        spike_z,
        negative,
        Accepts(sort, on_violation == "warn", on_repeated_rows == "drop"),
    )
    find_in_times(findings, PRICES, read.stamps, bars.timestamps)
    joined, origin = dict(bars.features), dict.fromkeys(bars.features, PRICES)
    for column, values in bars.features.items():
        at = np.flatnonzero(np.isinf(values))
        names = np.array(bars.assets, object)[bars.codes[at]]
        findings.add(
            PRICES, "infinite_value", column, "is infinite", bars.times[at], names, values[at]
        )
        find_in_column(findings, PRICES, column, values)
    for request, table in tables:
        find_in_times(findings, table.name, table.stamps)
        look = functools.partial(
            _find_in_table, findings, request, table, bars, clock, comparable, on_violation
        )
        if _attempt(findings, table.name, look) and comparable and table.names:
            values_of = join_assets(table, bars, request.clock(clock), "ignore")
            joined |= values_of
            origin |= dict.fromkeys(values_of, table.name)
    find_foresight(findings, rows, joined, origin, max_rank_correlation)
    return ValidationReport(findings.found, {name: len(times) for name, times in kinds.items()})


def _check_limits(limits: Mapping[str, Any]) -> None:
    for name, value in limits.items():
        if not isinstance(value, int | float) or not value > 0:
            raise DataError(f"{name} must be a number above 0, was {value!r}")


def _find_in_table(
    findings: Findings,
    request: TableRequest,
    table: SeriesTable,
    bars: Bars,
    clock: Clock,
    comparable: bool,
    on_violation: str,
) -> bool:
    """Look at a table of values, and tell whether it can be joined: no value is given twice."""
    own = request.clock(clock)
    on_violation = request.on_violation(on_violation)
    can_be_joined = find_in_series(findings, table, len(bars.assets), own, on_violation)
    if comparable:
        is_signal = table.name.partition("[")[0] == "signals"
        find_beside_bars(findings, table, own, bars, is_signal)
    return can_be_joined


def _attempt(findings: Findings, name: str, read: Any) -> Any:
    try:
        return read()
    except MixedZonesError as error:
        findings.add(
            error.table,
            "time_zones",
            error.column,
            "mixes times with and without a zone (value: row of the table)",
            np.full(len(error.rows), NO_TIME),
            values=error.rows,
        )
        if not findings.is_error("time_zones"):
            # Whatever zones are taken for, nothing of the table is looked at.
            findings.add_column(name, "unreadable", "", str(error).removeprefix(f"{name}: "))
        return None
    except DataError as error:
        findings.add_column(name, "unreadable", "", str(error).removeprefix(f"{name}: "))
        return None


def _read_tables(
    findings: Findings,
    requests: Mapping[str, list[TableRequest]],
    assets: tuple[Any, ...],
    on_unknown_assets: str,
) -> list[tuple[TableRequest, SeriesTable]]:
    tables = []
    for argument, asked in requests.items():
        for request in asked:
            of_one = functools.partial(
                _read, findings, request, argument, assets, on_unknown_assets
            )
            read = _attempt(findings, request.name, of_one)
            if read is not None:
                tables.append(read)
    return tables


def _read(
    findings: Findings,
    request: TableRequest,
    argument: str,
    assets: tuple[Any, ...],
    on_unknown_assets: str,
) -> tuple[TableRequest, SeriesTable]:
    if argument == "context":
        table = read_context(request.options, request.name, request.value_name)
    else:
        table = read_series(request.options, request.name, request.value_name, assets)
        if on_unknown_assets == "drop":
            table = known_alone(findings, table, len(assets))
    return request.with_length(table), table


def _find_in_prices(
    findings: Findings,
    read: PriceTable,
    clock: Clock,
    calendar: str | None,
    stale_bars: int,
    spike_z: float,
    negative: tuple[Any, ...],
    accepts: Accepts,
) -> tuple[Bars, ByAsset]:
    times, published = bar_times(read, clock, PRICES)
    find_backwards(findings, times, read.codes, read.assets, PRICES, accepts.disorder)
    bars, repeated = _ordered(read, times, accepts.repeated_rows)
    bars = replace(bars, negative_prices=negative)
    rows = ByAsset.of(bars)
    find_in_prices(findings, bars, rows, PRICES, calendar, stale_bars, spike_z, repeated)
    if published is not None:
        late = np.flatnonzero(published > times)
        names = np.array(read.assets, object)[read.codes[late]]
        findings.add(
            PRICES,
            "early_publication",
            "available_at",
            "is after the bar",
            times[late],
            names,
            accepted=accepts.violations,
        )
    return bars, rows


def _ordered(read: PriceTable, times: Int64s, drops_repeated: bool) -> tuple[Bars, Marks | None]:
    """Return the bars in order, whatever is wrong with them, and which the run would leave out."""
    codes, features = read.codes, read.features
    prices, _ = stretched(read.prices, read.rounding)
    repeated = None
    if ordered_times(times, codes) < 0:
        order = order_by(codes, times, len(read.assets))
        times, codes = times[order], codes[order]
        prices, features = take_rows(prices, order), take_rows(features, order)
        if drops_repeated:
            repeated = repeated_rows(
                times, codes, (column[order] for column in all_columns(read).values())
            )
    timestamps, offsets = batch_offsets(times)
    return Bars(times, timestamps, offsets, codes, read.assets, prices, features, None), repeated
