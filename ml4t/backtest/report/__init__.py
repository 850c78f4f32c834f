"""How a run is shown: summary, picture, progress bar."""

from ml4t.backtest.report.progress import progress_bar
from ml4t.backtest.report.summary import print_summary, summary_table, summary_text

__all__ = ["print_summary", "progress_bar", "summary_table", "summary_text"]
