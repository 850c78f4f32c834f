"""The tables of a stored result, each read when it is first asked for."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from ml4t.backtest.data.tables.arrow import is_text, single
from ml4t.backtest.records.columns import category_dtype
from ml4t.backtest.records.description import Kind, StoredTable
from ml4t.backtest.records.errors import ResultError
from ml4t.backtest.records.frames import TABLES
from ml4t.backtest.records.measured_frames import MeasuredFrames
from ml4t.backtest.records.replaced import current, reason

OWN = b"ml4t.backtest.table"
"""Key in the metadata of every table that this package wrote; it is lost when others write it anew."""

TYPES: dict[Kind, pa.DataType] = {
    "int": pa.int64(),
    "float": pa.float64(),
    "time": pa.timestamp("ns", "UTC"),
    "bool": pa.bool_(),
}


def file_of(table: str) -> str:
    """Return the name of the file of a table."""
    return f"{table}.parquet"


def checksum(path: Path) -> str:
    """Return the checksum of a file, however large it is."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class StoredFrames(MeasuredFrames):
    """The tables in the folder of a result, held against their checksums whenever they are read.

    A table that another program wrote anew (pandas, Polars, DuckDB) is read for what it holds.

    Parameters
    ----------
    folder : Path
    tables : mapping of name to StoredTable
        What the tables were when they were stored.

    Raises
    ------
    ResultError
        If one is missing, damaged, or of another result.
    """

    def __init__(self, folder: Path, tables: Mapping[str, StoredTable]) -> None:
        self._folder = folder
        self._tables = tables
        for table in TABLES:
            if self._read(table, checksum) != tables[table].sha256:
                self._frame(table, self._read(table, Path.read_bytes))

    def frame(self, table: str) -> pd.DataFrame:
        """Read the frame of ``table``."""
        frame = self._frame(table, self._read(table, Path.read_bytes))
        return frame.set_index("timestamp") if table == "equity" else frame

    def column(self, table: str, name: str) -> np.ndarray:
        """Read one numeric column."""
        read = self._parsed(table, self._read(table, Path.read_bytes), [name])
        return self._values(table, name, read.column(name))

    def _frame(self, table: str, data: bytes) -> pd.DataFrame:
        read = self._parsed(table, data)
        known = self._tables[table].columns
        times = Counter(read.column_names)
        absent = [name for name in known if times[name] != 1]
        if absent:
            raise ResultError(f"{self._path(table)} has no column {absent[0]}, or has it twice")
        columns = {name: self._values(table, name, read.column(name)) for name in known}
        further = [name for name in read.column_names if name not in known]
        return pd.DataFrame(columns, copy=False).assign(
            **{name: read.column(name).to_pandas() for name in further}
        )

    def _values(self, table: str, name: str, column: pa.ChunkedArray) -> Any:
        stored = self._tables[table]
        kind = stored.columns[name]
        try:
            if kind == "name":
                return _names(column, stored.names.get(name, ()))
            array = column.cast(TYPES[kind])
        except (pa.ArrowException, TypeError) as error:
            raise ResultError(
                f"{self._path(table)}: column {name} holds {column.type}, which is no {kind}"
            ) from error
        if kind in ("int", "bool") and array.null_count:
            raise ResultError(f"{self._path(table)}: column {name} lacks {array.null_count} values")
        if kind == "time":
            nanoseconds = array.cast(pa.int64()).fill_null(np.iinfo(np.int64).min).to_numpy()
            return pd.DatetimeIndex(nanoseconds, tz="UTC")
        return array.to_numpy()

    def _parsed(self, table: str, data: bytes, columns: Sequence[str] | None = None) -> pa.Table:
        from pyarrow import parquet  # slow to import, and most runs store nothing

        is_as_stored = hashlib.sha256(data).hexdigest() == self._tables[table].sha256
        if OWN in data and not is_as_stored:
            raise ResultError(
                f"{self._path(table)} is damaged, or of another result: its checksum is not the stored one"
            )
        try:
            file = parquet.ParquetFile(pa.BufferReader(data), page_checksum_verification=True)
            return file.read(columns)
        except (pa.ArrowException, OSError, ValueError, KeyError) as error:
            raise ResultError(f"{self._path(table)} is damaged: it is no Parquet file") from error

    def _read(self, table: str, read: Callable[[Path], Any]) -> Any:
        path = self._path(table)
        try:
            return read(path)
        except FileNotFoundError as error:
            raise ResultError(f"{path} is missing: the result is not complete") from error
        except OSError as error:
            raise ResultError(f"{path} cannot be read: {reason(error)}") from error

    def _path(self, table: str) -> Path:
        return current(self._folder, file_of(table))


def _names(column: pa.ChunkedArray, order: Sequence[Any]) -> pd.Categorical:
    """Return a column of names, categories in this order; names that are not in it come last."""
    if pa.types.is_null(column.type):  # without any name, nothing says what they are
        column = column.cast(pa.string())
    if not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode()
    array = single(column)
    kind, values = array.dictionary.type, array.dictionary.to_pylist()
    if not (is_text(kind) or pa.types.is_integer(kind)):
        raise TypeError("names are text or integers")
    codes = array.indices.cast(pa.int64()).fill_null(-1).to_numpy()
    occurring = {values[code] for code in np.unique(codes[codes >= 0])}
    categories = [name for name in dict.fromkeys([*order, *values]) if name in occurring]
    place = {name: position for position, name in enumerate(categories)}
    positions = np.array([place.get(value, -1) for value in values] + [-1], np.int64)
    dtype = category_dtype(categories, str if is_text(kind) else int)
    return pd.Categorical.from_codes(positions[codes], dtype=dtype)
