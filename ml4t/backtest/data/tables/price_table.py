"""The price table: which columns it has and what its rows are, as arrays."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pyarrow as pa

from ml4t.backtest.data.arrays import NEW, Arrays, Float64s, Int32s
from ml4t.backtest.data.errors import DataError
from ml4t.backtest.data.tables.arrow import is_text, plain_type, to_float64
from ml4t.backtest.data.tables.asset_codes import asset_order, encode, recode, used_names
from ml4t.backtest.data.tables.asset_names import given_assets
from ml4t.backtest.data.tables.column_roles import (
    ADJUSTED_CLOSE,
    OHLC,
    PRICE_ROLES,
    QUOTES,
    find_roles,
    no_times,
    plain,
)
from ml4t.backtest.data.tables.long_form import long_prices
from ml4t.backtest.data.tables.options import check_columns
from ml4t.backtest.data.tables.price_rounding import rounding_of
from ml4t.backtest.data.tables.raw_columns import RawTable
from ml4t.backtest.data.tables.stamps import Stamps, read_stamps

ONE_ASSET = "asset"
"""Name of the asset of a table that names none."""


@dataclass(frozen=True)
class PriceTable:
    """Rows of prices as they came: not yet placed in time, ordered or checked."""

    stamps: Stamps
    published: Stamps | None
    codes: Int32s
    assets: tuple[Any, ...]
    prices: dict[str, Float64s]
    features: dict[str, Float64s]
    closes_only: bool
    roles: Mapping[str, str] = field(default_factory=dict)
    """The column of each role."""
    left_out: Mapping[str, Any] = field(default_factory=dict)
    """Further columns, of text or times, which no feature can be, as they came."""
    rounding: float = 0.0
    """What prices of one bar may differ by, relative to them, because they were rounded."""


def read_prices(
    source: Any,
    name: str,
    columns: Mapping[str, str] | None = None,
    assets: Sequence[Any] | None = None,
    time_unit: str | None = None,
) -> PriceTable:
    """Read a price table of any form.

    Parameters
    ----------
    source : table, mapping of asset to table, or mapping of field to wide table
    name : str
        What the table is called in messages.
    columns : mapping of role to column name, optional
    assets : sequence of asset names, optional
        Asset order; for a table of one asset without an asset column, its name.
    time_unit : str, optional
        What times that are numbers count.

    Returns
    -------
    PriceTable

    Raises
    ------
    DataError
        If the table is empty, or a column is missing or of the wrong kind.
    """
    check_columns(columns)
    assets = given_assets(assets)
    layout = long_prices(source, name, columns, assets)
    table = layout.table
    if table.num_rows == 0:
        raise DataError(f"{name}: the table has no rows")
    roles = price_roles(table.column_names, name, layout.columns)
    read = price_rows(table, name, roles, assets, wide=layout.wide, time_unit=time_unit)
    if layout.wide:
        read = _without_absent_rows(read, name)
    return replace(read, left_out={**layout.left_out, **read.left_out})


def price_rows(
    table: pa.Table | RawTable,
    name: str,
    roles: Mapping[str, str],
    assets: Sequence[Any] | None = None,
    kinds: Mapping[str, str] | None = None,
    wide: bool = False,
    arrays: Arrays = NEW,
    time_unit: str | None = None,
) -> PriceTable:
    """Read the rows of a long price table.

    Parameters
    ----------
    table : pyarrow.Table or RawTable
    name : str
    roles : mapping of role to column name
    assets : sequence of asset names, optional
        As for :func:`read_prices`.
    kinds : mapping of role to kind of times, optional
        What the times of the whole table are, where this is a part of it.
    wide : bool
        The table was wide, with its assets in order.
    arrays : Arrays
        Makes those that are needed.
    time_unit : str, optional
        As for :func:`read_prices`.
    """
    closes_only = _closes_only(name, roles)
    prices = {
        role: to_float64(table[roles[role]], name, roles[role], text=True)
        for role in (*OHLC, *QUOTES)
        if role in roles
    }
    rounding = max(rounding_of(table[roles[role]].type) for role in OHLC if role in roles)
    if closes_only:
        prices.update(open=prices["close"], high=prices["close"], low=prices["close"])
    further = [column for column in table.column_names if column not in roles.values()]
    kept, left_out = numbers_among({column: table[column].type for column in further})
    features = {column: to_float64(table[column], name, column) for column in kept}
    stamps, *published = (
        read_stamps(table[roles[role]], name, roles[role], (kinds or {}).get(role), time_unit)
        for role in ("timestamp", "available_at")
        if role in roles
    )
    codes, assets = _assets(table, roles, wide, assets, name, arrays)
    return PriceTable(
        stamps,
        published[0] if published else None,
        codes,
        assets,
        prices,
        features,
        closes_only,
        roles,
        {column: table[column] for column in left_out},
        rounding,
    )


def numbers_among(kinds: Mapping[str, pa.DataType]) -> tuple[list[str], tuple[str, ...]]:
    """Tell columns that can be features from those of text or times, which stand beside prices often."""
    left_out = {
        column
        for column, kind in kinds.items()
        if is_text(plain_type(kind)) or pa.types.is_temporal(plain_type(kind))
    }
    kept = [column for column in kinds if column not in left_out]
    return kept, tuple(column for column in kinds if column in left_out)


def price_roles(
    column_names: list[str], name: str, columns: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Find the columns of a long price table: role to column name.

    Raises
    ------
    DataError
        If there is no column of closes or of times, or but some of open, high and low.
    """
    roles = _with_close(column_names, find_roles(name, column_names, PRICE_ROLES, columns))
    _closes_only(name, roles)
    if "timestamp" not in roles:
        raise DataError(no_times(name, column_names))
    return roles


