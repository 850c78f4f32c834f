"""What validation looks for in signals, features and context, over every row of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from ml4t.backtest.data.arrays import Float64s, Int64s, Marks
from ml4t.backtest.data.join._as_of import repeats
from ml4t.backtest.data.join.as_of import publication_order, publication_times
from ml4t.backtest.data.tables.clock import Clock
from ml4t.backtest.data.tables.series_table import SeriesTable, without_unknown
from ml4t.backtest.data.validation.findings import Findings
from ml4t.backtest.data.validation.price_findings import ByAsset
from ml4t.backtest.market.event import MarketEvent

EVENT_FIELDS = {name for name in dir(MarketEvent) if not name.startswith("_")}
BARS_AHEAD = 10
UNKNOWN = "asset is not among those of the prices"


def find_in_series(
    findings: Findings,
    series: SeriesTable,
    n_assets: int,
    clock: Clock,
    on_violation: str,
) -> bool:
    """Look at every row of a table of signals, features or context.

    Parameters
    ----------
    findings : Findings
        Takes what is found.
    series : SeriesTable
    n_assets : int
        Names of the table beyond these are unknown to the run.
    clock : Clock
        Of the table.
    on_violation : {"raise", "warn"}
        What a value published before its own time does.

    Returns
    -------
    bool
        Whether the table can be joined: no value is given twice.
    """
    published, own = publication_times(series, clock)
    names = np.array(series.names, object) if series.names else None

    def add(
        check: str,
        column: str,
        what: str,
        bad: Marks,
        values: Any = None,
        accepted: bool = False,
    ) -> None:
        at = np.flatnonzero(bad)
        assets = None if names is None else names[series.codes[at]]
        findings.add(
            series.name,
            check,
            column,
            what,
            own[at],
            assets,
            None if values is None else values[at],
            accepted,
        )

    if series.names:
        add("unknown_asset", "", UNKNOWN, series.codes >= n_assets)
    early, what = published < own, "available_at is before the value's own time"
    add("early_publication", "", what, early, accepted=on_violation == "warn")
    again = _repeats(published, own, series)
    add(
        "duplicate",
        "",
        "time and asset are repeated" if series.names else "time is repeated",
        again,
    )
    for column, values in series.columns.items():
        add("infinite_value", column, "is infinite", np.isinf(values), values)
        find_in_column(findings, series.name, column, values)
    return not again.any()


def known_alone(findings: Findings, series: SeriesTable, n_assets: int) -> SeriesTable:
    """Leave out what the run leaves out, rows of unknown assets, and report them.

    Raises
    ------
    DataError
        If no row is left.
    """
    known, n_dropped = without_unknown(series, n_assets)
    if n_dropped:
        at = np.flatnonzero(series.codes >= n_assets)
        names = np.array(series.names, object)[series.codes[at]]
        times = series.own.nanoseconds[at]
        findings.add(series.name, "unknown_asset", "", UNKNOWN, times, names, accepted=True)
    return known


def _repeats(published: Int64s, own: Int64s, series: SeriesTable) -> Marks:
    n_assets = max(len(series.names), 1)
    order = publication_order(published, own)
    if order is None:
        return repeats(published, own, series.codes, n_assets)
    again = np.empty(len(order), bool)
    again[order] = repeats(published[order], own[order], series.codes[order], n_assets)
    return again


def find_in_column(findings: Findings, table: str, column: str, values: Float64s) -> None:
    """Look at a column of values as a whole: its name, and whether it says anything."""
    if column in EVENT_FIELDS:
        findings.add_column(
            table,
            "field_name",
            column,
            "is named as a field of the event, and read through its mapping only",
        )
    known = values[~np.isnan(values)]
    if not len(known):
        findings.add_column(table, "constant", column, "has no value at all")
    elif len(known) > 1 and (known == known[0]).all():
        findings.add_column(table, "constant", column, f"is {known[0]:g} in every row")


def find_foresight(
    findings: Findings,
    rows: ByAsset,
    columns: dict[str, Float64s],
    tables: dict[str, str],
    limit: float,
) -> None:
    """Find columns that go with returns they cannot know.

    For each of the next ten bars: the correlation of the ranks of the column at a bar with the ranks of
    that later bar's return, over all rows that have both. A good prediction has a few hundredths.

    Parameters
    ----------
    columns : mapping of name to float64 array, shape (n_rows,), joined to the bars
    tables : mapping of column name to the table it came from
    limit : float
        Rank correlation from which on a column is suspected, if it is also beyond five standard
        errors, ``5/sqrt(n)``.
    """
    if not columns or not findings.wanted("foresight"):
        return
    with np.errstate(divide="ignore", invalid="ignore"):
        returns = np.append(rows.close[1:] / rows.close[:-1] - 1.0, np.nan)
    # The return of the asset's next bar; ends of assets have none.
    returns[rows.first[1:] - 1] = np.nan
    return_ranks = _ranks(returns)
    for column, values in columns.items():
        value_ranks = _ranks(values[rows.order])
        for ahead in range(1, BARS_AHEAD + 1):
            correlation, n_pairs = _correlation(value_ranks, return_ranks, rows, ahead)
            if n_pairs and abs(correlation) > max(limit, 5.0 / np.sqrt(n_pairs)):
                what = (
                    f"has a rank correlation of {correlation:.2f} with the return of the bar {ahead} after it, over "
                    f"{n_pairs:,} rows: does it know the future?"
                )
                findings.add_column(tables[column], "foresight", column, what)
                break


def _ranks(values: Float64s) -> Float64s:
    """Return the ranks of finite values, mean ranks for ties, NaN for the rest."""
    ranks = np.full(len(values), np.nan)
    known = np.flatnonzero(np.isfinite(values))
    order = known[np.argsort(values[known])]
    in_order = values[order]
    starts = np.flatnonzero(np.concatenate(([True], in_order[1:] != in_order[:-1])))
    sizes = np.diff(np.append(starts, len(order)))
    ranks[order] = np.repeat(starts + (sizes - 1) / 2.0, sizes)
    return ranks


def _correlation(
    values: Float64s, next_returns: Float64s, rows: ByAsset, ahead: int
) -> tuple[float, int]:
    """Return the correlation of values with the return ``ahead`` bars later, and the pairs it is of."""
    if len(values) < ahead:
        return 0.0, 0
    shift = ahead - 1
    first, later = values[: len(values) - shift], next_returns[shift:]
    same = rows.codes[: len(values) - shift] == rows.codes[shift:]
    pairs = same & ~np.isnan(first) & ~np.isnan(later)
    first, later = first[pairs], later[pairs]
    if len(first) < 3:
        return 0.0, 0
    first, later = first - first.mean(), later - later.mean()
    scale = float(np.sqrt((first @ first) * (later @ later)))
    return (float(first @ later) / scale if scale else 0.0), len(first)
