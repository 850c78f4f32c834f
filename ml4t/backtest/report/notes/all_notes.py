"""Every note, in the order in which they are read: what spoils the figures first."""

from collections.abc import Callable, Iterator

from ml4t.backtest.report.notes.account_notes import cash_below_zero, equity_not_finite, ruin
from ml4t.backtest.report.notes.data_notes import (
    bars_stretched,
    closes_only,
    columns_left_out,
    columns_without_values,
    falls_without_actions,
    gaps_of_a_walk,
    rows_dropped,
    under_a_month,
)
from ml4t.backtest.report.notes.event_notes import (
    cancelled,
    other_events,
    rejected,
    scaled,
    targets_left_alone,
)
from ml4t.backtest.report.notes.fill_notes import (
    ambiguous_bars,
    better_stops,
    capped_without_volume,
    closed_beyond_participation,
    fine_bars,
    least_left,
    outside_bars,
    same_close,
    without_quotes,
    without_volume,
)
from ml4t.backtest.report.notes.session_notes import held_over_sessions, outside_sessions
from ml4t.backtest.report.notes.waiting_notes import cut_short, stale_marks, waiting_orders
from ml4t.backtest.report.reported_run import ReportedRun

NOTES: tuple[Callable[[ReportedRun], Iterator[str]], ...] = (
    cut_short,
    outside_bars,
    better_stops,
    equity_not_finite,
    ruin,
    cash_below_zero,
    rejected,
    scaled,
    cancelled,
    other_events,
    targets_left_alone,
    held_over_sessions,
    waiting_orders,
    stale_marks,
    falls_without_actions,
    columns_without_values,
    rows_dropped,
    columns_left_out,
    bars_stretched,
    outside_sessions,
    closes_only,
    same_close,
    capped_without_volume,
    closed_beyond_participation,
    least_left,
    without_quotes,
    without_volume,
    fine_bars,
    ambiguous_bars,
    gaps_of_a_walk,
    under_a_month,
)


def notes_of(run: ReportedRun) -> tuple[str, ...]:
    """Return what a reader must know before believing the figures; empty for a run without doubts.

    Each note is a sentence. They are read off the tables without a loop over rows.
    """
    return tuple(sentence for note in NOTES for sentence in note(run))