def _with_close(column_names: list[str], roles: dict[str, str]) -> dict[str, str]:
    adjusted = [column for column in column_names if plain(column) in ADJUSTED_CLOSE]
    # Taken for the close only where there is nothing else that it could be confused with.
    if "close" not in roles and len(adjusted) == 1:
        return {**roles, "close": adjusted[0]}
    return roles


def _closes_only(name: str, roles: Mapping[str, str]) -> bool:
    missing = [field for field in OHLC if field not in roles]
    if "close" in missing:
        raise DataError(
            f"{name}: no column of closes; rename it to close, or name it with columns={{'close': ...}}"
        )
    if 0 < len(missing) < 3:
        raise DataError(
            f"{name}: has no column for {' and '.join(missing)}; give open, high, low and close, or close alone"
        )
    return len(missing) == 3


def _assets(
    table: pa.Table | RawTable,
    roles: Mapping[str, str],
    wide: bool,
    given: Sequence[Any] | None,
    name: str,
    arrays: Arrays,
) -> tuple[Int32s, tuple[Any, ...]]:
    if "asset" not in roles:
        given = (ONE_ASSET,) if given is None else tuple(given)
        if len(given) != 1:
            raise DataError(
                f"{name}: has no column of assets, but assets= names {len(given)}; give the column"
            )
        return arrays.zeros(table.num_rows), given
    codes, names = encode(table[roles["asset"]], name, roles["asset"])
    assets = asset_order(used_names(codes, names), wide, given, name)
    return recode(codes, names, assets), assets


def _without_absent_rows(read: PriceTable, name: str) -> PriceTable:
    """Drop the cells of a wide table that hold no price: the asset has no row then."""
    absent = np.logical_and.reduce([np.isnan(read.prices[field]) for field in OHLC])
    if not absent.any():
        return read
    if absent.all():
        raise DataError(f"{name}: the table has no prices")
    rows = np.flatnonzero(~absent)
    taken = {field: column[rows] for field, column in read.prices.items()}
    if read.closes_only:
        taken.update(open=taken["close"], high=taken["close"], low=taken["close"])
    features = {column: values[rows] for column, values in read.features.items()}
    return replace(
        read,
        stamps=read.stamps.take(rows),
        published=None,
        codes=read.codes[rows],
        prices=taken,
        features=features,
    )
