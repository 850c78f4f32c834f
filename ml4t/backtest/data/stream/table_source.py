"""A table that is read in parts: the rows between two times, the columns and assets asked for."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from operator import and_
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from ml4t.backtest.data.arrays import Int64s
from ml4t.backtest.data.errors import DataError
from ml4t.backtest.data.stream.row_groups import file_spans, in_time_order, with_files
from ml4t.backtest.data.stream.stored_times import stored, stored_times
from ml4t.backtest.data.tables.arrow import is_text, single, to_arrow
from ml4t.backtest.data.tables.asked import ANYTHING, Asked
from ml4t.backtest.data.tables.epochs import from_epochs, is_number
from ml4t.backtest.data.tables.find_files import are_files, find_files
from ml4t.backtest.data.tables.parquet_files import parquet_dataset
from ml4t.backtest.data.tables.stamps import plain_times

TIME_ROLES = ("timestamp", "available_at")


# Rows decoded at a time: of the first ones, which are waited for, and at the most. Each time takes a turn
# from the run that goes on meanwhile, and larger ones keep it waiting while chunks are still small.
FIRST_BATCH, LARGEST_BATCH = 65_536, 262_144


PAGE_BYTES = 1 << 20


Roles = dict[str, str]


@dataclass(frozen=True)
class TableSource:
    """A dataset, the columns of its roles, and which of its rows and columns are meant.

    Times are compared as they are *stored*, in nanoseconds: midnights of dates, local times of stamps
    without a zone, UTC of those with one. ``time`` is the column that is compared; ``counted`` says that some
    times were numbers.
    """

    name: str
    dataset: ds.Dataset
    roles: Roles
    time: str
    columns: tuple[str, ...]
    assets: tuple[Any, ...] | None = None
    after: int | None = None
    until: int | None = None
    counted: bool = False

    def read(self, after: int | None = None, until: int | None = None) -> pa.Table:
        """Return the rows with ``after`` < stored time <= ``until``, in the order they are stored in.

        Only files that have such rows are opened; a table in memory is looked through once, by the
        first call.
        """
        if isinstance(self.dataset, ds.InMemoryDataset):
            return self._in_memory.between(after, until)
        chosen, dataset = self._filter(after, until), self._files_between(after, until)
        return self._try(lambda: dataset.to_table(list(self.columns), filter=chosen))

    def first_rows(self, columns: Sequence[str], n_rows: int = 1000) -> dict[str, Any]:
        """Return the first rows of these columns."""
        if not columns:
            return {}
        table = self._try(lambda: self.dataset.head(n_rows, columns=list(columns)))
        return {column: table[column] for column in columns}

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
        for fragment in self._files_between(after, until).get_fragments(chosen):
            yield from self._nonempty(fragment, list(columns), chosen, n_rows)

    @cached_property
    def _in_memory(self) -> RowsInMemory:
        chosen, columns = self._filter(None, None), [*dict.fromkeys((self.time, *self.columns))]
        table = self._try(lambda: self.dataset.to_table(columns, filter=chosen))
        return RowsInMemory(
            table.select(list(self.columns)), stored_times(single(table[self.time]))
        )

    @cached_property
    def _spans(self) -> tuple[Int64s, Int64s] | None:
        return file_spans(self.dataset, self.time)

    @cached_property
    def _files(self) -> list[ds.Fragment]:
        return list(self.dataset.get_fragments())

    def _files_between(self, after: int | None, until: int | None) -> ds.Dataset:
        """Return the files that have rows with ``after`` < stored time <= ``until``, as far as they say it."""
        if (after is None and until is None) or self._spans is None:
            return self.dataset
        first, last = self._spans
        inside = np.ones(len(first), bool)
        if after is not None:
            inside &= last > after
        if until is not None:
            inside &= first <= until
        return with_files(self.dataset, [self._files[number] for number in np.flatnonzero(inside)])

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

    def _nonempty(
        self, fragment: ds.Fragment, columns: list[str], chosen: ds.Expression | None, n_rows: int
    ) -> Iterator[pa.RecordBatch]:
        file = getattr(fragment, "path", "")  # a table in memory has none
        batches = self._try(lambda: self._batches_of(fragment, columns, chosen, n_rows), file)
        while (batch := self._try(lambda: next(batches, None), file)) is not None:
            if batch.num_rows:
                yield batch
            # Let go of it before the next one: Arrow then frees it as it decodes, without the GIL.
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

    def _try(self, read: Callable[[], Any], file: str = "") -> Any:
        try:
            return read()
        except (pa.ArrowException, OSError) as error:
            what = f"{file} could not" if file else "could not"
            raise DataError(f"{self.name}: {what} be read: {error}") from error


class RowsInMemory:
    """A table in memory, asked for its rows between two times.

    Parameters
    ----------
    table : pyarrow.Table
    times : int64 array, shape (n_rows,)
        Stored time of each row, in any order.
    """

    def __init__(self, table: pa.Table, times: Int64s) -> None:
        self._table = table
        self._order = np.argsort(times, kind="stable")
        self._times = times[self._order]

    def between(self, after: int | None, until: int | None) -> pa.Table:
        """Return the rows with ``after`` < stored time <= ``until``, in the order of the table."""
        begin = 0 if after is None else np.searchsorted(self._times, after, side="right")
        end = None if until is None else np.searchsorted(self._times, until, side="right")
        rows = np.sort(self._order[begin:end])
        if len(rows) and rows[-1] - rows[0] == len(rows) - 1:
            return self._table.slice(rows[0], len(rows))
        return self._table.take(pa.array(rows))


def _decoded(file: pq.ParquetFile, columns: list[str], n_rows: int) -> Iterator[pa.RecordBatch]:
    """Decode a file, its first row group in small batches: they are waited for, the others read ahead."""
    groups = [*range(file.num_row_groups)]
    for some, at_a_time in ((groups[:1], FIRST_BATCH), (groups[1:], n_rows)):
        if some:
            yield from file.iter_batches(at_a_time, some, columns, use_threads=False)


def open_source(
    given: Any,
    name: str,
    find_roles: Callable[[list[str]], Roles],
    seen_by: Sequence[str],
    asked: Asked = ANYTHING,
    value_name: str = "close",
    time_unit: str | None = None,
) -> TableSource:
    """Look at a table without reading it.

    Parameters
    ----------
    given : path, pattern or list of paths, or a table in memory
        Parquet files are read in parts; CSV files are read as a whole, now.
    name : str
        What the table is called in messages.
    find_roles : callable
        From column names to the column of each role, that of times among them.
    seen_by : sequence of str
        Roles of times; the first that the table has says when a row is seen.
    asked : Asked
        What is asked for by name.
    value_name : str
        Name of the values of a pandas Series without a name.
    time_unit : str, optional
        What times that are numbers count.

    Raises
    ------
    DataError
        If there is no such file, or its times are neither dates nor timestamps.
    """
    files = find_files(given, name) if are_files(given) else []
    is_parquet = bool(files) and not files[0].is_csv
    dataset = (
        parquet_dataset(files, name, asked)
        if is_parquet
        else ds.dataset(to_arrow(given, name, value_name, asked))
    )
    columns = dataset.schema.names
    roles = find_roles(columns)
    asset = roles.get("asset")
    if is_parquet and asset is not None and is_text(dataset.schema.field(asset).type):
        # Names are read as codes: they repeat in every row.
        dataset = parquet_dataset(files, name, asked, [asset])
    times = [roles[role] for role in TIME_ROLES if role in roles]
    counted = any(is_number(dataset.schema.field(column).type) for column in times)
    for column in times:
        dataset = _with_times(dataset, column, name, time_unit)
    time = next(roles[role] for role in seen_by if role in roles)
    dataset = in_time_order(dataset, time)
    return TableSource(name, dataset, roles, time, tuple(columns), counted=counted)


def _with_times(dataset: ds.Dataset, column: str, name: str, time_unit: str | None) -> ds.Dataset:
    kind = dataset.schema.field(column).type
    if pa.types.is_date(kind) or pa.types.is_timestamp(kind):
        return dataset
    where = f"{name}: column {column!r}"
    if isinstance(dataset, ds.InMemoryDataset):
        table = dataset.to_table()
        times = plain_times(table[column], name, column)
        if is_number(kind):
            times = from_epochs(times, time_unit, where)
        if pa.types.is_date(times.type) or pa.types.is_timestamp(times.type):
            position = table.column_names.index(column)
            return ds.dataset(table.set_column(position, column, times))
    raise DataError(
        f"{where} holds {kind}, must hold dates or timestamps to be read in parts; write the file "
        "anew with such a column"
    )
