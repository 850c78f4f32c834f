"""Times as files store them, compared in nanoseconds."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from ml4t.backtest.data.arrays import Int64s
from ml4t.backtest.data.errors import DAY_NS
from ml4t.backtest.data.tables.arrow import eight_bytes
from ml4t.backtest.data.tables.epochs import UNITS
from ml4t.backtest.data.tables.stamps import FIRST_DAY, LAST_DAY

INT64 = np.iinfo(np.int64)
DAY_MS = DAY_NS // UNITS["ms"]


def stored(time_ns: int, kind: pa.DataType) -> pa.Scalar:
    """Return the last value of a type of times that is not after ``time_ns``, or the first there is."""
    time_ns = min(max(time_ns, INT64.min), INT64.max)
    if pa.types.is_timestamp(kind):
        return pa.scalar(time_ns // UNITS[kind.unit], pa.int64()).cast(kind)
    days = time_ns // DAY_NS
    if pa.types.is_date32(kind):
        return pa.scalar(days, pa.int32()).cast(kind)
    return pa.scalar(days * DAY_MS, pa.int64()).cast(kind)


def stored_times(column: pa.Array) -> Int64s:
    """Return a column of dates or timestamps, none of them null, as stored nanoseconds.

    Raises
    ------
    OverflowError, pyarrow.ArrowInvalid
        If nanoseconds do not hold them.
    """
    if pa.types.is_date(column.type):
        if pa.types.is_date32(column.type):
            days = column.cast(pa.int32()).to_numpy().astype(np.int64)
        else:
            days = eight_bytes(column, np.int64) // DAY_MS
        if len(days) and (days.min() < FIRST_DAY or days.max() > LAST_DAY):
            raise OverflowError("dates outside 1677 to 2262")
        return days * DAY_NS
    if column.type.unit != "ns":
        column = column.cast(pa.timestamp("ns", column.type.tz))
    return eight_bytes(column, np.int64)
