"""Long and wide tables become one shape: a long Arrow table of (time, asset, values) rows.

A wide table has one column per asset; a missing value in it is a missing row. In a long table every
row is meant, and a missing price is an error.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from ml4t.backtest.data.errors import DataError
from ml4t.backtest.data.tables.arrow import (
    index_columns,
    is_text,
    pandas_column,
    plain_type,
    to_arrow,
    to_float64,
)
from ml4t.backtest.data.tables.asked import Asked
from ml4t.backtest.data.tables.asset_names import column_assets, key_assets
from ml4t.backtest.data.tables.column_roles import (
    ADJUSTED_CLOSE,
    PRICE_ROLES,
    SERIES_ROLES,
    TIME,
    find_roles,
    known_names,
    no_times,
    plain,
)
from ml4t.backtest.data.tables.find_files import are_parts
from ml4t.backtest.data.tables.stamps import plain_times
from ml4t.backtest.data.tables.times_together import with_common_times
from ml4t.backtest.data.tables.wide_evidence import refuse_fields

Columns = Mapping[str, str]


@dataclass(frozen=True)
class LongForm:
    """A table as it came in."""

    table: pa.Table
    columns: Columns = field(default_factory=dict)
    """What the user said about its columns: role to column name."""
    wide: bool = False
    """Columns were assets: asset order is column order, and rows without a value are absent."""
    left_out: Mapping[str, Any] = field(default_factory=dict)
    """Fields of text, which no price or feature can be: one column below the other."""


def long_prices(
    source: Any,
    name: str,
    columns: Columns | None = None,
    assets: Sequence[Any] | None = None,
) -> LongForm:
    """Bring any form of price table into long form.

    Parameters
    ----------
    source : table, mapping of asset to table, or mapping of field to wide table
    name : str
    columns : mapping of role to column name, optional
    assets : sequence of asset names, optional
        Columns of these names are assets, whatever else they could be.

    Returns
    -------
    LongForm
        Without an asset column if the table is of one asset.
    """
    columns = columns or {}
    asked = prices_asked(name, columns, assets=assets or ())
    if isinstance(source, Mapping):
        fields = {plain(key) for key in source}
        if "close" in fields and fields <= set(PRICE_ROLES):
            return _stack_mapping(source, name, asked)
        return _concatenate(source, name, asked)
    if isinstance(source, pd.DataFrame) and source.columns.nlevels == 2:
        return _stack_levels(source, name, asked, _are_prices)
    table = to_arrow(source, name, asked=asked)
    roles = find_roles(name, table.column_names, PRICE_ROLES, columns)
    if "asset" in roles or _has_close(table.column_names, roles):
        return LongForm(table, columns)
    time = roles.get("timestamp")
    refuse_fields(name, [c for c in table.column_names if c != time], columns, assets)
    return _stack_fields({"close": (table, _labels(source))}, name, asked, time)


def prices_asked(
    name: str, columns: Columns, values: Sequence[str] = (), assets: Sequence[Any] = ()
) -> Asked:
    """Return what is asked of a price table; files of one asset each are told by their names."""
    of_one = partial(_are_of_one_asset, name=name, given=columns, assets=set(map(str, assets)))
    return Asked(columns, values, assets, of_one)


def _are_of_one_asset(
    columns: Sequence[str], stems: Sequence[str], name: str, given: Columns, assets: set[str]
) -> bool:
    known = {role: column for role, column in given.items() if column in columns}
    is_long = _has_close(columns, find_roles(name, columns, PRICE_ROLES, known))
    return is_long and len(stems) > 1 and (set(stems) <= assets or not are_parts(stems))


def _has_close(columns: Sequence[str], roles: Columns) -> bool:
    return "close" in roles or any(plain(column) in ADJUSTED_CLOSE for column in columns)


def long_series(
    source: Any, name: str, value_name: str, known_assets: Sequence[Any], asked: Asked
) -> LongForm:
    """Bring a table of signals or features into long form.

    A table without an asset column is wide if one of its columns is named as a known asset; its
    values are then called ``value_name``.
    """
    known = {str(asset) for asset in known_assets}
    if isinstance(source, pd.DataFrame) and source.columns.nlevels == 2:
        return _stack_levels(source, name, asked, lambda labels, others: bool(known & set(others)))
    asked = series_asked(asked, known_assets)
    table = to_arrow(source, name, value_name, asked)
    roles = find_roles(name, table.column_names, SERIES_ROLES, asked.columns)
    if "asset" in roles or not known & set(table.column_names):
        return LongForm(table, asked.columns)
    if asked.values:
        raise DataError(
            f"{name}: values= does not apply to a table with a column per asset; leave it out, or take the assets "
            "out of the table"
        )
    time = roles.get("timestamp")
    return _stack_fields({value_name: (table, _labels(source))}, name, asked, time)


def series_asked(asked: Asked, known_assets: Sequence[Any]) -> Asked:
    """Return what is asked of a table of signals or features of a run with these assets."""
    known = {str(asset) for asset in known_assets}
    return replace(
        asked,
        assets=known_assets,
        files_are_assets=lambda columns, stems: (
            not known & set(columns) and bool(known & set(stems))
        ),
    )


def _concatenate(tables: Mapping[Any, Any], name: str, asked: Asked) -> LongForm:
    """Put tables of single assets below each other."""
    if not tables:
        raise DataError(f"{name}: the mapping holds no table")
    parts: dict[str, pa.Table] = {}
    times: dict[str, None] = {}
    for asset, source in zip(key_assets(tables, name), tables.values(), strict=True):
        where = f"{name}[{asset!r}]"
        if isinstance(source, pd.Series):  # of closes, whatever it is called
            source = source.rename("close")
        part = to_arrow(source, where, asked=replace(asked, files_are_assets=lambda *_: False))
        roles = find_roles(where, part.column_names, PRICE_ROLES, asked.columns)
        times |= {roles[role]: None for role in ("timestamp", "available_at") if role in roles}
        if "asset" in roles:
            part = part.drop_columns([roles["asset"]])
        codes = pa.array(np.zeros(part.num_rows, np.int32))
        parts[where] = part.append_column(
            "asset", pa.DictionaryArray.from_arrays(codes, pa.array([asset]))
        )
    for column in times:
        parts = with_common_times(parts, column)
    try:
        table = pa.concat_tables(list(parts.values()), promote_options="permissive")
    except pa.ArrowException as error:
        raise DataError(
            f"{name}: the tables of the assets do not agree in their columns: {error}"
        ) from error
    return LongForm(table, {role: c for role, c in asked.columns.items() if role != "asset"})


def _stack_mapping(source: Mapping[Any, Any], name: str, asked: Asked) -> LongForm:
    """Stack a mapping of field to wide table."""
    wide = {
        plain(key): (to_arrow(table, f"{name}[{key!r}]", asked=asked), _labels(table))
        for key, table in source.items()
    }
    return _stack_fields(wide, name, asked, asked.columns.get("timestamp"))


def _stack_levels(frame: pd.DataFrame, name: str, asked: Asked, are_fields: Any) -> LongForm:
    """Stack a frame with columns (field, asset) or (asset, field)."""
    levels = [frame.columns.get_level_values(level) for level in (0, 1)]
    texts = [[str(label) for label in level] for level in levels]
    if are_fields(texts[0], texts[1]) or asked.names & set(texts[0]):
        fields, assets = texts[0], levels[1]
    elif are_fields(texts[1], texts[0]) or asked.names & set(texts[1]):
        fields, assets = texts[1], levels[0]
    else:
        raise DataError(
            f"{name}: columns of two levels must be (field, asset) or (asset, field) with a field 'close', "
            f"had {frame.columns[0]!r}, ..."
        )
    if isinstance(frame.index, pd.RangeIndex) and frame.index.name is None:
        raise DataError(
            f"{name}: columns of two levels need the times as index; set it with frame.set_index(...)"
        )
    times = dict(index_columns(frame.index, name, asked.names))
    wide: dict[str, dict[str, pa.Array]] = {}
    labels: dict[str, list[Any]] = {}
    for position, (field_, asset) in enumerate(zip(fields, assets, strict=True)):
        columns = wide.setdefault(field_, dict(times))
        if str(asset) in columns:
            raise DataError(
                f"{name}: the column ({field_!r}, {asset!r}) stands more than once, or is named as the "
                "times are; rename or drop one of them"
            )
        columns[str(asset)] = pandas_column(frame.iloc[:, position], name, (field_, asset))
        labels.setdefault(field_, []).append(asset)
    given = asked.columns
    stacked = _stack_fields(
        {field_: (pa.table(columns), labels[field_]) for field_, columns in wide.items()},
        name,
        replace(asked, columns={}),
        given.get("timestamp"),
    )
    # The index has the times, the other level the assets: what is left to be found are fields.
    of_index = {"timestamp": times, "asset": frame.columns.names}
    left = {r: c for r, c in given.items() if not (r in of_index and c in of_index[r])}
    return replace(stacked, columns=left)


def _labels(source: Any) -> list[Any] | None:
    """Return the names of columns as pandas has them; None where they can be text only."""
    if isinstance(source, pd.Series):
        return None if source.name is None else [source.name]
    return list(source.columns) if isinstance(source, pd.DataFrame) else None


def _are_prices(labels: Sequence[str], others: Sequence[str]) -> bool:
    return any(plain(label) in {*known_names("close"), *ADJUSTED_CLOSE} for label in labels)


def _stack_fields(
    wide: Mapping[str, tuple[pa.Table, list[Any] | None]],
    name: str,
    asked: Asked,
    time_column: str | None,
) -> LongForm:
    """Stack wide tables, one per field, with the same times and assets; see :func:`_labels`."""
    unused = [role for role in asked.columns if role != "timestamp"]
    if unused:
        raise DataError(
            f"{name}: columns= names {asked.columns[unused[0]]!r} as {unused[0]}, but the columns are assets; "
            "leave it out"
        )
    parts = {}
    for field_, (table, labels) in wide.items():
        where = f"{name}[{field_!r}]" if len(wide) > 1 else name
        times, columns = _times_and_assets(table, where, time_column)
        parts[field_] = (where, times, columns, column_assets(columns, labels, where, asked))
    _, times, _, assets = next(iter(parts.values()))
    stacked: dict[str, pa.Array] = {}
    left_out: dict[str, pa.Array] = {}
    for field_, (where, own_times, columns, own_assets) in parts.items():
        if (
            len(assets) != len(own_assets)
            or set(assets) != set(own_assets)
            or not own_times.equals(times)
        ):
            raise DataError(f"{where}: must have the same times and assets as the other fields")
        in_order = dict(zip(own_assets, columns, strict=True))
        taken = [(in_order[asset], wide[field_][0][in_order[asset]]) for asset in assets]
        if len(wide) > 1 and not _is_field_of_numbers(field_, [values for _, values in taken]):
            left_out[field_] = _stacked_text([values for _, values in taken])
            continue
        matrix = np.column_stack([to_float64(v, where, column, text=True) for column, v in taken])
        stacked[field_] = pa.array(matrix.reshape(-1))
    rows = np.repeat(np.arange(len(times)), len(assets))
    codes = pa.array(np.tile(np.arange(len(assets), dtype=np.int32), len(times)))
    names = pa.DictionaryArray.from_arrays(codes, pa.array(assets))
    long = pa.table({"timestamp": times.take(pa.array(rows)), "asset": names, **stacked})
    return LongForm(long, wide=True, left_out=left_out)


def _stacked_text(columns: Sequence[Any]) -> pa.Array:
    texts = [np.array([str(value) for value in column.to_pylist()], object) for column in columns]
    return pa.array(np.column_stack(texts).reshape(-1), pa.string())


def _is_field_of_numbers(field_: str, columns: Sequence[Any]) -> bool:
    """Tell whether a field can be a price or a feature; prices may be numbers written as text."""
    kinds = [plain_type(values.type) for values in columns]
    if any(plain(field_) in known_names(role) for role in PRICE_ROLES):
        return True
    return not all(is_text(kind) or pa.types.is_temporal(kind) for kind in kinds)


def _times_and_assets(
    table: pa.Table, where: str, time_column: str | None
) -> tuple[pa.Array, list[str]]:
    found = time_column
    if found is not None and found not in table.column_names:
        raise DataError(
            f"{where}: columns= names {found!r} as timestamp, which is not among its columns "
            f"({', '.join(table.column_names)})"
        )
    if found is None:
        found = find_roles(where, table.column_names, {"timestamp": TIME}).get("timestamp")
    if found is None:
        raise DataError(no_times(where, table.column_names))
    assets = [column for column in table.column_names if column != found]
    if not assets:
        raise DataError(f"{where}: has times but no column of values")
    # Text is read here: the rows that a message names are those of the wide table.
    return plain_times(table[found], where, found), assets
