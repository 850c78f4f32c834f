"""Notes: what to keep in mind when reading the figures of a run, one file for each family of them."""

from ml4t.backtest.report.notes.all_notes import notes_of

__all__ = ["notes_of"]
