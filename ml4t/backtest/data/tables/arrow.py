"""Anything that holds a table becomes a PyArrow table, without copying where that is possible."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.csv

from ml4t.backtest.data.arrays import Float64s
from ml4t.backtest.data.errors import DataError, MixedZonesError
from ml4t.backtest.data.tables.column_roles import SERIES_ROLES, plain
from ml4t.backtest.data.tables.raw_columns import RawColumn
from ml4t.backtest.data.tables.readable import readable
from ml4t.backtest.data.tables.written_times import time_objects

DAY = pd.Timedelta("1D")


def to_arrow(
    source: Any, name: str, series_name: str = "close", meant: Collection[str] = ()
) -> pa.Table:
    """Return ``source`` as a PyArrow table.

    Parameters
    ----------
    source : pyarrow, pandas or Polars table, DuckDB relation, path, or anything with ``__arrow_c_stream__``
        A path ends in ``.csv`` (or ``.csv.gz``), or is a Parquet file or a folder of them. A pandas index that means
        something (times, names, several levels) becomes columns.
    name : str
        What the table is called in messages.
    series_name : str
        Column name of a pandas Series without a name.
    meant : collection of str
        Columns that are asked for by name; see :func:`without_keys`.

    Raises
    ------
    DataError
        If the source is of no such kind, cannot be read, or has two columns of one name.
    """
    table = _convert(source, name, series_name)
    if isinstance(source, str | Path) and Path(source).is_dir():
        table = table.select(without_keys(table.column_names, source, meant))
    repeated = sorted(name for name, n in Counter(table.column_names).items() if n > 1)
    if repeated:
        raise DataError(
            f"{name}: column names must differ, {', '.join(map(repr, repeated))} stands more than once"
        )
    return table


def _convert(source: Any, name: str, series_name: str) -> pa.Table:
    if isinstance(source, pa.Table):
        readable(source.schema, name)
        return source
    if isinstance(source, pd.Series):
        source = source.to_frame(series_name if source.name is None else source.name)
    if isinstance(source, pd.DataFrame):
        return from_pandas(source, name)
    if isinstance(source, str | Path):
        return read_file(Path(source), name)
    if isinstance(source, pa.RecordBatchReader):
        return source.read_all()
    if type(source).__name__ == "LazyFrame" and hasattr(source, "collect"):
        source = source.collect()
    # Polars' and DuckDB's own doors: older versions of pyarrow cannot read the text types that
    # they hand over through the other.
    for door in ("to_arrow", "to_arrow_table"):
        if hasattr(source, door):
            return getattr(source, door)()
    if hasattr(source, "__arrow_c_stream__") or hasattr(source, "__arrow_c_array__"):
        return pa.table(source)
    kind = "a mapping" if isinstance(source, Mapping) else type(source).__name__
    raise DataError(
        f"{name} must be a pandas, Polars or Arrow table or the path of a Parquet or CSV file, was {kind}"
    )


def read_file(path: Path, name: str) -> pa.Table:
    """Read a CSV file, a Parquet file or a folder of Parquet files."""
    if not path.exists():
        raise DataError(f"{name}: there is no file {path}")
    try:
        if path.name.lower().endswith((".csv", ".csv.gz")):
            table = pa.csv.read_csv(path)
            readable(table.schema, f"{name}: {path}")
            return _with_written_zones(table, path)
        import pyarrow.parquet as pq  # 50 ms that no run on frames needs

        dataset = pq.ParquetDataset(path)
        refuse_mixed_files(dataset.fragments, name)
        return dataset.read()
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{name}: {path} could not be read: {error}") from error


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


def refuse_mixed_files(fragments: Iterable[Any], name: str) -> None:
    """Refuse files of one table with and without a zone: Arrow takes all for what the first is.

    Parameters
    ----------
    fragments : iterable of pyarrow.dataset.ParquetFileFragment
    name : str
        What the table is called in messages.
    """
    zones: dict[str, tuple[str | None, str]] = {}
    n_rows = 0
    for fragment in fragments:
        for field in readable(fragment.physical_schema, f"{name}: {fragment.path}"):
            if not pa.types.is_timestamp(field.type):
                continue
            zone, file = zones.setdefault(field.name, (field.type.tz, Path(fragment.path).name))
            if (zone is None) != (field.type.tz is None):
                kinds = (
                    ("without a zone", "with one")
                    if zone is None
                    else ("with a zone", "without one")
                )
                error = MixedZonesError(
                    f"{name}: column {field.name!r} has times {kinds[0]} in {file} and {kinds[1]} in "
                    f"{Path(fragment.path).name}; give all of them a zone, or none"
                )
                error.table, error.column, error.rows = name, field.name, np.array([n_rows])
                raise error
        n_rows += fragment.metadata.num_rows


def without_keys(column_names: Sequence[str], given: Any, meant: Collection[str]) -> list[str]:
    """Return the columns of files without those that only the names of their folders make.

    Folders named ``year=2024`` give every row of the files in them a year. It is a column where it is
    asked for, or where it is the time or asset that the files themselves do not have.

    Parameters
    ----------
    column_names : sequence of str
    given : path or list of paths of files or folders; anything else has no folders
    meant : collection of str
        Columns that are asked for by name.
    """
    keys = _folder_keys(given)
    own = {plain(column) for column in column_names if column not in keys}
    lacking = {name for names in SERIES_ROLES.values() if not own & set(names) for name in names}
    return [c for c in column_names if c not in keys or c in meant or plain(c) in lacking]


def _folder_keys(given: Any) -> set[str]:
    paths = given if isinstance(given, list | tuple) else [given]
    keys: set[str] = set()
    for path in (Path(path) for path in paths if isinstance(path, str | Path)):
        folders: Sequence[str] = path.parent.parts
        if path.is_dir():
            # Arrow passes over names that begin so; the first file stands for all.
            files = (f for f in path.rglob("*") if f.is_file() and f.name[0] not in "._")
            folders = next((f.relative_to(path).parent.parts for f in files), ())
        keys.update(folder.partition("=")[0] for folder in folders if "=" in folder)
    return keys


def from_pandas(frame: pd.DataFrame, name: str) -> pa.Table:
    """Return a pandas frame with plain columns as a table, its index first."""
    if frame.columns.nlevels > 1:
        raise DataError(
            f"{name}: columns of {frame.columns.nlevels} levels are read for (field, asset) only"
        )
    if len(set(map(str, frame.columns))) < frame.shape[1]:
        raise DataError(
            f"{name}: column names must differ, were {', '.join(map(str, frame.columns))}"
        )
    columns = dict(index_columns(frame.index, name))
    for position, label in enumerate(frame.columns):
        if str(label) in columns:
            raise DataError(
                f"{name}: {label!r} is both a column and a level of the index; drop one of them"
            )
        columns[str(label)] = _pandas_column(frame.iloc[:, position], name, label)
    return pa.table(columns)


def index_columns(index: Any, name: str) -> Iterator[tuple[str, pa.Array]]:
    """Yield (column name, Arrow array) for each level of an index that means something."""
    if index.nlevels > 1:
        for level in range(index.nlevels):
            values = index.levels[level]
            label = index.names[level] or _level_name(values)
            codes = pa.array(np.asarray(index.codes[level], np.int32), mask=index.codes[level] < 0)
            array = _pandas_array(values, name, label)
            if _are_time_objects(values, array):
                # Whether they are dates is said by all rows, not by each level once.
                rows = index.get_level_values(level)
                yield str(label), _time_objects(pa.array(rows), rows, name, label)
                continue
            yield str(label), pa.DictionaryArray.from_arrays(codes, array)
    elif index.name is not None or not pd.api.types.is_integer_dtype(index.dtype):
        label = index.name or _level_name(index)
        yield str(label), _pandas_column(index, name, label)


def _level_name(values: Any) -> str:
    if isinstance(values, pd.DatetimeIndex):
        return "timestamp"
    is_text = pd.api.types.is_string_dtype(values.dtype)
    return "timestamp" if is_text and len(values) and _reads_as_time(values[0]) else "asset"


def _reads_as_time(text: Any) -> bool:
    try:
        pd.Timestamp(text)
    except (ValueError, TypeError):
        return False
    return True


def _pandas_column(values: Any, name: str, label: object) -> pa.Array:
    categories = getattr(values.dtype, "categories", None)
    if categories is not None and _are_time_objects(
        categories, _pandas_array(categories, name, label)
    ):
        values = values.astype(object)
    elif categories is not None and isinstance(categories.dtype, pd.DatetimeTZDtype):
        values = values.astype(categories.dtype)  # Arrow 16 forgets the zone of categories
    array = _pandas_array(values, name, label)
    return _time_objects(array, values, name, label) if _are_time_objects(values, array) else array


def _are_time_objects(values: Any, array: pa.Array) -> bool:
    return values.dtype == object and pa.types.is_temporal(array.type)


def _time_objects(array: pa.Array, values: Any, name: str, label: object) -> pa.Array:
    try:
        return time_objects(array, list(values), f"{name}: column {label!r}")
    except MixedZonesError as error:
        error.table, error.column = name, str(label)
        raise


def _pandas_array(values: Any, name: str, label: object) -> pa.Array:
    if isinstance(values.dtype, pd.PeriodDtype):
        _refuse_periods(values, name, label)
    if isinstance(values.dtype, np.dtype) and values.dtype.kind in "fiub":
        return pa.array(values.to_numpy())
    try:
        array = pa.array(values)
    except (pa.ArrowException, TypeError, ValueError) as error:
        raise DataError(f"{name}: column {label!r} mixes kinds of values: {error}") from error
    return array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array


def _refuse_periods(values: Any, name: str, label: object) -> None:
    """Refuse periods: what is known of one is known at its end, not at the start that pandas takes."""
    is_index = isinstance(values, pd.Index)
    where = "the index" if is_index and values.name is None else f"column {label!r}"
    known = pd.PeriodIndex(values).dropna()
    of_days = not len(known) or known[0].end_time.ceil("ms") - known[0].start_time >= DAY
    dot = "." if is_index else ".dt."
    rounded = "normalize()" if of_days else "ceil('ms')"
    raise DataError(
        f"{name}: {where} holds periods; a period is over at its end: turn it into that time with "
        f"{dot}to_timestamp(how='end'){dot}{rounded}, and say with available_after= if it is known later "
        "still"
    )


def to_float64(column: Any, table_name: str, column_name: str) -> Float64s:
    """Return a column of numbers as float64, null as NaN; no copy of a float64 column.

    Raises
    ------
    DataError
        If the column does not hold numbers or booleans.
    """
    if isinstance(column, RawColumn) and pa.types.is_float64(column.type):
        return column.values.view(np.float64)
    if pa.types.is_dictionary(column.type) and not is_text(column.type.value_type):
        column = single(column).dictionary_decode()
    kind = column.type
    if pa.types.is_floating(kind) or pa.types.is_integer(kind):
        array = single(column)
        if pa.types.is_float64(kind) and array.null_count == 0:
            return eight_bytes(array, np.float64)
    elif pa.types.is_decimal(kind):
        array = single(column).cast(pa.float64())
    elif pa.types.is_boolean(kind):
        array = single(column).cast(pa.int8())
    elif pa.types.is_null(kind):
        return np.full(len(column), np.nan)
    else:
        raise DataError(
            f"{table_name}: column {column_name!r} holds {kind}, must hold numbers; convert or drop it"
        )
    return array.to_numpy(zero_copy_only=False).astype(np.float64, copy=False)


def eight_bytes(array: pa.Array, dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """Return values of eight bytes each, none of them null, in place.

    As ``to_numpy`` does, which releases the GIL for it, and gets it back late where a
    strategy runs meanwhile.
    """
    if len(array) == 0:
        return np.empty(0, dtype)
    return np.frombuffer(array.buffers()[1], dtype, len(array), 8 * array.offset)


def is_text(kind: pa.DataType) -> bool:
    """Tell whether a type is text of any of Arrow's kinds."""
    return pa.types.is_string(kind) or pa.types.is_large_string(kind) or str(kind) == "string_view"


def single(column: Any) -> pa.Array:
    """Return a column as one contiguous array."""
    if isinstance(column, RawColumn):
        return column.to_arrow()
    if isinstance(column, pa.ChunkedArray):
        if column.num_chunks == 1:
            return column.chunk(0)
        try:
            combined = column.unify_dictionaries().combine_chunks()
        except pa.ArrowInvalid:  # of dictionaries that have null entries
            chunks = [chunk.dictionary_decode() for chunk in column.chunks]
            combined = pa.chunked_array(chunks).combine_chunks()
        # Older versions of pyarrow give a chunked array of one chunk back.
        return combined.chunk(0) if isinstance(combined, pa.ChunkedArray) else combined
    return column
