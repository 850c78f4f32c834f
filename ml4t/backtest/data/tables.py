"""Tables in, MarketData out: the front door of the data room."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ml4t.backtest.data.actions import read_actions
from ml4t.backtest.data.checks import check_prices
from ml4t.backtest.data.errors import DataError
from ml4t.backtest.data.join import join_assets, join_context, report_early
from ml4t.backtest.data.market_data import MarketData
from ml4t.backtest.data.options import Table, check_on_violation
from ml4t.backtest.data.order import batch_offsets, row_order
from ml4t.backtest.data.prices import read_prices
from ml4t.backtest.data.series import read_context, read_series
from ml4t.backtest.data.times import check_kinds, make_clock

PRICES = "prices"


def market_data(
    prices, *, signals=None, features=None, context=None, actions=None, assets=None, columns=None, bar_time=None,
    timezone=None, sort=False, on_violation="raise",
):  # fmt: skip
    """Build the market data of a run from tables.

    A table is a pandas or Polars frame, a PyArrow table, a DuckDB relation, anything with
    ``__arrow_c_stream__``, or the path of a CSV file, a Parquet file or a folder of them. Column names
    are found without regard to case: time (timestamp, datetime, date, time), asset (asset, symbol,
    ticker, instrument), open, high, low, close (or o, h, l, c), volume, bid, ask.

    Parameters
    ----------
    prices : table, or mapping of asset to table, or mapping of field to wide table
        Long (a row per timestamp and asset), wide closes (a column per asset), or wide with columns
        (field, asset) or (asset, field). Stamps are bar ends: the time at which a bar is complete.
        Without open, high and low they are the close (``info["closes_only"]``). ``adj_close`` is the
        close only where there is no other. Further columns are features that are known at their row;
        a column ``available_at`` says when, and is checked. In a wide table NaN means "no row".
    signals : table, Table, column name of ``prices``, list of these, or mapping of name to one, optional
        Values per asset with their own stamps, long or wide; joined as of time. Stamps are the column
        ``available_at``, else the time column, plus ``Table(available_after=...)``. A NaN is a value:
        from then on nothing is known.
    features : as signals, optional
        Indicators; the same join under another name.
    context : table, Table, list of these, or mapping of name to one, optional
        Market-wide values with their own stamps. A NaN is not a value: the last one stays.
    actions : table, optional
        Splits and cash dividends: effective time or date, asset, kind (split, dividend), value (new units
        per old one; currency per unit). A date means its start, before the open.
    assets : sequence of names, optional
        Asset order; by default the columns of a wide table, else sorted names.
    columns : mapping of role to column name, optional
        For price tables with other names, ``{"timestamp": "ts", "close": "px_last"}``.
    bar_time : str, optional
        Time of day at which dates are complete, ``"16:00 America/New_York"``; needed where tables of
        dates meet tables of times. Without it dates stand for midnight UTC of that date.
    timezone : str, optional
        Zone of stamps that name none. Without it they are UTC, and may not meet stamps with a zone.
    sort : bool
        Accept prices whose times run backwards within an asset, and sort them.
    on_violation : {"raise", "warn"}
        What a value published before it can have been known does.

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
    clock = make_clock(bar_time, timezone)
    read = read_prices(prices, PRICES, columns, assets)
    signal_columns, signal_tables = _tables(signals, "signals", "signal", read.features)
    _, feature_tables = _tables(features, "features", "feature", {})
    _, context_tables = _tables(context, "context", "context", {})
    series = [
        (table, read_series(*table.arguments, read.assets))
        for table in signal_tables + feature_tables
    ]
    market = [(table, read_context(*table.arguments)) for table in context_tables]

    corporate = None
    stamps = {PRICES: read.stamps} | {one.name: one.stamps for _, one in series + market}
    if actions is not None:
        corporate, stamps_of_actions = read_actions(actions, read.assets, clock)
        if stamps_of_actions.kind != "date":
            stamps["actions"] = stamps_of_actions
    check_kinds(stamps, clock)

    bars = _bars(read, clock, sort)
    _check_own_columns(read, bars, clock, on_violation)
    joined = {}
    for table, one in series:
        _add(
            joined,
            join_assets(one, bars, table.clock(clock), table.on_violation(on_violation)),
            one.name,
            bars.features,
        )
    signal_names = list(signal_columns) + [
        name for table, one in series if table.room == "signals" for name in one.columns
    ]
    market_columns = {}
    for table, one in market:
        taken = bars.features | joined
        _add(
            market_columns,
            join_context(one, bars, table.clock(clock), table.on_violation(on_violation)),
            one.name,
            taken,
        )
    return MarketData.from_arrays(
        read.assets, bars.timestamps, bars.offsets, bars.codes,
        bars.prices["open"], bars.prices["high"], bars.prices["low"], bars.prices["close"],
        volume=bars.prices.get("volume"), bid=bars.prices.get("bid"), ask=bars.prices.get("ask"),
        features=bars.features | joined, signal_names=signal_names, context=market_columns, actions=corporate,
        info={
            "closes_only": read.closes_only, "dates_only": read.stamps.kind == "date",
            "bar_time": bar_time, "timezone": timezone, "tables": {name: len(s) for name, s in stamps.items()},
        },
    )  # fmt: skip


