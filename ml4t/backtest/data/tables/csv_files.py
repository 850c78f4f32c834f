"""CSV files as one table."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.csv

from ml4t.backtest.data.errors import DataError
from ml4t.backtest.data.tables.asked import Asked
from ml4t.backtest.data.tables.column_roles import ASSET, plain
from ml4t.backtest.data.tables.csv_advice import advice
from ml4t.backtest.data.tables.file_keys import file_keys
from ml4t.backtest.data.tables.find_files import TableFile
from ml4t.backtest.data.tables.parquet_files import common_schema, refuse_mixed_files
from ml4t.backtest.data.tables.readable import readable
from ml4t.backtest.data.tables.vendor_columns import vendor_names

START = 1 << 18


def read_csv_files(files: Sequence[TableFile], name: str, asked: Asked) -> pa.Table:
    """Read CSV files below each other.

    Parameters
    ----------
    files : sequence of TableFile
    name : str
        What the table is called in messages.
    asked : Asked

    Raises
    ------
    DataError
        If a file is not quite CSV, with the pandas call that reads it, or its columns do not agree with
        those of the others.
    """
    tables = [_read(file.path, name, asked) for file in files]
    if len(files) == 1 and not files[0].keys:
        return _with_written_zones(tables[0], files[0].path)
    paths = [file.path for file in files]
    schemas = [table.schema for table in tables]
    columns = common_schema(schemas, paths, name).names
    refuse_mixed_files(schemas, [table.num_rows for table in tables], paths, name)
    keys = file_keys(files, columns, asked, name)
    for number, table in enumerate(map(_with_written_zones, tables, paths)):
        for key, values in keys.items():
            column = pa.DictionaryArray.from_arrays(
                pa.array([0] * table.num_rows, pa.int32()), values[number : number + 1]
            )
            table = table.append_column(key, column)
        tables[number] = table
    try:
        return pa.concat_tables(tables, promote_options="permissive")
    except pa.ArrowException as error:
        raise DataError(f"{name}: the files do not agree in their columns: {error}") from error


def _read(path: Path, name: str, asked: Asked) -> pa.Table:
    start = _start(path, name)
    told = advice(path, start)
    if told is not None:
        raise DataError(f"{name}: {path} {told}")
    # Text alone names assets as they are written: 00700 is no number, NA no missing one.
    kind = pa.int64() if asked.integers else pa.string()
    convert = pa.csv.ConvertOptions(column_types=dict.fromkeys(_asset_columns(start, asked), kind))
    try:
        table = pa.csv.read_csv(path, convert_options=convert)
    except pa.ArrowInvalid as error:
        if asked.integers and "conversion error to int64" in str(error):
            raise DataError(
                f"{name}: {path} names assets that are no integers, as those of the run are ({error}); "
                "name them in one way"
            ) from error
        raise DataError(f"{name}: {path} could not be read as CSV: {error}") from error
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise DataError(f"{name}: {path} could not be read as CSV: {error}") from error
    readable(table.schema, f"{name}: {path}")
    return table


def _with_written_zones(table: pa.Table, path: Path) -> pa.Table:
    """Return a table of a CSV file with the text of times that have zones, which Arrow turns to UTC."""
    zoned = [f.name for f in table.schema if pa.types.is_timestamp(f.type) and f.type.tz]
    if not zoned or len(set(table.column_names)) < table.num_columns:
        return table
    as_text = pa.csv.ConvertOptions(
        include_columns=zoned,
        column_types=dict.fromkeys(zoned, pa.string()),
        strings_can_be_null=True,
    )
    written = pa.csv.read_csv(path, convert_options=as_text)
    for column in zoned:
        table = table.set_column(table.column_names.index(column), column, written[column])
    return table


def _start(path: Path, name: str) -> bytes:
    try:
        with gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb") as file:
            start: bytes = file.read(START)
            # What is cut off in the middle of a line says nothing.
            return start if len(start) < START else start[: start.rfind(b"\n") + 1] or start
    except (OSError, EOFError) as error:
        raise DataError(f"{name}: {path} could not be read: {error}") from error


def _asset_columns(start: bytes, asked: Asked) -> list[str]:
    line = start.decode("utf-8-sig", "replace").partition("\n")[0].rstrip("\r")
    known = {*ASSET, *vendor_names("asset")}
    given = asked.columns.get("asset")
    header = next(csv.reader([line]), [])
    return [column for column in header if column == given or plain(column) in known]
