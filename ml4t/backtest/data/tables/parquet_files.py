"""Parquet files as one dataset: their common columns, and what their folders say."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import numpy as np
import pyarrow as pa

from ml4t.backtest.data.errors import DataError, MixedZonesError
from ml4t.backtest.data.tables.asked import Asked
from ml4t.backtest.data.tables.csv_advice import advice
from ml4t.backtest.data.tables.file_keys import file_keys
from ml4t.backtest.data.tables.find_files import TableFile
from ml4t.backtest.data.tables.midnights import is_utc
from ml4t.backtest.data.tables.readable import readable

if TYPE_CHECKING:
    import pyarrow.dataset as ds

MAGIC = (b"PAR1", b"PARE")


def parquet_dataset(
    files: Sequence[TableFile], name: str, asked: Asked, dictionaries: Sequence[str] = ()
) -> ds.FileSystemDataset:
    """Open Parquet files as one dataset, of which nothing but metadata is read.

    Parameters
    ----------
    files : sequence of TableFile
    name : str
        What the table is called in messages.
    asked : Asked
    dictionaries : sequence of str
        Columns of text to read as dictionaries.

    Raises
    ------
    DataError
        If a file is no Parquet file, or its columns do not agree with those of the others.
    """
    # 50 ms that no run on frames needs.
    import pyarrow.dataset as ds
    from pyarrow.fs import LocalFileSystem

    layout, system = ds.ParquetFileFormat(dictionary_columns=list(dictionaries)), LocalFileSystem()
    fragments = [layout.make_fragment(str(file.path), system) for file in files]
    schemas = [_schema(fragment, name) for fragment in fragments]
    schema = common_schema(schemas, [file.path for file in files], name)
    n_rows = [fragment.metadata.num_rows for fragment in fragments]
    refuse_mixed_files(schemas, n_rows, [file.path for file in files], name)
    keys = file_keys(files, schema.names, asked, name)
    if keys:
        kinds = [
            (key, pa.dictionary(pa.int32(), v.type) if pa.types.is_string(v.type) else v.type)
            for key, v in keys.items()
        ]
        texts = {key: v.unique() for key, v in keys.items() if pa.types.is_string(v.type)}
        folders = ds.HivePartitioning(pa.schema(kinds), dictionaries=texts, segment_encoding="uri")
        rows = zip(*(values.to_pylist() for values in keys.values()), strict=True)
        said = [
            "/".join(f"{k}={quote(str(v), safe='')}" for k, v in zip(keys, row, strict=True))
            for row in rows
        ]
        fragments = [
            layout.make_fragment(str(file.path), system, folders.parse(f"{text}/"))
            for file, text in zip(files, said, strict=True)
        ]
        schema = pa.schema([*schema, *pa.schema(kinds)])
    return ds.FileSystemDataset(fragments, schema.remove_metadata(), layout, system)


def _schema(fragment: Any, name: str) -> pa.Schema:
    path = Path(fragment.path)
    try:
        schema = fragment.physical_schema
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{name}: {path} could not be read: {_reason(path, error)}") from error
    return readable(schema, f"{name}: {path}")


def _reason(path: Path, error: Exception) -> str:
    try:
        with path.open("rb") as file:
            start = file.read(1 << 16)
    except OSError as refused:
        return str(refused.strerror)
    if start[:4] in MAGIC:
        return f"the Parquet file is damaged ({error})"
    told = advice(path, start)
    return (
        "it is no Parquet file, and not called .csv; rename it if it is one"
        f"{', or read it with pandas and give the frame' if told is None else f'. It {told}'}"
    )


def common_schema(schemas: Sequence[pa.Schema], paths: Sequence[Path], name: str) -> pa.Schema:
    """Return the columns of all files, each of a type that holds what all of them have.

    Raises
    ------
    DataError
        If there is none.
    """
    first: dict[str, tuple[pa.Field, Path]] = {}
    for schema, path in zip(schemas, paths, strict=True):
        for column in schema:
            before, where = first.setdefault(column.name, (column, path))
            if before.type != column.type:
                first[column.name] = (_common(before, where, column, path, name), where)
    return pa.schema([column for column, _ in first.values()])


def _common(before: pa.Field, where: Path, column: pa.Field, path: Path, name: str) -> pa.Field:
    zones = [getattr(field.type, "tz", None) for field in (before, column)]
    if all(zones) or _is_mixed(before, column):
        return before  # instants, whatever the zone they are written in
    try:
        schemas = [pa.schema([field]) for field in (before, column)]
        return pa.unify_schemas(schemas, promote_options="permissive").field(0)
    except pa.ArrowException as error:
        raise DataError(
            f"{name}: column {column.name!r} holds {before.type} in {where.name} and {column.type} in "
            f"{path.name}; write them with one type"
        ) from error


def _is_mixed(before: pa.Field, column: pa.Field) -> bool:
    # Times with a zone among those without one are told of by refuse_mixed_files.
    return (
        pa.types.is_timestamp(before.type)
        and pa.types.is_timestamp(column.type)
        and ((before.type.tz is None) != (column.type.tz is None))
    )


def _is_one_zone(one: str, other: str) -> bool:
    return one == other or (is_utc(one) and is_utc(other))


def refuse_mixed_files(
    schemas: Sequence[pa.Schema], n_rows: Sequence[int], paths: Sequence[Path], name: str
) -> None:
    """Refuse files of one table in different zones, or with and without one: Arrow takes all for what the
    first is, and midnights of each zone, which are dates, would be instants.

    Parameters
    ----------
    schemas, n_rows, paths : sequences, one item per file
    name : str
        What the table is called in messages.
    """
    zones: dict[str, tuple[str | None, str]] = {}
    n_before = 0
    for schema, n_own, path in zip(schemas, n_rows, paths, strict=True):
        for field in schema:
            if not pa.types.is_timestamp(field.type):
                continue
            zone, file = zones.setdefault(field.name, (field.type.tz, path.name))
            if zone and field.type.tz and not _is_one_zone(zone, field.type.tz):
                raise DataError(
                    f"{name}: column {field.name!r} has times in {zone} in {file} and in {field.type.tz} in "
                    f"{path.name}; write all of them in one zone, or give the files of each as tables of their own"
                )
            if (zone is None) != (field.type.tz is None):
                kinds = (
                    ("without a zone", "with one")
                    if zone is None
                    else ("with a zone", "without one")
                )
                error = MixedZonesError(
                    f"{name}: column {field.name!r} has times {kinds[0]} in {file} and {kinds[1]} in "
                    f"{path.name}; give all of them a zone, or none"
                )
                error.table, error.column, error.rows = name, field.name, np.array([n_before])
                raise error
        n_before += n_own