@dataclass(frozen=True)
class Bars:
    """Price rows in order, at their instants."""

    times: np.ndarray
    timestamps: np.ndarray
    offsets: np.ndarray
    codes: np.ndarray
    assets: tuple
    prices: dict
    features: dict
    order: np.ndarray | None


def _bars(read, clock, sort):
    times = clock.instants(read.stamps, PRICES)
    order = row_order(times, read.codes, read.assets, PRICES, sort)
    codes, prices, features = read.codes, read.prices, read.features
    if order is not None:
        times, codes = times[order], codes[order]
        # Closes-only tables hold one array four times: it stays one.
        moved = {id(column): column[order] for column in prices.values()}
        prices = {field: moved[id(column)] for field, column in prices.items()}
        features = {name: column[order] for name, column in features.items()}
    check_prices(times, codes, read.assets, prices, PRICES)
    timestamps, offsets = batch_offsets(times)
    return Bars(times, timestamps, offsets, codes, read.assets, prices, features, order)


def _check_own_columns(read, bars, clock, on_violation):
    """Hold the publication times that the price table gives for its own columns against its bars."""
    if read.published is None:
        return
    published = clock.instants(read.published, PRICES)
    published = published if bars.order is None else published[bars.order]
    late = published > bars.times
    if late.any():
        report_early(
            late, bars.times, published, lambda row: bars.assets[bars.codes[row]], PRICES,
            "bars stamped before available_at of the values they carry", on_violation,
        )  # fmt: skip


def _add(joined, columns, table_name, others):
    for column in columns:
        if column in joined or column in others:
            raise DataError(
                f"{table_name}: column {column!r} is already in another table; rename or leave out one of them"
            )
    joined.update(columns)


@dataclass(frozen=True)
class _Request:
    """One table the user handed over, with the name it goes by."""

    room: str
    options: Table
    name: str
    value_name: str

    @property
    def arguments(self):
        return self.options, self.name, self.value_name

    def clock(self, clock):
        """Return the run's clock with the table's own time of day."""
        if self.options.bar_time is None:
            return clock
        own = make_clock(self.options.bar_time)
        return replace(clock, time_of_day=own.time_of_day, bar_zone=own.bar_zone or clock.bar_zone)

    def on_violation(self, default):
        return self.options.on_violation or default


def _tables(given, room, value_name, price_columns):
    """Sort what was given as signals, features or context into names of price columns and tables."""
    if given is None:
        return [], []
    if isinstance(given, Mapping):
        items = [(f"{room}[{key!r}]", str(key), item) for key, item in given.items()]
    elif isinstance(given, list | tuple):
        items = [(f"{room}[{position}]", value_name, item) for position, item in enumerate(given)]
    else:
        items = [(room, value_name, given)]
    names, tables = [], []
    for name, value, item in items:
        if isinstance(item, str) and not _is_path(item):
            if item not in price_columns:
                raise DataError(
                    f"{name}: {item!r} is neither a file nor a column of the price table"
                    f" ({', '.join(price_columns) or 'it has no further columns'})"
                )
            names.append(item)
        else:
            options = item if isinstance(item, Table) else Table(item)
            tables.append(_Request(room, options, name, value))
    return names, tables


def _is_path(text):
    return (
        Path(text).suffix.lower() in (".parquet", ".csv", ".gz")
        or os.sep in text
        or Path(text).exists()
    )
