"""Anything that holds a table becomes a PyArrow table, without copying where that is possible."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from ml4t.backtest.data.arrays import Float64s
from ml4t.backtest.data.errors import DataError, MixedZonesError
from ml4t.backtest.data.tables.asked import ANYTHING, Asked
from ml4t.backtest.data.tables.column_roles import TIME, TIMES, is_unnamed, plain
from ml4t.backtest.data.tables.csv_files import read_csv_files
from ml4t.backtest.data.tables.find_files import are_files, find_files
from ml4t.backtest.data.tables.parquet_files import parquet_dataset
from ml4t.backtest.data.tables.raw_columns import RawColumn
from ml4t.backtest.data.tables.readable import readable
from ml4t.backtest.data.tables.written_times import time_objects

DAY = pd.Timedelta("1D")


def to_arrow(
    source: Any, name: str, series_name: str = "close", asked: Asked = ANYTHING
) -> pa.Table:
    """Return ``source`` as a PyArrow table.

    Parameters
    ----------
    source : pyarrow, pandas or Polars table, DuckDB relation, path, or anything with ``__arrow_c_stream__``
        A path is that of a CSV file (``.csv``, ``.csv.gz``) or a Parquet file, of a folder of them, a pattern
        (``"bars/*.csv"``) or a list of these. A pandas index that means something (times, names, several
        levels) becomes columns.
    name : str
        What the table is called in messages.
    series_name : str
        Column name of a pandas Series without a name.
    asked : Asked
        What is asked for by name.

    Raises
    ------
    DataError
        If the source is of no such kind, cannot be read, or has two columns of one name.
    """
    table = _convert(source, name, series_name, asked)
    readable(table.schema, name)
    repeated = sorted(name for name, n in Counter(table.column_names).items() if n > 1)
    if repeated:
        raise DataError(
            f"{name}: column names must differ, {', '.join(map(repr, repeated))} stands more than once"
        )
    return with_named_index(table, of_file=are_files(source))


def _convert(source: Any, name: str, series_name: str, asked: Asked) -> pa.Table:
    if isinstance(source, pa.Table):
        return source
    if isinstance(source, pd.Series):
        source = source.to_frame(series_name if source.name is None else source.name)
    if isinstance(source, pd.DataFrame):
        return from_pandas(source, name, asked)
    if are_files(source):
        return read_files(source, name, asked)
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


def read_files(given: Any, name: str, asked: Asked = ANYTHING) -> pa.Table:
    """Read CSV or Parquet files as one table; see :func:`to_arrow`."""
    files = find_files(given, name)
    if files[0].is_csv:
        return read_csv_files(files, name, asked)
    dataset = parquet_dataset(files, name, asked)
    try:
        return dataset.to_table()
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{name}: {files[0].path} could not be read: {error}") from error


def with_named_index(table: pa.Table, of_file: bool = True) -> pa.Table:
    """Name the columns that pandas made of an index without a name, as :func:`index_columns` does.

    One that only counts the rows is left out. In files it may have no name at all.
    """
    unnamed = [name for name in table.column_names if is_unnamed(name) or (of_file and not name)]
    for column in unnamed:
        values, place = table[column], table.column_names.index(column)
        while pa.types.is_dictionary(values.type):
            values = values.cast(values.type.value_type)
        if pa.types.is_integer(values.type):
            counts = pa.array(np.arange(table.num_rows))
            if values.cast(pa.int64()).combine_chunks().equals(counts):
                table = table.remove_column(place)
            continue
        if not (is_text(values.type) or pa.types.is_temporal(values.type)):
            continue
        is_time = not is_text(values.type) or (table.num_rows and _reads_as_time(values[0].as_py()))
        label = "timestamp" if is_time else "asset"
        if label not in table.column_names:
            table = table.rename_columns(
                [label if name == column else name for name in table.column_names]
            )
    return table


def from_pandas(frame: pd.DataFrame, name: str, asked: Asked = ANYTHING) -> pa.Table:
    """Return a pandas frame with plain columns as a table, its index first."""
    if frame.columns.nlevels > 1:
        raise DataError(
            f"{name}: columns of {frame.columns.nlevels} levels are read for (field, asset) only"
        )
    if len(set(map(str, frame.columns))) < frame.shape[1]:
        raise DataError(
            f"{name}: column names must differ, were {', '.join(map(str, frame.columns))}"
        )
    columns = dict(index_columns(frame.index, name, {*map(str, frame.columns), *asked.names}))
    for position, label in enumerate(frame.columns):
        if str(label) in columns:
            raise DataError(
                f"{name}: {label!r} is both a column and a level of the index; drop one of them"
            )
        columns[str(label)] = pandas_column(frame.iloc[:, position], name, label)
    return pa.table(columns)


def index_columns(
    index: Any, name: str, taken: Collection[str] = ()
) -> Iterator[tuple[str, pa.Array]]:
    """Yield (column name, Arrow array) for each level of an index that means something.

    A ``DatetimeIndex`` is the time, whatever its name. ``taken`` are the names that other columns have,
    or that are asked for.
    """
    if index.nlevels > 1:
        if any(plain(label) in TIME for label in index.names):
            taken = {*taken, "timestamp"}  # that level is the time: no other one is
        for level in range(index.nlevels):
            values = index.levels[level]
            label = _label(index.names[level], values, taken)
            codes = pa.array(np.asarray(index.codes[level], np.int32), mask=index.codes[level] < 0)
            array = _pandas_array(values, name, label)
            if _are_time_objects(values, array):
                # Whether they are dates is said by all rows, not by each level once.
                rows = index.get_level_values(level)
                yield str(label), _time_objects(pa.array(rows), rows, name, label)
                continue
            yield str(label), pa.DictionaryArray.from_arrays(codes, array)
    elif index.name is not None or not pd.api.types.is_integer_dtype(index.dtype):
        label = _label(index.name, index, taken)
        yield str(label), pandas_column(index, name, label)


def _label(own: Any, values: Any, taken: Collection[str]) -> Any:
    if own is None:
        return _level_name(values)
    is_time = isinstance(values, pd.DatetimeIndex) and plain(own) not in TIMES
    return "timestamp" if is_time and own not in taken and "timestamp" not in taken else own


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


def pandas_column(values: Any, name: str, label: object) -> pa.Array:
    """Return a pandas column, or a level of an index, as an array."""
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


def to_float64(column: Any, table_name: str, column_name: str, text: bool = False) -> Float64s:
    """Return a column of numbers as float64, null as NaN; no copy of a float64 column.

    Parameters
    ----------
    column : pyarrow array, chunked array or RawColumn
    table_name, column_name : str
        For messages.
    text : bool
        Read numbers that are written as text, as some vendors do.

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
    elif text and is_text(plain_type(kind)):
        array = _numbers_of_text(column, table_name, column_name)
    else:
        raise DataError(
            f"{table_name}: column {column_name!r} holds {kind}, must hold numbers; convert or drop it"
        )
    return array.to_numpy(zero_copy_only=False).astype(np.float64, copy=False)


def _numbers_of_text(column: Any, table_name: str, column_name: str) -> pa.Array:
    array = single(column)
    while pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    try:
        return array.cast(pa.float64())
    except pa.ArrowInvalid as error:
        odd = next((v for v in array.to_pylist() if v is not None and not _is_number(v)), None)
        raise DataError(
            f"{table_name}: column {column_name!r} holds {array.type}, must hold numbers, {odd!r} is none; "
            "convert or drop it"
        ) from error


def _is_number(text: str) -> bool:
    try:
        pa.scalar(text).cast(pa.float64())
    except pa.ArrowInvalid:
        return False
    return True


def plain_type(kind: pa.DataType) -> pa.DataType:
    """Return the type of values, without the dictionaries around them."""
    while pa.types.is_dictionary(kind):
        kind = kind.value_type
    return kind


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
