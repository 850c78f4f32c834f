"""What validation looks for in the times of tables: whether they can be what they are said to be."""

from __future__ import annotations

from ml4t.backtest.data.arrays import Int64s
from ml4t.backtest.data.join.bars import Bars
from ml4t.backtest.data.join.coverage import (
    Span,
    find_apart,
    find_beginning,
    find_far,
    find_gap,
    find_little,
    find_other_stamping,
    gap_text,
    published_span,
)
from ml4t.backtest.data.tables.clock import Clock
from ml4t.backtest.data.tables.series_table import SeriesTable
from ml4t.backtest.data.tables.stamps import Stamps
from ml4t.backtest.data.validation.findings import Findings


def find_in_times(
    findings: Findings, table: str, stamps: Stamps, timestamps: Int64s | None = None
) -> None:
    """Look at the times of a table alone; ``timestamps`` are those of bars, in order."""
    far = stamps.nanoseconds[find_far(stamps)]
    findings.add(table, "far_time", "", "time is outside 1900 to 2200", far)
    if stamps.strays is not None:
        findings.add_column(
            table,
            "stray_time",
            "",
            f"{stamps.strays.n_midnights:,} times are midnights, as dates are, and {stamps.strays.n_times:,} are not: "
            f"{stamps.strays.first}",
        )
    early = None if timestamps is None else find_beginning(stamps)
    if early is not None:
        findings.add_column(table, "far_time", "", early)
    before = None if timestamps is None else find_gap(timestamps)
    if timestamps is not None and before is not None:
        after = timestamps[before + 1 : before + 2]
        findings.add(table, "time_gap", "", gap_text(timestamps, before), after)


def find_beside_bars(
    findings: Findings, table: SeriesTable, clock: Clock, bars: Bars, is_signal: bool
) -> None:
    """Look at the times of a table beside those of the bars."""
    span = published_span(table, clock)
    if span is None or not len(bars.timestamps):
        return
    of_bars = Span.of(bars.timestamps)
    apart = find_apart(table=span, bars=of_bars, must_begin_within=is_signal)
    little = find_little(span, of_bars) if apart is None else None
    for check, what in (("no_overlap", apart), ("little_overlap", little)):
        if what is not None:
            findings.add_column(table.name, check, "", what)
    what = find_other_stamping(table, clock, span, bars.timestamps)
    if what is not None:
        findings.add_column(table.name, "start_stamps", "", what)
