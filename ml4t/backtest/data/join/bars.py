"""Price rows in order, at their instants, checked: what everything else is joined to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ml4t.backtest.data.arrays import NEW, Arrays, Float64s, Int32s, Int64s
from ml4t.backtest.data.join.row_order import batch_offsets, row_order
from ml4t.backtest.data.tables.arrow import single
from ml4t.backtest.data.tables.clock import Clock, Owners
from ml4t.backtest.data.tables.column_roles import OHLC
from ml4t.backtest.data.tables.price_checks import check_prices, refuse_faults
from ml4t.backtest.data.tables.price_rounding import stretched
from ml4t.backtest.data.tables.price_table import PriceTable
from ml4t.backtest.market.market_data import MarketData


@dataclass(frozen=True)
class Bars:
    """Bars by (timestamp, asset order). ``published`` is when their own columns were known, if said."""

    times: Int64s
    timestamps: Int64s
    offsets: Int64s
    codes: Int32s
    assets: tuple[Any, ...]
    prices: dict[str, Float64s]
    features: dict[str, Float64s]
    published: Int64s | None
    n_stretched: int = 0
    """Bars of which high or low missed open or close by rounding."""
    n_repeated: int = 0
    """Rows that were dropped because they stood there already."""
    negative_prices: tuple[Any, ...] = ()
    """Assets whose prices may be zero or negative."""


def make_bars(
    read: PriceTable,
    clock: Clock,
    name: str,
    sort: bool = False,
    arrays: Arrays = NEW,
    on_repeated_rows: str = "raise",
    negative_prices: tuple[Any, ...] = (),
) -> Bars:
    """Place, order and check the rows of a price table.

    Parameters
    ----------
    read : PriceTable
    clock : Clock
    name : str
        What the table is called in messages.
    sort : bool
        Accept times that run backwards within an asset.
    arrays : Arrays
        Makes those that are needed.
    on_repeated_rows : {"raise", "drop"}
        Whether a row that stands there already, the same in every column, is left out.
    negative_prices : tuple of asset names
        Those whose prices may be zero or negative.

    Returns
    -------
    Bars

    Raises
    ------
    DataError
        If rows are repeated or run backwards, or hold a price that cannot be.
    """
    times, published = bar_times(read, clock, name)
    codes, prices, features = read.codes, read.prices, read.features
    n_times, sound = check_prices(times, codes, prices)
    n_rows, n_stretched = len(times), 0
    if n_times < 0:
        columns = all_columns(read) if on_repeated_rows == "drop" else None
        order = row_order(times, codes, read.assets, name, sort, columns, read.left_out)
        times, codes = times[order], codes[order]
        published = None if published is None else published[order]
        prices, features = take_rows(prices, order), take_rows(features, order)
    if not sound:
        prices, rows = stretched(prices, read.rounding)
        n_stretched = len(rows)
        refuse_faults(times, codes, read.assets, prices, name, negative_prices)
    timestamps, offsets = batch_offsets(times, None if n_times < 0 else n_times, arrays)
    return Bars(
        times,
        timestamps,
        offsets,
        codes,
        read.assets,
        prices,
        features,
        published,
        n_stretched,
        n_rows - len(times),
        negative_prices,
    )


def all_columns(read: PriceTable) -> dict[str, Any]:
    """Return every column of a table but times and assets, text as codes."""
    texts = {name: single(column).dictionary_encode() for name, column in read.left_out.items()}
    codes = {
        name: text.indices.fill_null(-1).to_numpy(zero_copy_only=False)
        for name, text in texts.items()
    }
    published = {} if read.published is None else {"published": read.published.values}
    return {**read.prices, **read.features, **codes, **published}


def bar_times(read: PriceTable, clock: Clock, name: str) -> tuple[Int64s, Int64s | None]:
    """Return when the bars of a price table are complete, and their own columns published, if it says so."""
    owners = Owners(read.codes, read.assets)
    times = clock.instants(read.stamps, name, owners=owners)
    if read.published is None:
        return times, None
    return times, clock.without_length.instants(read.published, name, owners=owners)


def bars_of(data: MarketData) -> Bars:
    """Return the bars of finished market data, for joining more to them."""
    prices = {name: getattr(data, name) for name in (*OHLC, "volume", "bid", "ask")}
    return Bars(
        np.repeat(data.timestamps, np.diff(data.offsets)),
        data.timestamps,
        data.offsets,
        data.asset_codes,
        data.assets,
        {name: column for name, column in prices.items() if column is not None},
        dict(data.features),
        None,
        negative_prices=data.negative_prices,
    )


def without_rows(bars: Bars) -> Bars:
    """Return no bars, of the same assets."""
    none = np.empty(0, np.int64)
    codes = np.empty(0, np.int32)
    return Bars(none, none, np.zeros(1, np.int64), codes, bars.assets, {}, {}, None)


def take_rows(columns: dict[str, Float64s], rows: Int64s) -> dict[str, Float64s]:
    """Return columns with their rows in another order; an array that stands twice stays one."""
    taken = {id(column): column[rows] for column in columns.values()}
    return {name: taken[id(column)] for name, column in columns.items()}
