"""Tables of any kind as columns of numbers, and back: the same kind, with other numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from ml4t.backtest.data.arrays import Int64s
from ml4t.backtest.data.errors import DataError
from ml4t.backtest.data.features.indicators import Indicator
from ml4t.backtest.data.join.as_of import publication_times
from ml4t.backtest.data.stream.feed import DataFeed
from ml4t.backtest.data.tables.arrow import from_pandas, index_columns, single, to_arrow
from ml4t.backtest.data.tables.asset_codes import encode
from ml4t.backtest.data.tables.clock import Clock, check_kinds
from ml4t.backtest.data.tables.column_roles import (
    OHLC,
    PRICE_ROLES,
    SERIES_ROLES,
    find_roles,
    plain,
)
from ml4t.backtest.data.tables.options import Table
from ml4t.backtest.data.tables.series_table import SeriesTable
from ml4t.backtest.data.tables.stamps import Stamps, read_stamps
from ml4t.backtest.data.tables.table_requests import TableRequest
from ml4t.backtest.market.market_data import MarketData

Columns = dict[Any, np.ndarray]
QUOTES = ("bid", "ask")


@dataclass(frozen=True)
class NumericTable:
    """The numbers of one table.

    Attributes
    ----------
    name : str
        Of the table, in a report.
    known : int64 array, shape (n_rows,), nanoseconds UTC
        When each row can be known at the earliest.
    columns : dict of key to array, shape (n_rows,)
    names : dict of key to the column's name in a report
    bars : tuple of dict of price field to key
        Columns that are open, high, low, close, bid and ask of one bar.
    assets : array of names, shape (n_rows,); None where rows belong to none
    stamps : Stamps, optional
        The times as the table has them.
    """

    name: str
    known: Int64s
    columns: Columns
    names: dict[Any, str]
    bars: tuple[dict[str, Any], ...] = ()
    assets: Any = None
    stamps: Stamps | None = None


@dataclass(frozen=True)
class TableInput:
    """What was handed over under one name: its tables, and how it is made again with other columns."""

    tables: tuple[NumericTable, ...]
    rebuild: Callable[[Sequence[Columns]], Any]


def read_inputs(
    given: Mapping[str, Any], clock: Clock, of_prices: Mapping[str, Any] | None = None
) -> dict[str, TableInput]:
    """Read the tables of a run by name.

    Parameters
    ----------
    given : mapping of name to table, or what holds tables
    clock : Clock
    of_prices : mapping, optional
        Options of :class:`Table` for the prices; the unit of times that are numbers is that of all.

    Raises
    ------
    DataError
        If something is not a table, or times of two tables cannot be compared.
    """
    options = dict(of_prices or {})
    of_all = {"time_unit": options.get("time_unit")}
    sources = {
        name: read_input(source, name, clock, options if name == "prices" else of_all)
        for name, source in given.items()
    }
    tables = [table for source in sources.values() for table in source.tables]
    check_kinds({table.name: table.stamps for table in tables if table.stamps is not None}, clock)
    return sources


def read_input(
    source: Any, name: str, clock: Clock, options: Mapping[str, Any] | None = None
) -> TableInput:
    """Read a table, or a mapping or list of tables. What holds no numbers goes on as it is."""
    of_parts = {key: value for key, value in (options or {}).items() if key != "columns"}
    # Splits and dividends are announced: a decision may know them before they are effective.
    if source is None or isinstance(source, Indicator | str) or name == "actions":
        return TableInput((), lambda _: source)
    if isinstance(source, MarketData):
        return _of_market_data(source)
    if isinstance(source, Table):
        inner = _of_table(source.source, source, name, clock)
        return TableInput(inner.tables, lambda new: replace(source, source=inner.rebuild(new)))
    if isinstance(source, Mapping):
        parts = [read_input(part, name, clock, of_parts) for part in source.values()]
        whole = _together(parts, lambda new: dict(zip(source, new, strict=True)))
        return _across_fields(whole, list(source)) if _are_fields(source) else whole
    if isinstance(source, list | tuple):
        return _together([read_input(part, name, clock, of_parts) for part in source], type(source))
    return _of_table(source, Table(source, **(options or {})), name, clock)


def _together(parts: list[TableInput], collect: Callable[[list[Any]], Any]) -> TableInput:
    def rebuild(new: Sequence[Columns]) -> Any:
        rest = iter(new)
        return collect([part.rebuild([next(rest) for _ in part.tables]) for part in parts])

    return TableInput(tuple(table for part in parts for table in part.tables), rebuild)


# ---- wide tables by field ----------------------------------------------------------------------


def _are_fields(keys: Mapping[Any, Any]) -> bool:
    fields = {plain(key) for key in keys}
    return "close" in fields and fields <= set(PRICE_ROLES)


def _across_fields(whole: TableInput, fields: list[Any]) -> TableInput:
    """Make one table of wide tables by field, so that the bars of an asset stay valid."""
    first = whole.tables[0]
    if any(len(table.known) != len(first.known) for table in whole.tables):
        raise DataError(f"{first.name}: the wide tables of its fields must have the same times")
    keys = {
        (number, key): table.columns[key]
        for number, table in enumerate(whole.tables)
        for key in table.columns
    }
    names: dict[Any, str] = {(number, key): str(fields[number]) for number, key in keys}
    bars: dict[str, dict[str, Any]] = {}
    for number, key in keys:
        asset = whole.tables[number].names[key]
        bars.setdefault(asset, {})[plain(fields[number])] = (number, key)
    table = replace(first, columns=dict(keys), names=names, bars=tuple(bars.values()))

    def rebuild(new: Sequence[Columns]) -> Any:
        apart: list[Columns] = [{} for _ in whole.tables]
        for (number, key), values in new[0].items():
            apart[number][key] = values
        return whole.rebuild(apart)

    return TableInput((table,), rebuild)


# ---- one table ---------------------------------------------------------------------------------


def _of_table(source: Any, options: Table, name: str, clock: Clock) -> TableInput:
    if isinstance(source, str) or hasattr(source, "__fspath__"):
        raise DataError(f"{name}: give the table itself and not the path of its file")
    if isinstance(source, DataFeed):
        raise DataError(
            f"{name}: the values of a DataFeed cannot be disturbed, as it is read chunk by chunk; read the "
            "tables of a part of it, a month, say, and give those"
        )
    if isinstance(source, pd.Series):
        whole = _of_table(source.to_frame(str(source.name or name)), options, name, clock)
        return TableInput(
            whole.tables, lambda new: whole.rebuild(new).iloc[:, 0].rename(source.name)
        )
    if isinstance(source, pd.DataFrame):
        if source.columns.nlevels == 2:
            return _of_levels(source, options, name, clock)
        table = from_pandas(source, name)
        return TableInput(
            (_numeric_table(table, options, name, clock),), lambda new: _pandas_with(source, new[0])
        )
    table = to_arrow(source, name)
    return TableInput(
        (_numeric_table(table, options, name, clock),),
        lambda new: _as(source, _arrow_with(table, new[0])),
    )


def _as(source: Any, table: pa.Table) -> Any:
    """Return a table as the kind that was given; Arrow for kinds that are only views on others."""
    if not type(source).__module__.startswith("polars"):
        return table
    import polars

    frame = polars.DataFrame(table)
    return frame.lazy() if isinstance(source, polars.LazyFrame) else frame


# All columns at once: to set one after the other moves the rest of them each time.
def _pandas_with(frame: pd.DataFrame, new: Columns) -> pd.DataFrame:
    position = {str(label): number for number, label in enumerate(frame.columns)}
    columns: Columns = {number: frame.iloc[:, number].array for number in range(frame.shape[1])}
    for key, values in new.items():
        columns[key if isinstance(key, int) else position[str(key)]] = values
    made = pd.DataFrame(columns, index=frame.index)
    made.columns = frame.columns
    return made


def _arrow_with(table: pa.Table, new: Columns) -> pa.Table:
    arrays = {name: pa.array(values) for name, values in new.items()}
    fields = [
        field.with_type(arrays[field.name].type) if field.name in arrays else field
        for field in table.schema
    ]
    columns = [
        arrays.get(name, column)
        for name, column in zip(table.column_names, table.columns, strict=True)
    ]
    return pa.table(columns, schema=pa.schema(fields, table.schema.metadata))


def _numeric_table(table: pa.Table, options: Table, name: str, clock: Clock) -> NumericTable:
    is_priced = name == "prices" or "close" in {plain(column) for column in table.column_names}
    known_roles = PRICE_ROLES if is_priced else SERIES_ROLES
    roles = find_roles(name, table.column_names, known_roles, options.columns)
    known, stamps = _known(table, roles, options, name, clock)
    columns: Columns = {}
    for column in table.column_names:
        values = _numbers(table[column])
        if values is not None and column not in [roles.get(role) for role in SERIES_ROLES]:
            columns[column] = values
    bar = {role: roles[role] for role in (*OHLC, *QUOTES) if roles.get(role) in columns}
    assets = None
    if "asset" in roles:
        assets = single(table[roles["asset"]]).to_pandas().to_numpy(object)
    names: dict[Any, str] = {column: str(column) for column in columns}
    return NumericTable(
        name, known, columns, names, (dict(bar),) if "close" in bar else (), assets, stamps
    )


def _known(
    table: pa.Table, roles: Mapping[str, str], options: Table, name: str, clock: Clock
) -> tuple[Int64s, Stamps]:
    own, published = (
        read_stamps(table[roles[role]], name, roles[role], time_unit=options.time_unit)
        if role in roles
        else None
        for role in ("timestamp", "available_at")
    )
    said = published if own is None else own
    if said is None:
        raise DataError(
            f"{name}: no column of times among {', '.join(table.column_names)}; name it with "
            "Table(..., columns={'timestamp': ...})"
        )
    codes, names = np.zeros(table.num_rows, np.int32), list[Any]()
    if "asset" in roles:
        codes, names = encode(table[roles["asset"]], name, roles["asset"])
    series = SeriesTable(name, options, said, published, codes, tuple(names), {})
    request = TableRequest(options, name, name).with_length(series)
    own_clock = request.clock(clock)
    # A row of all assets is known when that of the first of them is.
    clocks = [own_clock] if names else [*own_clock.by_asset.values()] or [own_clock]
    known = [publication_times(series, each)[0] for each in clocks]
    return np.minimum.reduce(known), request.comparable(series.stamps, clock)


def _numbers(column: Any) -> np.ndarray | None:
    """Return a column of numbers or marks as an array, anything else as None."""
    array = single(column)
    kind = array.type
    if pa.types.is_floating(kind) or (pa.types.is_integer(kind) and array.null_count):
        return array.cast(pa.float64()).to_numpy(zero_copy_only=False)
    if (pa.types.is_integer(kind) or pa.types.is_boolean(kind)) and not array.null_count:
        return array.to_numpy(zero_copy_only=False)
    return None


def _of_levels(frame: pd.DataFrame, options: Table, name: str, clock: Clock) -> TableInput:
    """Read a pandas frame with columns (field, asset) or (asset, field)."""
    times = pa.table(dict(index_columns(frame.index, name)))
    known, stamps = _known(
        times, find_roles(name, times.column_names, SERIES_ROLES), options, name, clock
    )
    labels = [tuple(map(str, label)) for label in frame.columns]
    level = 0 if any(plain(label[0]) == "close" for label in labels) else 1
    columns: Columns = {}
    bars: dict[str, dict[str, Any]] = {}
    for number, label in enumerate(labels):
        columns[number] = frame.iloc[:, number].to_numpy(np.float64)
        field = plain(label[level])
        if field in (*OHLC, *QUOTES):
            bars.setdefault(label[1 - level], {})[field] = number
    names: dict[Any, str] = {number: label[level] for number, label in enumerate(labels)}
    of_bars = tuple(bar for bar in bars.values() if "close" in bar)
    table = NumericTable(name, known, columns, names, of_bars, None, stamps)
    return TableInput((table,), lambda new: _pandas_with(frame, new[0]))


# ---- finished market data ----------------------------------------------------------------------


def _of_market_data(data: MarketData) -> TableInput:
    rows = np.repeat(data.timestamps, np.diff(data.offsets))
    assets = np.array(data.assets, object)[data.asset_codes]
    fields = (*OHLC, "volume", *QUOTES)
    prices: Columns = {
        field: getattr(data, field) for field in fields if getattr(data, field) is not None
    }
    bar: dict[str, Any] = {field: field for field in prices if field != "volume"}
    is_signal = set(data.signal_names)
    parts: dict[str, Columns] = {
        "signals": {name: data.features[name] for name in data.features if name in is_signal},
        "indicators": {
            name: data.features[name] for name in data.features if name not in is_signal
        },
    }

    def numeric(name: str, known: Int64s, columns: Columns, **more: Any) -> NumericTable:
        return NumericTable(name, known, columns, {key: str(key) for key in columns}, **more)

    tables = (
        numeric("prices", rows, prices, bars=(bar,), assets=assets),
        *(numeric(name, rows, columns, assets=assets) for name, columns in parts.items()),
        numeric("context", data.timestamps, dict(data.context)),
    )

    def rebuild(new: Sequence[Columns]) -> MarketData:
        changed, new_features = prices | new[0], {**new[1], **new[2]}
        # In their own order: columns are found by their position.
        features = {name: new_features.get(name, values) for name, values in data.features.items()}
        return MarketData._wrap(
            data.assets, data.timestamps, data.offsets, data.asset_codes,
            *(changed[field] for field in OHLC),
            volume=changed.get("volume"), bid=changed.get("bid"), ask=changed.get("ask"),
            features=features, signal_names=data.signal_names,
            context={**data.context, **new[3]}, actions=data.actions, info=data.info,
            negative_prices=data.negative_prices,
        )  # fmt: skip

    return TableInput(tables, rebuild)
