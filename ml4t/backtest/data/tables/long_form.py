"""Long and wide tables become one shape: a long Arrow table of (time, asset, values) rows.

A wide table has one column per asset; a missing value in it is a missing row. In a long table every
row is meant, and a missing price is an error.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from ml4t.backtest.data.errors import DataError
from ml4t.backtest.data.tables.arrow import index_columns, to_arrow, to_float64
from ml4t.backtest.data.tables.column_roles import (
    ADJUSTED_CLOSE,
    OHLC,
    PRICE_ROLES,
    SERIES_ROLES,
    TIME,
    find_roles,
    plain,
)
from ml4t.backtest.data.tables.stamps import plain_times
from ml4t.backtest.data.tables.times_together import with_common_times


@dataclass(frozen=True)
class LongForm:
    """A table as it came in."""

    table: pa.Table
    wide: bool = False
    """Columns were assets: asset order is column order, and rows without a value are absent."""


def long_prices(source: Any, name: str, columns: Mapping[str, str] | None = None) -> LongForm:
    """Bring any form of price table into long form.

    Parameters
    ----------
    source : table, mapping of asset to table, or mapping of field to wide table
    name : str
    columns : mapping of role to column name, optional

    Returns
    -------
    LongForm
        Without an asset column if the table is of one asset.
    """
    if isinstance(source, Mapping):
        fields = {plain(key) for key in source}
        if "close" in fields and fields <= set(PRICE_ROLES):
            return _stack_fields(
                {plain(key): to_arrow(table, f"{name}[{key!r}]") for key, table in source.items()},
                name,
            )
        return _concatenate(source, name)
    if isinstance(source, pd.DataFrame) and source.columns.nlevels == 2:
        return _stack_levels(source, name)
    table = to_arrow(source, name, meant=(columns or {}).values())
    roles = find_roles(name, table.column_names, PRICE_ROLES, columns)
    if "asset" in roles or "close" in roles or _adjusted_only(table):
        return LongForm(table)
    present = [field for field in OHLC if field in roles]
    if len(present) > 1:
        raise DataError(
            f"{name}: has the columns {', '.join(present)} but no close; give the closes too"
        )
    return _stack_fields({"close": table}, name, roles.get("timestamp"))


def long_series(
    source: Any,
    name: str,
    value_name: str,
    known_assets: Sequence[Any],
    columns: Mapping[str, str] | None = None,
    meant: Collection[str] = (),
) -> LongForm:
    """Bring a table of signals or features into long form.

    A table without an asset column is wide if one of its columns is named as a known asset; its
    values are then called ``value_name``. ``meant`` are the columns that are asked for by name.
    """
    if isinstance(source, pd.DataFrame) and source.columns.nlevels == 2:
        return _stack_levels(source, name, known_assets)
    table = to_arrow(source, name, value_name, meant)
    roles = find_roles(name, table.column_names, SERIES_ROLES, columns)
    known = {str(asset) for asset in known_assets}
    if "asset" in roles or not known & set(table.column_names):
        return LongForm(table)
    return _stack_fields({value_name: table}, name, roles.get("timestamp"))


def _adjusted_only(table: pa.Table) -> bool:
    return any(plain(column) in ADJUSTED_CLOSE for column in table.column_names)


def _concatenate(tables: Mapping[Any, Any], name: str) -> LongForm:
    """Put tables of single assets below each other."""
    if not tables:
        raise DataError(f"{name}: the mapping holds no table")
    parts: dict[str, pa.Table] = {}
    times: dict[str, None] = {}
    for asset, source in tables.items():
        where = f"{name}[{asset!r}]"
        part = to_arrow(source, where)
        roles = find_roles(where, part.column_names, SERIES_ROLES)
        times |= dict.fromkeys(column for role, column in roles.items() if role != "asset")
        if "asset" in roles:
            part = part.drop_columns([roles["asset"]])
        codes = pa.array(np.zeros(part.num_rows, np.int32))
        parts[where] = part.append_column(
            "asset", pa.DictionaryArray.from_arrays(codes, pa.array([asset]))
        )
    for column in times:
        parts = with_common_times(parts, column)
    try:
        return LongForm(pa.concat_tables(list(parts.values()), promote_options="permissive"))
    except pa.ArrowException as error:
        raise DataError(
            f"{name}: the tables of the assets do not agree in their columns: {error}"
        ) from error


def _stack_levels(frame: pd.DataFrame, name: str, known_assets: Sequence[Any] = ()) -> LongForm:
    """Stack a frame with columns (field, asset) or (asset, field)."""
    firsts, seconds = (frame.columns.get_level_values(level) for level in (0, 1))
    if _are_fields(firsts, seconds, known_assets):
        fields, assets = firsts, seconds
    elif _are_fields(seconds, firsts, known_assets):
        fields, assets = seconds, firsts
    else:
        raise DataError(
            f"{name}: columns of two levels must be (field, asset) or (asset, field) with a field 'close', "
            f"had {frame.columns[0]!r}, ..."
        )
    times = dict(index_columns(frame.index, name))
    wide: dict[str, dict[str, pa.Array]] = {}
    for position, (field, asset) in enumerate(zip(fields, assets, strict=True)):
        columns = wide.setdefault(str(field), dict(times))
        if str(asset) in columns:
            raise DataError(
                f"{name}: the column ({field!r}, {asset!r}) stands more than once, or is named as the "
                "times are; rename or drop one of them"
            )
        columns[str(asset)] = pa.array(frame.iloc[:, position].to_numpy())
    return _stack_fields({field: pa.table(columns) for field, columns in wide.items()}, name)


def _are_fields(labels: pd.Index, others: pd.Index, known_assets: Sequence[Any]) -> bool:
    if known_assets:
        return bool({str(asset) for asset in known_assets} & {str(other) for other in others})
    return any(plain(label) in (*PRICE_ROLES["close"], *ADJUSTED_CLOSE) for label in labels)


def _stack_fields(
    wide: Mapping[str, pa.Table], name: str, time_column: str | None = None
) -> LongForm:
    """Stack wide tables, one per field, with the same times and assets."""
    parts = {}
    for field, table in wide.items():
        where = f"{name}[{field!r}]" if len(wide) > 1 else name
        parts[where] = _times_and_assets(table, where, time_column)
    times, assets = next(iter(parts.values()))
    columns = {}
    for (where, (own_times, own_assets)), (field, table) in zip(
        parts.items(), wide.items(), strict=True
    ):
        if sorted(own_assets) != sorted(assets) or not own_times.equals(times):
            raise DataError(f"{where}: must have the same times and assets as the other fields")
        matrix = np.column_stack([to_float64(table[asset], where, asset) for asset in assets])
        columns[field] = pa.array(matrix.reshape(-1))
    rows = np.repeat(np.arange(len(times)), len(assets))
    codes = pa.array(np.tile(np.arange(len(assets), dtype=np.int32), len(times)))
    names = pa.DictionaryArray.from_arrays(codes, pa.array(assets))
    stacked = pa.table({"timestamp": times.take(pa.array(rows)), "asset": names, **columns})
    return LongForm(stacked, wide=True)


def _times_and_assets(
    table: pa.Table, where: str, time_column: str | None
) -> tuple[pa.Array, list[str]]:
    found = time_column
    if found is None:
        found = find_roles(where, table.column_names, {"timestamp": TIME}).get("timestamp")
    if found is None:
        raise DataError(
            f"{where}: no column of times (timestamp, date, datetime or time) among "
            f"{', '.join(table.column_names) or 'no columns'}; rename it, or name it with "
            "columns={'timestamp': ...}"
        )
    assets = [column for column in table.column_names if column != found]
    if not assets:
        raise DataError(f"{where}: has times but no column of values")
    # Text is read here: the rows that a message names are those of the wide table.
    return plain_times(table[found], where, found), assets
