"""A table that is read in parts: the rows between two times, the columns and assets asked for."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import and_
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from ml4t.backtest.data.arrays import Int64s
from ml4t.backtest.data.errors import DAY_NS, DataError
from ml4t.backtest.data.stream.chunk_columns import Room
from ml4t.backtest.data.tables.arrow import (
    eight_bytes,
    is_text,
    refuse_mixed_files,
    single,
    to_arrow,
    without_keys,
)
from ml4t.backtest.data.tables.raw_columns import RawTable
from ml4t.backtest.data.tables.stamps import parse_times

UNIT_NS = {"s": 1_000_000_000, "ms": 1_000_000, "us": 1_000, "ns": 1}
TIME_ROLES = ("timestamp", "available_at")

# Rows decoded at a time: of the first ones, which are waited for, and at the most. Each time takes a turn
# from the run that goes on meanwhile, and larger ones keep it waiting while chunks are still small.
FIRST_BATCH, LARGEST_BATCH = 65_536, 262_144
PAGE_BYTES = 1 << 20

Roles = dict[str, str]


@dataclass(frozen=True)
class Source:
    """A dataset, the columns of its roles, and which of its rows and columns are meant.

    Times are compared as they are *stored*, in nanoseconds: midnights of dates, local times of stamps
    without a zone, UTC of those with one. ``time`` is the column that is compared.
    """

    name: str
    dataset: ds.Dataset
    roles: Roles
    time: str
    columns: tuple[str, ...]
    assets: tuple[Any, ...] | None = None
    after: int | None = None
    until: int | None = None

    def read(self, after: int | None = None, until: int | None = None) -> pa.Table:
        """Return the rows with ``after`` < stored time <= ``until``."""
        chosen = self._filter(after, until)
        return self._try(lambda: self.dataset.to_table(list(self.columns), filter=chosen))

    def batches(
        self,
        columns: Collection[str],
        after: int | None = None,
        until: int | None = None,
        n_rows: int = LARGEST_BATCH,
    ) -> Iterator[pa.RecordBatch]:
        """Yield some rows at a time of these columns, in the order in which they are stored.

        About ``n_rows`` at a time where that is left to us.
        """
        chosen = self._filter(after, until)
        # File by file: Arrow would read far ahead over many of them.
        for fragment in self.dataset.get_fragments(chosen):
            yield from self._nonempty(self._batches_of(fragment, list(columns), chosen, n_rows))

    def _batches_of(
        self, fragment: ds.Fragment, columns: list[str], chosen: ds.Expression | None, n_rows: int
    ) -> Iterator[pa.RecordBatch]:
        if chosen is None and self._is_plain(fragment, columns):
            # Page by page: a scanner decodes whole row groups, and several of them, before the first row.
            file = pq.ParquetFile(
                fragment.open(),
                metadata=fragment.metadata,
                read_dictionary=sorted(fragment.format.read_options.dictionary_columns),
                buffer_size=PAGE_BYTES,
                pre_buffer=False,
            )
            return _decoded(file, columns, n_rows)
        scanner = fragment.scanner(self.dataset.schema, columns, filter=chosen, batch_readahead=2)
        return iter(scanner.to_batches())

    def _is_plain(self, fragment: ds.Fragment, columns: list[str]) -> bool:
        """Tell whether a file itself has these columns, just as the dataset has them."""
        if not isinstance(fragment, ds.ParquetFileFragment):
            return False
        own, schema = fragment.physical_schema, self.dataset.schema
        return all(
            own.get_field_index(column) >= 0 and own.field(column).type == schema.field(column).type
            for column in columns
        )

    def _nonempty(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        while (batch := self._try(lambda: next(batches, None))) is not None:
            if batch.num_rows:
                yield batch
            # Let go of it before the next one: Arrow then frees it as it decodes, without the lock.
            del batch

    def _filter(self, after: int | None, until: int | None) -> ds.Expression | None:
        time, kind = ds.field(self.time), self.dataset.schema.field(self.time).type
        bounds = [bound for bound in (after, self.after) if bound is not None]
        parts = [time > stored(bound, kind) for bound in bounds]
        bounds = [bound for bound in (until, self.until) if bound is not None]
        parts += [time <= stored(bound, kind) for bound in bounds]
        if self.assets is not None and "asset" in self.roles:
            parts.append(ds.field(self.roles["asset"]).isin(pa.array(self.assets)))
        return reduce(and_, parts) if parts else None

    def _try(self, read: Callable[[], Any]) -> Any:
        try:
            return read()
        except (pa.ArrowException, OSError) as error:
            raise DataError(f"{self.name}: could not be read: {error}") from error


def _decoded(file: pq.ParquetFile, columns: list[str], n_rows: int) -> Iterator[pa.RecordBatch]:
    """Decode a file, its first row group in small batches: they are waited for, the others read ahead."""
    groups = [*range(file.num_row_groups)]
    for some, at_a_time in ((groups[:1], FIRST_BATCH), (groups[1:], n_rows)):
        if some:
            yield from file.iter_batches(at_a_time, some, columns, use_threads=False)


class InOrder:
    """Reads a source whose rows stand in order of time from front to back, each row once.

    Parameters
    ----------
    source : Source
    n_rows : int
        Rows of the largest chunk: as many are decoded at a time, within limits.
    """

    def __init__(self, source: Source, n_rows: int) -> None:
        self._time = source.time
        at_a_time = max(FIRST_BATCH, min(n_rows, LARGEST_BATCH))
        self._batches = source.batches(source.columns, n_rows=at_a_time)
        self._rest: pa.RecordBatch | None = None

    def until(self, end: int, room: Room) -> RawTable | None:
        """Return the next rows, up to a stored time; None where there is none."""
        parts = list(self._up_to(end))
        n_rows = sum(part.num_rows for part in parts)
        return room.gather(parts, n_rows) if n_rows else None

    def rows(self, n_rows: int, room: Room) -> RawTable:
        """Return the next rows, so many of them."""
        return room.gather(self._first(n_rows), n_rows)

    def _up_to(self, end: int) -> Iterator[pa.RecordBatch]:
        while (batch := self._next()) is not None:
            times = stored_times(batch[self._time])
            n_rows = int(np.searchsorted(times, end, side="right"))
            yield batch.slice(0, n_rows)
            if n_rows < batch.num_rows:
                self._rest = batch.slice(n_rows)
                return
            del batch, times

    def _first(self, n_rows: int) -> Iterator[pa.RecordBatch]:
        while n_rows > 0 and (batch := self._next()) is not None:
            yield batch.slice(0, n_rows)
            if n_rows < batch.num_rows:
                self._rest = batch.slice(n_rows)
            n_rows -= batch.num_rows
            del batch

    def _next(self) -> pa.RecordBatch | None:
        rest, self._rest = self._rest, None
        return next(self._batches, None) if rest is None else rest


def open_source(
    given: Any,
    name: str,
    find_roles: Callable[[list[str]], Roles],
    seen_by: Sequence[str],
    meant: Collection[str],
    value_name: str = "close",
) -> Source:
    """Look at a table without reading it.

    Parameters
    ----------
    given : path or list of paths of Parquet files or folders, or a table in memory or path of a CSV file
        Folders may be partitioned by folders named ``asset=AAA``.
    name : str
        What the table is called in messages.
    find_roles : callable
        From column names to the column of each role, that of times among them.
    seen_by : sequence of str
        Roles of times; the first that the table has says when a row is seen.
    meant : collection of str
        Columns asked for by name: what only the names of folders say is no column but those.
    value_name : str
        Name of the values of a pandas Series without a name.

    Raises
    ------
    DataError
        If there is no such file, or its times are neither dates nor timestamps.
    """
    dataset = _open(given, name, value_name)
    columns = without_keys(dataset.schema.names, given, meant)
    roles = find_roles(columns)
    asset = roles.get("asset")
    if asset is not None and is_text(dataset.schema.field(asset).type):
        # Names are read as codes: they repeat in every row.
        dataset = _open(given, name, value_name, [asset])
    if isinstance(dataset, ds.FileSystemDataset):
        _refuse_mixed(dataset, name)
    for role in TIME_ROLES:
        if role in roles:
            dataset = _with_times(dataset, roles[role], name)
    time = next(roles[role] for role in seen_by if role in roles)
    return Source(name, _in_time_order(dataset, time), roles, time, tuple(columns))


def _open(given: Any, name: str, value_name: str, dictionaries: Sequence[str] = ()) -> ds.Dataset:
    if not _is_parquet(given):
        return ds.dataset(to_arrow(given, name, value_name))
    paths = [str(path) for path in (given if isinstance(given, list | tuple) else [given])]
    for path in paths:
        if not Path(path).exists():
            raise DataError(f"{name}: there is no file {path}")
    try:
        return ds.dataset(
            paths if len(paths) > 1 else paths[0],
            format=ds.ParquetFileFormat(dictionary_columns=list(dictionaries)),
            partitioning=ds.HivePartitioning.discover(infer_dictionary=True),
        )
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{name}: {paths[0]} could not be read: {error}") from error


def _refuse_mixed(dataset: ds.FileSystemDataset, name: str) -> None:
    try:
        refuse_mixed_files(dataset.get_fragments(), name)
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{name}: could not be read: {error}") from error


def _is_parquet(given: Any) -> bool:
    if isinstance(given, list | tuple):
        return bool(given) and all(_is_parquet(item) for item in given)
    return isinstance(given, str | Path) and not str(given).lower().endswith((".csv", ".csv.gz"))


def _with_times(dataset: ds.Dataset, column: str, name: str) -> ds.Dataset:
    kind = dataset.schema.field(column).type
    if pa.types.is_date(kind) or pa.types.is_timestamp(kind):
        return dataset
    where = f"{name}: column {column!r}"
    if is_text(kind) and isinstance(dataset, ds.InMemoryDataset):
        table = dataset.to_table()
        parsed = parse_times(single(table[column]), where)
        return ds.dataset(table.set_column(table.column_names.index(column), column, parsed))
    raise DataError(
        f"{where} holds {kind}, must hold dates or timestamps to be read in parts; write the file "
        "anew with such a column"
    )


class RowGroups(NamedTuple):
    """The row groups of a dataset that have rows: of which file, how many rows, first and last stored time."""

    file: Int64s
    n_rows: Int64s
    first: Int64s
    last: Int64s


def row_groups(dataset: ds.Dataset, time: str) -> RowGroups | None:
    """Read from the metadata of files where their times lie; None where they do not say it."""
    if not isinstance(dataset, ds.FileSystemDataset):
        return None
    found = []
    for number, fragment in enumerate(dataset.get_fragments()):
        metadata = fragment.metadata
        names = [metadata.schema.column(i).path for i in range(metadata.num_columns)]
        if time not in names:
            return None
        for group in map(metadata.row_group, range(metadata.num_row_groups)):
            known = group.column(names.index(time)).statistics
            if group.num_rows and (known is None or not known.has_min_max or known.null_count != 0):
                return None
            if group.num_rows:
                found.append((number, group.num_rows, known.min, known.max))
    if not found:
        return None
    file, n_rows, first, last = zip(*found, strict=True)
    kind = dataset.schema.field(time).type
    return RowGroups(
        np.array(file),
        np.array(n_rows),
        stored_times(pa.array(first, kind)),
        stored_times(pa.array(last, kind)),
    )


def _in_time_order(dataset: ds.Dataset, time: str) -> ds.Dataset:
    """Return a dataset whose files stand in the order of their first times, where those are known."""
    groups = row_groups(dataset, time)
    if groups is None:
        return dataset
    files = list(dataset.get_fragments())
    first = np.full(len(files), np.iinfo(np.int64).max)
    np.minimum.at(first, groups.file, groups.first)
    order = np.argsort(first, kind="stable")
    if (order[1:] > order[:-1]).all():
        return dataset
    return ds.FileSystemDataset(
        [files[number] for number in order], dataset.schema, dataset.format, dataset.filesystem
    )


def stored(time_ns: int, kind: pa.DataType) -> pa.Scalar:
    """Return the last value of a type of times that is not after ``time_ns``."""
    if pa.types.is_timestamp(kind):
        return pa.scalar(time_ns // UNIT_NS[kind.unit], pa.int64()).cast(kind)
    days = time_ns // DAY_NS
    if pa.types.is_date32(kind):
        return pa.scalar(days, pa.int32()).cast(kind)
    return pa.scalar(days * (DAY_NS // UNIT_NS["ms"]), pa.int64()).cast(kind)


def stored_times(column: pa.Array) -> Int64s:
    """Return a column of dates or timestamps as stored nanoseconds."""
    if pa.types.is_date(column.type):
        days = column.cast(pa.date32()).cast(pa.int32())
        return days.to_numpy(zero_copy_only=False).astype(np.int64) * DAY_NS
    if column.type.unit != "ns":
        column = column.cast(pa.timestamp("ns", column.type.tz))
    if column.null_count:
        return column.cast(pa.int64()).to_numpy(zero_copy_only=False)
    return eight_bytes(column, np.int64)
