"""The charts of a run, one by one: the same as on its page, for papers."""

from ml4t.backtest.report.charts.chosen_chart import CHARTS, chart_of

__all__ = ["CHARTS", "chart_of"]
