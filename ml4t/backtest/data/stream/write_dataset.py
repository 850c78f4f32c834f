"""Tables written in the form that streams best: in time order, Parquet files of a span of the calendar each."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute

from ml4t.backtest.data.arrays import Int64s
from ml4t.backtest.data.errors import DataError, count_rows
from ml4t.backtest.data.tables.arrow import is_text, single, to_arrow
from ml4t.backtest.data.tables.column_roles import ACTION_ROLES, ASSET, AVAILABLE, find_roles
from ml4t.backtest.data.tables.find_files import are_files, find_files, is_there
from ml4t.backtest.data.tables.long_form import long_prices
from ml4t.backtest.data.tables.options import Table
from ml4t.backtest.data.tables.stamps import read_stamps

SPANS = {"all": None, "year": "M8[Y]", "month": "M8[M]"}
"""What a file may hold, the most first, and NumPy's unit of it."""
ROWS_OF_A_FILE = (
    250_000  # where each holds few, what Parquet says of its columns is larger than they are
)

ROLES = {"available_at": AVAILABLE, "timestamp": ACTION_ROLES["timestamp"], "asset": ASSET}


@dataclass(frozen=True)
class SavedTable:
    """One table of a dataset.

    Attributes
    ----------
    name : str
    n_rows : int
    n_files : int
    bytes_given : int
        In memory or on disk, before.
    bytes_written : int
    """

    name: str
    n_rows: int
    n_files: int
    bytes_given: int
    bytes_written: int

    def __str__(self) -> str:
        files = "1 file" if self.n_files == 1 else f"{self.n_files} files"
        saved = 1.0 - self.bytes_written / self.bytes_given
        change = f" ({saved:.0%} saved)" if saved > 0.0 else ""
        return (
            f"{self.name}: {count_rows(self.n_rows)}, {files}, {_size(self.bytes_written)} "
            f"from {_size(self.bytes_given)}{change}"
        )


def write_dataset(
    tables: Mapping[str, Any],
    folder: str | Path,
    *,
    by: Literal["month", "year", "all"] | None = None,
    quiet: bool = False,
) -> tuple[SavedTable, ...]:
    """Write tables as ``folder/<name>/<year>-<month>.parquet`` and print what that saved.

    Rows are put in order of time (of publication, where the table has it) and asset; names of assets are
    dictionary-encoded, numbers compressed with zstd after splitting their bytes. Values and times
    stay as they are. ``market_data(folder / "prices", signals=folder / "signals")`` reads it back,
    and a column of a month is read without touching the others.

    Parameters
    ----------
    tables : mapping of name to table, Table or path
        ``prices`` may have any form that ``market_data`` takes; the others have a column of times. Of a
        ``Table`` the ``columns``, ``time_unit`` and, but for prices, ``values`` count.
    folder : path
        Is made; must not hold tables of these names yet.
    by : {"month", "year", "all"}, optional
        What a file holds: a month, a year or all rows. By default the most of these that has, in the mean,
        no more than 250,000 rows of the table; months, if there are more.
    quiet : bool
        Print nothing.

    Returns
    -------
    tuple of SavedTable

    Raises
    ------
    DataError
        If a table cannot be read or has no rows or times, a folder of its name is there already, or it
        cannot be written.
    """
    if not isinstance(tables, Mapping) or not all(isinstance(name, str) for name in tables):
        raise DataError(
            f"tables must be a mapping of name to table, {{'prices': prices}}, was {type(tables).__name__}"
        )
    if by is not None and not (isinstance(by, str) and by in SPANS):
        raise DataError(f"by must be month, year or all, was {by!r}")
    folder = Path(folder)
    taken = [name for name in tables if is_there(folder / name)]
    if taken:
        raise DataError(
            f"{folder} already holds {', '.join(taken)}; choose another folder, or remove them"
        )
    ready = [_Prepared(name, source) for name, source in tables.items()]
    try:
        saved = _write_all(ready, folder, by)
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        raise DataError(
            f"{folder} cannot be written: {error.strerror or error}{where}; make room or choose another folder"
        ) from error
    if not quiet:
        print("\n".join([f"wrote {folder}", *(f"  {table}" for table in saved)]))
    return saved


def _write_all(ready: Sequence[_Prepared], folder: Path, by: str | None) -> tuple[SavedTable, ...]:
    """Write tables beside their place, and then move them: a folder that has a table has all of it."""
    partial = folder / ".partial"
    if partial.exists():  # of a call that was killed
        shutil.rmtree(partial)
    partial.mkdir(parents=True)
    try:
        saved = tuple(table.write(partial / table.name, by) for table in ready)
        for table in ready:
            (partial / table.name).rename(folder / table.name)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return saved


