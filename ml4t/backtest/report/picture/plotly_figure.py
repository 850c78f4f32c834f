"""Pictures drawn by plotly: for notebooks and browsers, where one can zoom and point."""

from __future__ import annotations

from typing import Any

from plotly import graph_objects
from plotly.subplots import make_subplots

from ml4t.backtest.report.picture import colors
from ml4t.backtest.report.picture.shapes import Candles, Columns, Line, Marks, Picture

PIXELS_OF_HEIGHT, PIXELS_AROUND = 130, 110
SYMBOLS = {"up": "triangle-up", "down": "triangle-down", "cross": "x", "dash": "line-ew"}
NUMBERS = {"money": ",.0f", "percent": ".1%", "price": ",", "count": ".2s", "ratio": ",.3~g"}


def figure_of(picture: Picture) -> graph_objects.Figure:
    """Draw a picture."""
    heights = [panel.height for panel in picture.panels]
    figure = make_subplots(
        rows=len(heights),
        cols=1,
        shared_xaxes=True,
        row_heights=heights,
        vertical_spacing=0.03,
    )
    for row, panel in enumerate(picture.panels, start=1):
        for shape in panel.shapes:
            trace = TRACES[type(shape)](shape)
            trace.showlegend = len(panel.shapes) > 1
            figure.add_trace(trace, row=row, col=1)
        figure.update_yaxes(
            title_text=panel.label, tickformat=NUMBERS[panel.numbers], row=row, col=1
        )
    figure.update_xaxes(rangeslider_visible=False)
    figure.update_xaxes(title_text=picture.zone or None, row=len(heights), col=1)
    figure.update_layout(
        title={"text": picture.title, "x": 0.01, "font": {"size": 15}},
        template="plotly_white",
        height=PIXELS_AROUND + PIXELS_OF_HEIGHT * sum(heights),
        margin={"l": 70, "r": 20, "t": 60, "b": 40},
        legend={"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 1.0, "xanchor": "right"},
        hovermode="x",
    )
    return figure


def _line(line: Line) -> Any:
    return graph_objects.Scatter(
        name=line.name,
        x=line.time,
        y=line.values,
        mode="lines",
        line={
            "color": line.color,
            "width": line.width,
            "dash": "dash" if line.is_dashed else "solid",
        },
        fill="tozeroy" if line.is_filled else None,
    )


def _candles(bars: Candles) -> Any:
    return graph_objects.Candlestick(
        name=bars.name,
        x=bars.time,
        open=bars.open,
        high=bars.high,
        low=bars.low,
        close=bars.close,
        increasing_line_color=colors.UP,
        decreasing_line_color=colors.DOWN,
    )


def _columns(columns: Columns) -> Any:
    return graph_objects.Bar(
        name=columns.name,
        x=columns.time,
        y=columns.values,
        marker={"color": columns.color, "line": {"width": 0}},
    )


def _marks(marks: Marks) -> Any:
    return graph_objects.Scatter(
        name=marks.name,
        x=marks.time,
        y=marks.values,
        mode="markers",
        text=list(marks.texts),
        hovertemplate="%{text}<extra></extra>",
        marker={
            "symbol": SYMBOLS[marks.symbol],
            "color": marks.color,
            "size": 9,
            "line": {
                "width": 2 if marks.symbol == "dash" else 1,
                "color": marks.color if marks.symbol == "dash" else "white",
            },
        },
    )


TRACES: dict[type, Any] = {Line: _line, Candles: _candles, Columns: _columns, Marks: _marks}
