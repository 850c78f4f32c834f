"""Rows between two times: the same ones, in the order they are stored in, from memory and from files."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ml4t.backtest.data.stream.series_reader import _InOrder
from ml4t.backtest.data.stream.table_source import open_source

DAY = 86_400 * 10**9
BOUNDS = [(None, None), (None, 3), (3, None), (2, 5), (3, 3), (-5, -1), (9, 20), (4, 4)]


def source(given):
    return open_source(given, "signals", lambda names: {"timestamp": "date"}, ("timestamp",))


def table(days):
    """A value on each of these days since 1970, numbered as they stand."""
    return pa.table({"date": pa.array(days, pa.date32()), "x": np.arange(float(len(days)))})


def in_files(folder, days, n_files):
    rows = table(days)
    for number, part in enumerate(np.array_split(np.arange(len(days)), n_files)):
        pq.write_table(rows.take(pa.array(part)), folder / f"{number}.parquet")
    return folder


@pytest.mark.parametrize("bounds", BOUNDS)
@pytest.mark.parametrize("days", [[0, 1, 2, 3, 3, 4, 6, 9], [4, 3, 9, 0, 3, 1, 2, 6]])
def test_rows_between_two_times(tmp_path, days, bounds):
    after, until = (None if bound is None else bound * DAY for bound in bounds)
    inside = [
        float(place)
        for place, day in enumerate(days)
        if (bounds[0] is None or day > bounds[0]) and (bounds[1] is None or day <= bounds[1])
    ]
    for given in (table(days), in_files(tmp_path, days, 3)):
        read = source(given).read(after, until)
        assert read.column_names == ["date", "x"]
        # Files stand in the order of their first times, which may be another.
        assert sorted(read["x"].to_pylist()) == inside
        if isinstance(given, pa.Table):
            assert read["x"].to_pylist() == inside


@pytest.mark.parametrize("n_files", [None, 1, 3, 8])
def test_rows_in_order_are_those_between_two_times(tmp_path, n_files):
    days = [0, 1, 2, 3, 3, 4, 6, 9]
    given = table(days) if n_files is None else in_files(tmp_path, days, n_files)
    reader = _InOrder(source(given))
    # Spans that overlap, touch, are empty, skip days and pass the end.
    spans = [(None, 1), (0, 2), (2, 2), (2, 3), (2, 4), (3, 4), (5, 6), (6, 8), (7, 30), (30, 40)]
    for after, until in spans:
        stored = None if after is None else after * DAY
        read = reader.between(stored, until * DAY)
        inside = [
            p for p, day in enumerate(days) if (after is None or day > after) and day <= until
        ]
        assert read["x"].to_pylist() == inside, (after, until)
