"""The pictures of a run: described once, drawn by matplotlib or by plotly."""

from ml4t.backtest.report.picture.chosen_picture import picture_of
from ml4t.backtest.report.picture.drawing import drawn

__all__ = ["drawn", "picture_of"]
