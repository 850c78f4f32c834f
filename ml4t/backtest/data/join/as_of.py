"""The point-in-time join: what was known at each bar, and no more.

A value is *published* at ``available_at``, or at its own time plus ``available_after``. A bar at t
sees, for its asset, the value with the latest own time among those published up to t. So a restated
row replaces the old one from its own publication on, and an old row that comes late hides nothing
newer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from ml4t.backtest.data.arrays import Float64s, Int32s, Int64s, Marks
from ml4t.backtest.data.errors import (
    DAY_NS,
    DataError,
    LookAheadError,
    count_rows,
    first_rows,
    warn,
)
from ml4t.backtest.data.join._as_of import as_of_rows, repeats, take_known
from ml4t.backtest.data.join._row_order import are_counting, are_sorted
from ml4t.backtest.data.join.bars import Bars
from ml4t.backtest.data.join.history import History, lagged
from ml4t.backtest.data.join.row_order import sort_by_time
from ml4t.backtest.data.tables.clock import Clock, later
from ml4t.backtest.data.tables.series_table import SeriesTable


def join_assets(
    series: SeriesTable,
    bars: Bars,
    clock: Clock,
    on_violation: str = "raise",
    history: History | None = None,
) -> dict[str, Float64s]:
    """Join a table of signals or features to bars.

    NaN is a value here: it says that nothing is known from then on.

    Parameters
    ----------
    series : SeriesTable
    bars : Bars
    clock : Clock
    on_violation : {"raise", "warn"}
    history : History, optional
        What was known before, where table and bars are parts that follow others; it goes on to the next.

    Returns
    -------
    dict of column name to float64 array, shape (n_rows,); NaN where nothing is known

    Raises
    ------
    LookAheadError
        If a value is published before its own time.
    DataError
        If an (asset, time) stands twice.
    """
    series, known = _known(series, clock, on_violation, history)
    # The names of a table begin with the assets of the run.
    rows = _Rows(known, bars.timestamps, bars.offsets, bars.codes, len(bars.assets), history)
    at_bars = rows.at_bars(bars.times, len(series.names))
    if history is not None:
        history.keep(series)
    return {column: known.values(values, at_bars) for column, values in series.columns.items()}


def join_context(
    series: SeriesTable,
    bars: Bars,
    clock: Clock,
    on_violation: str = "raise",
    history: History | None = None,
) -> dict[str, Float64s]:
    """Join a table of market-wide values to the timestamps of a run.

    A NaN in a column is no publication here: a holiday in the source keeps the last value. It may be
    limited with ``max_age``.

    Returns
    -------
    dict of column name to float64 array, shape (n_times,)
    """
    series, known = _known(series, clock, on_violation, history)
    n_times = len(bars.timestamps)
    rows = _Rows(
        known, bars.timestamps, np.arange(n_times + 1), np.zeros(n_times, np.int32), 1, history
    )
    joined = {}
    for column, values in series.columns.items():
        at_times = rows.at_bars(bars.timestamps, 1, column, ~np.isnan(values))
        joined[column] = known.values(values, at_times)
    if history is not None:
        history.keep(series)
    return joined


def _known(
    series: SeriesTable, clock: Clock, on_violation: str, history: History | None
) -> tuple[SeriesTable, Publications]:
    """Return a table behind what is kept of its rows before, and both in order of publication."""
    n_before = 0
    if history is not None:
        series, n_before = history.before(series), history.n_rows
    return series, Publications(series, clock, on_violation, n_before)


@dataclass(frozen=True)
class _Rows:
    """Which row of a table is seen at each bar, or at each timestamp as if it were a bar of one asset."""

    known: Publications
    timestamps: Int64s
    offsets: Int64s
    codes: Int32s
    n_assets: int
    history: History | None

    def at_bars(
        self, times: Int64s, n_names: int, column: str = "", only: Marks | None = None
    ) -> Int64s:
        """Return the rows seen, lag included, -1 for none; ``times`` are those of single bars."""
        known = partial(self.known.at_bars, n_assets=n_names, only=only)
        if self.history is None:
            rows = known(self.timestamps, self.offsets, self.codes)
            rows = lagged(rows, self.codes, self.n_assets, self.known.lag_bars)
        else:
            rows = self.history.rows_at(known, self.timestamps, self.offsets, self.codes, column)
        return self.known.without_stale(rows, times)


class Publications:
    """Rows of a table in the order in which they became known."""

    def __init__(
        self, series: SeriesTable, clock: Clock, on_violation: str, n_checked: int = 0
    ) -> None:
        self.codes = series.codes
        self.max_age = series.options.max_age_ns
        self.lag_bars = series.options.lag_bars
        self.published, self.own = publication_times(series, clock)
        self.published_of_row = self.published
        _check_violations(series, self.published, self.own, on_violation, n_checked)
        self.order = publication_order(self.published, self.own)
        if self.order is not None:
            same = self.own is self.published
            self.published, self.codes = self.published[self.order], self.codes[self.order]
            self.own = self.published if same else self.own[self.order]
        _refuse_repeats(series, self)

    def at_bars(
        self,
        timestamps: Int64s,
        offsets: Int64s,
        codes: Int32s,
        n_assets: int,
        only: Marks | None = None,
    ) -> Int64s:
        """Return for each bar the row of the table known at it, -1 where none is."""
        published, own, assets, order = self.published, self.own, self.codes, self.order
        if only is not None and not only.all():
            kept = np.flatnonzero(only if order is None else only[order])
            published, own, assets = published[kept], own[kept], assets[kept]
            order = kept if order is None else order[kept]
        rows = as_of_rows(timestamps, offsets, codes, published, own, assets, n_assets)
        return rows if order is None else _compose(order, rows)

    def without_stale(self, rows: Int64s, times: Int64s) -> Int64s:
        """Return ``rows`` with -1 where the value is older than it may be."""
        if self.max_age is None or len(self.published_of_row) == 0:
            return rows
        age = times - self.published_of_row[rows]
        return np.where((rows >= 0) & (age > self.max_age), -1, rows)

    def values(self, values: Float64s, rows: Int64s) -> Float64s:
        """Return the values of ``rows``; the column itself where each bar has its own row."""
        if len(rows) == len(values) and are_counting(np.ascontiguousarray(rows)):
            return values
        return take_known(np.ascontiguousarray(values), rows)


def publication_times(series: SeriesTable, clock: Clock) -> tuple[Int64s, Int64s]:
    """Return when each value became known and the time it speaks of, in nanoseconds UTC."""
    lag, owners = series.options.lag_ns, series.owners
    if series.published is not None:
        if series.options.available_after is not None:
            raise DataError(
                f"{series.name}: has a column of publication times, so available_after= must not be given"
            )
        clock = clock.without_length
        published = clock.instants(series.published, series.name, owners=owners)
        if series.own is series.published:
            return published, published
        return published, clock.day_starts(series.own, series.name, owners)
    whole_days = lag // DAY_NS if series.own.in_days else 0
    complete = clock.instants(series.own, series.name, whole_days, owners)
    published = later(complete, lag - whole_days * DAY_NS, series.name)
    # Published in the order of their own times, so those need not be kept apart.
    return published, published


def _check_violations(
    series: SeriesTable, published: Int64s, own: Int64s, on_violation: str, n_checked: int
) -> None:
    if own is published:
        return
    early = published < own
    early[:n_checked] = False  # rows that an earlier chunk has handed on
    if early.any():
        what = f"{series.name}: available_at of {', '.join(series.columns)} is before the value's own time"
        names = _namer(series.names, series.codes)
        report_violation(early, own - published, own, names, what, on_violation)


def _namer(names: tuple[Any, ...], codes: Int32s) -> Callable[[Any], Any] | None:
    return (lambda row: names[codes[row]]) if names else None


def report_violation(
    bad: Marks,
    by: Int64s,
    times: Int64s,
    names: Callable[[Any], Any] | None,
    what: str,
    on_violation: str,
) -> None:
    """Raise, warn or, for a caller that reports them, ignore values that cannot have been known.

    Parameters
    ----------
    bad : bool array, shape (n,)
    by : int64 array, shape (n,)
        Nanoseconds of foreknowledge.
    times : int64 array, shape (n,), nanoseconds UTC
    names : callable from row to asset name, or None
    what : str
        Table, columns and what is wrong with them.
    """
    message = (
        f"{what} in {count_rows(bad.sum())}, by up to {pd.Timedelta(int(by[bad].max()), 'ns')}: "
        f"{first_rows(bad, times, names, None)}; correct the times, or pass on_violation='warn'"
    )
    if on_violation == "raise":
        raise LookAheadError(message)
    if on_violation == "warn":
        warn(message)


def publication_order(published: Int64s, own: Int64s) -> Int64s | None:
    """Return the stable order by (published, own), None if the rows stand so."""
    if are_sorted(*map(np.ascontiguousarray, (published, own))):
        return None
    order = np.arange(len(published))
    if own is not published:
        order = sort_by_time(order, own)
    return sort_by_time(order, published)


def _refuse_repeats(series: SeriesTable, known: Publications) -> None:
    marks = repeats(known.published, known.own, known.codes, max(len(series.names), 1))
    if marks.any():
        names = _namer(series.names, known.codes)
        raise DataError(
            f"{series.name}: values of one time{' and asset' if names else ''} are given twice in "
            f"{count_rows(marks.sum())}: {first_rows(marks, known.own, names, None)}; drop the repeated rows, or give "
            "the time of each in a column available_at"
        )


def _compose(order: Int64s, rows: Int64s) -> Int64s:
    return np.where(rows < 0, -1, order[rows]) if len(order) else rows
