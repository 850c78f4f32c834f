"""When the rows of a table are known, and their labels, on the time axis of the data that they stand beside."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from ml4t.backtest.data.arrays import Int64s
from ml4t.backtest.data.errors import DAY_NS, DataError
from ml4t.backtest.data.tables.arrow import pandas_column
from ml4t.backtest.data.tables.asset_codes import encode
from ml4t.backtest.data.tables.clock import Clock, Owners, check_kinds, make_clock
from ml4t.backtest.data.tables.column_roles import ASSET, find_roles
from ml4t.backtest.data.tables.stamps import Stamps, read_stamps
from ml4t.backtest.market.market_data import MarketData
from ml4t.backtest.walk_forward.combinatorial import CombinatorialPurged
from ml4t.backtest.walk_forward.errors import WalkForwardError
from ml4t.backtest.walk_forward.row_times import found, read_times, times_of
from ml4t.backtest.walk_forward.splitter import WalkForward
from ml4t.backtest.walk_forward.timed_rows import check_ends, check_order, nanoseconds

TABLE = "table"
DATA = "the data"


def table_times(
    table: pd.DataFrame, splits: WalkForward | CombinatorialPurged, data: MarketData
) -> tuple[Int64s, Int64s]:
    """Return when rows are known, and when their labels are: nanoseconds UTC.

    Times without a zone, and dates, are read as those of signals beside the same data: by the ``timezone`` and the
    ``bar_time`` that were said of it. A date of bars that are stamped with their beginning is over as its bar is.

    Raises
    ------
    WalkForwardError
        If the rows have no times, are not in order, or labels end before their rows; if nobody said what times without
        a zone, or dates beside times of day, are.
    """
    own = found(table, splits.times, "times") if splits.times is not None else times_of(table)
    if own is None:
        raise WalkForwardError(
            "the rows of table have no times: name their column with WalkForward(..., times=...)"
        )
    written = {"times": read_times("times", own, len(table))}
    check_order(nanoseconds("times", written["times"]))
    ends = found(table, splits.label_ends, "label_ends")
    if ends is not None:
        written["label_ends"] = read_times("label_ends", ends, len(table))
    try:
        placed = _placed(written, table, data)
    except DataError as error:
        raise WalkForwardError(str(error)) from error
    times, known = placed["times"], placed.get("label_ends", placed["times"])
    check_ends(times, known)
    return times, known


def _placed(
    written: dict[str, pd.DatetimeIndex], table: pd.DataFrame, data: MarketData
) -> dict[str, Int64s]:
    clock = make_clock(data.info.get("bar_time"), data.info.get("timezone"))
    of_dates = _clock_of_dates(clock, data)
    stamps = {
        name: read_stamps(pandas_column(index, TABLE, name), TABLE, name)
        for name, index in written.items()
    }
    clocks = {name: of_dates if one.kind == "date" else clock for name, one in stamps.items()}
    _check_kinds({name: clocks[name].comparable(one) for name, one in stamps.items()}, clock, data)
    by_asset = clock.by_asset and any(clock.kind(one) == "date" for one in stamps.values())
    owners = _owners(table, data) if by_asset else None
    return {name: clocks[name].instants(one, TABLE, owners=owners) for name, one in stamps.items()}


def _check_kinds(kinds: dict[str, Stamps], clock: Clock, data: MarketData) -> None:
    named = {f"{name} of table": one for name, one in kinds.items()}
    try:
        check_kinds({DATA: _times_of(data)} | named, clock)
    except DataError as error:
        raise WalkForwardError(
            f"{error}; say it where the data are read, as times of table are read as theirs, or give these with their "
            "zone"
        ) from error


def _times_of(data: MarketData) -> Stamps:
    """Return the times of the data as what they are beside others."""
    kind = data.info.get("compared_as")
    if kind is None:  # made of arrays: nobody said what they were
        kind = "aware" if np.any(data.timestamps % DAY_NS) else "utc_date"
    return Stamps(kind, data.timestamps)


def _clock_of_dates(clock: Clock, data: MarketData) -> Clock:
    """Return the clock of dates: where those of the data begin their bars, they are over when these are."""
    after = data.info.get("complete_after")
    begin = data.info.get("times") == "date" and after and after != clock.time_of_day
    return replace(clock, bar_length=after) if begin else clock


def _owners(table: pd.DataFrame, data: MarketData) -> Owners:
    """Return the assets of rows, for dates that are complete at a time of each asset."""
    names = [str(name) for name in [*table.index.names, *table.columns] if name is not None]
    column = find_roles(TABLE, names, {"asset": ASSET}).get("asset")
    if column is None:
        if len(data.assets) == 1:
            return Owners(np.zeros(len(table), np.int32), data.assets)
        raise DataError(
            "bar_time= of the data goes by asset, and table has no column of assets (asset, symbol, ticker or "
            "instrument)"
        )
    values = pd.Index(found(table, column, "asset"))
    codes, assets = encode(pandas_column(values, TABLE, column), TABLE, column)
    return Owners(codes, tuple(assets))