class _Prepared:
    """A table in order, with the time of each row."""

    def __init__(self, name: str, source: Any) -> None:
        if not name.isidentifier():
            raise DataError(f"the name of a table must be a plain word, was {name!r}")
        options = source if isinstance(source, Table) else Table(source)
        _refuse_unused(options, name)
        self.name = name
        table, columns = _long(name, options)
        roles = find_roles(name, table.column_names, ROLES, columns)
        table = _chosen(table, options.values, roles, name)
        self.bytes_given = _bytes_given(options.source, table)
        time = roles.get("available_at", roles.get("timestamp"))
        if time is None or table.num_rows == 0:
            raise DataError(f"{name}: has no {'rows' if time else 'column of times'}")
        times = read_stamps(table[time], name, time, time_unit=options.time_unit).nanoseconds
        for role in roles.keys() & {"timestamp", "available_at"}:
            table = _without_dictionary(table, roles[role])
        self.dictionaries = [time, *([roles["asset"]] if "asset" in roles else [])]
        self.table, self.times = _in_order(table, times, roles)

    def write(self, folder: Path, by: str | None) -> SavedTable:
        import pyarrow.parquet as pq  # 50 ms that no run on frames needs

        folder.mkdir()
        numbers = [f.name for f in self.table.schema if pa.types.is_floating(f.type)]
        numbers = [
            column for column in numbers if self.table.schema.field(column).type != pa.float16()
        ]
        for stem, rows in _files(self.times, by):
            pq.write_table(
                self.table.slice(rows.start, len(rows)),
                folder / f"{stem}.parquet",
                compression="zstd",
                use_dictionary=self.dictionaries,
                use_byte_stream_split=numbers,
            )
        sizes = [path.stat().st_size for path in folder.iterdir()]
        n_rows, n_files = self.table.num_rows, len(sizes)
        return SavedTable(self.name, n_rows, n_files, self.bytes_given, sum(sizes))


def _files(times: Int64s, by: str | None) -> list[tuple[str, range]]:
    """Return the names of the files, and the rows of each."""
    files: list[tuple[str, range]] = []
    for span, unit in SPANS.items():
        if by is None or span == by:
            files = _spans(times, unit)
            if len(times) <= ROWS_OF_A_FILE * len(files):
                break
    return files


def _spans(times: Int64s, unit: str | None) -> list[tuple[str, range]]:
    if unit is None:
        return [("part-0", range(len(times)))]
    spans = times.view("M8[ns]").astype(unit)
    starts = np.flatnonzero(np.concatenate(([True], spans[1:] != spans[:-1]))).tolist()
    ends = [*starts[1:], len(times)]
    return [(str(spans[i]), range(i, end)) for i, end in zip(starts, ends, strict=True)]


def _refuse_unused(options: Table, name: str) -> None:
    """Refuse what is said of a table and changes nothing in its files."""
    used = {"source", "columns", "time_unit", *(() if name == "prices" else ("values",))}
    unused = [f for f in fields(options) if f.name not in used]
    for option in unused:
        if getattr(options, option.name) not in (option.default, None):
            raise DataError(
                f"{name}: {option.name}= changes nothing in the files; leave it out, and say it where the "
                "dataset is read"
            )


def _chosen(
    table: pa.Table, values: Sequence[str] | None, roles: Mapping[str, str], name: str
) -> pa.Table:
    """Return a table with the values that were asked for, its times and its assets."""
    if values is None:
        return table
    absent = [column for column in values if column not in table.column_names]
    if absent:
        raise DataError(
            f"{name}: has no column {absent[0]!r}; its columns are {', '.join(table.column_names)}"
        )
    kept = {*values, *roles.values()}
    return table.select([column for column in table.column_names if column in kept])


def _long(name: str, options: Table) -> tuple[pa.Table, Mapping[str, str]]:
    """Return a table in long form, and the columns named that are columns of that."""
    if name != "prices":
        return to_arrow(options.source, name, "value", options.asked), options.columns or {}
    layout = long_prices(options.source, name, options.columns)
    columns = {role: column for role, column in layout.columns.items() if role in ROLES}
    if not layout.wide:
        return layout.table, columns
    # A cell of a wide table without any price is no row.
    values = [
        single(layout.table[c]).to_numpy(zero_copy_only=False)
        for c in layout.table.column_names[2:]
    ]
    present = ~np.logical_and.reduce([np.isnan(v) for v in values])
    return layout.table.filter(pa.array(present)), columns


def _without_dictionary(table: pa.Table, column: str) -> pa.Table:
    """Return a table with the values of a column in place of entries, of which no file takes null ones."""
    if not pa.types.is_dictionary(table[column].type):
        return table
    decoded = single(table[column])
    while pa.types.is_dictionary(decoded.type):
        decoded = decoded.dictionary_decode()
    return table.set_column(table.column_names.index(column), column, decoded)


def _in_order(table: pa.Table, times: Int64s, roles: dict[str, str]) -> tuple[pa.Table, Int64s]:
    keys = {"time": times}
    if "asset" in roles:
        asset = roles["asset"]
        column = single(table[asset])
        if pa.types.is_dictionary(column.type):
            keys["asset"] = column.dictionary_decode()
        else:
            keys["asset"] = column
            if is_text(column.type):
                position = table.column_names.index(asset)
                encoded = column.cast(pa.large_string()).dictionary_encode()
                table = table.set_column(position, asset, encoded)
    order = pa.compute.sort_indices(pa.table(keys), sort_keys=[(key, "ascending") for key in keys])
    return table.take(order), times[order.to_numpy()]


def _bytes_given(source: Any, table: pa.Table) -> int:
    if not are_files(source):
        return max(int(table.nbytes), 1)
    return max(sum(file.path.stat().st_size for file in find_files(source, "files")), 1)


def _size(n_bytes: int) -> str:
    size, unit = float(n_bytes), "B"
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000.0 or unit == "GB":
            break
        size /= 1000.0
    return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
