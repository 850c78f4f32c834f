"""What the metadata of Parquet files say: where the times of their row groups lie."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds

from ml4t.backtest.data.arrays import Int64s
from ml4t.backtest.data.stream.stored_times import stored_times


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
    try:
        return _row_groups(dataset, time)
    except (OverflowError, ValueError, pa.ArrowException):
        # Times that Python or nanoseconds do not hold: they are named when the rows are read.
        return None


def _row_groups(dataset: ds.FileSystemDataset, time: str) -> RowGroups | None:
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


def file_spans(dataset: ds.Dataset, time: str) -> tuple[Int64s, Int64s] | None:
    """Return the first and last stored time of each file; None where the files do not say it.

    A file without rows begins after it ends.
    """
    groups = row_groups(dataset, time)
    if groups is None:
        return None
    n_files = len(list(dataset.get_fragments()))
    first = np.full(n_files, np.iinfo(np.int64).max)
    last = np.full(n_files, np.iinfo(np.int64).min)
    np.minimum.at(first, groups.file, groups.first)
    np.maximum.at(last, groups.file, groups.last)
    return first, last


def in_time_order(dataset: ds.Dataset, time: str) -> ds.Dataset:
    """Return a dataset whose files stand in the order of their first times, where those are known."""
    spans = file_spans(dataset, time)
    if spans is None:
        return dataset
    order = np.argsort(spans[0], kind="stable")
    if (order[1:] > order[:-1]).all():
        return dataset
    files = list(dataset.get_fragments())
    return with_files(dataset, [files[number] for number in order])


def with_files(dataset: ds.Dataset, files: list[ds.Fragment]) -> ds.Dataset:
    """Return a dataset of these of its files."""
    return ds.FileSystemDataset(files, dataset.schema, dataset.format, dataset.filesystem)
