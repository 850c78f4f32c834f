"""Times as files store them, compared in nanoseconds."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from ml4t.backtest.data.arrays import Int64s
from ml4t.backtest.data.errors import DAY_NS
from ml4t.backtest.data.tables.arrow import eight_bytes
from ml4t.backtest.data.tables.epochs import UNITS


def stored(time_ns: int, kind: pa.DataType) -> pa.Scalar:
    """Return the last value of a type of times that is not after ``time_ns``."""
    if pa.types.is_timestamp(kind):
        return pa.scalar(time_ns // UNITS[kind.unit], pa.int64()).cast(kind)
    days = time_ns // DAY_NS
    if pa.types.is_date32(kind):
        return pa.scalar(days, pa.int32()).cast(kind)
    return pa.scalar(days * (DAY_NS // UNITS["ms"]), pa.int64()).cast(kind)


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
