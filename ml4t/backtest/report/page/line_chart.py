"""A picture of lines as SVG that stretches with the page, its labels beside it as text.

The curves are drawn in a square of 1000 and stretched by the browser, without their strokes; labels are HTML, so that
they are as large on a phone as on a wide screen.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from ml4t.backtest.report.page.axis import full, short, time_ticks, value_range, value_ticks
from ml4t.backtest.report.page.embedded import data_element
from ml4t.backtest.report.page.markup import Markup, element, joined
from ml4t.backtest.report.picture import colors
from ml4t.backtest.report.picture.shapes import Line, Panel, Picture

SIZE = 1000.0
PIXELS = 84
"""Height of a panel of height 1."""
VARIABLES = {
    value: f"var(--{name.lower()})"
    for name, value in vars(colors).items()
    if name.isupper() and isinstance(value, str)
}
"""Colours of pictures as variables of the page, which has other ones in the dark."""


def line_chart(picture: Picture, name: str, note: str = "") -> Markup:
    """Draw a picture whose shapes are lines.

    Parameters
    ----------
    picture : Picture
    name : str
        Of the element.
    note : str
        Said behind the title.
    """
    lines = [shape for panel in picture.panels for shape in panel.shapes if isinstance(shape, Line)]
    title = element("h2", picture.title)
    caption = element("figcaption", title, element("span", note, class_="note"))
    if not any(np.isfinite(one.values).any() for one in lines):
        return element("figure", caption, class_="chart", id=name)
    first = min(one.time[0] for one in lines if len(one.time))
    last = max(one.time[-1] for one in lines if len(one.time))
    is_alone = len(picture.panels) == 1  # its only line is named by the title
    panels = [_panel(panel, first, last, is_alone) for panel in picture.panels]
    return element(
        "figure",
        caption,
        *panels,
        _times(first, last),
        class_="chart",
        id=name,
    )


def _panel(panel: Panel, first: pd.Timestamp, last: pd.Timestamp, is_alone: bool) -> Markup:
    lines = [shape for shape in panel.shapes if isinstance(shape, Line)]
    values = np.concatenate([one.values for one in lines])
    with_zero = any(one.is_filled for one in lines) or panel.numbers == "ratio"
    with_zero = with_zero or not np.any(values[np.isfinite(values)])
    low, high = value_range(values, with_zero=with_zero, below=any(one.is_filled for one in lines))
    ticks = value_ticks(low, high)
    rows = {tick: _place(tick, high, low) for tick in ticks}
    grid = [
        _rule(0.0, row, SIZE, row, "zero" if tick == 0.0 else "grid") for tick, row in rows.items()
    ]
    columns = [_share(time, first, last) * SIZE for time, _ in time_ticks(first, last)]
    grid += [_rule(column, 0.0, column, SIZE, "grid") for column in columns]
    curves = [_curve(one, first, last, low, high) for one in lines]
    drawing = element(
        "svg", *grid, *curves, viewBox=f"0 0 {SIZE:g} {SIZE:g}", preserveAspectRatio="none",
        role="img", aria_label=f"{panel.label}: {', '.join(one.name for one in lines)}",
    )  # fmt: skip
    labels = [
        element("span", short(tick, panel.numbers), style=f"top:{row / SIZE:.2%}")
        for tick, row in rows.items()
    ]
    return element(
        "div",
        _legend(panel, lines, is_alone),
        element("div", *labels, class_="values"),
        element("div", drawing, class_="plot"),
        data_element("lines", _said(panel, lines, first, last), by="class"),
        class_="panel",
        style=f"--height:{PIXELS * panel.height:.0f}px",
    )


def _legend(panel: Panel, lines: list[Line], is_alone: bool) -> Markup | None:
    if is_alone and len(lines) == 1:
        return None
    names = [
        element("span", element("i", style=f"background:{VARIABLES[one.color]}"), one.name)
        for one in lines
    ]
    label = [] if is_alone else [element("b", panel.label)]
    if len(lines) == 1 and lines[0].name == panel.label.lower():
        names = []
    return element("div", *label, *names, class_="legend")


def _times(first: pd.Timestamp, last: pd.Timestamp) -> Markup:
    labels = []
    for number, (time, text) in enumerate(time_ticks(first, last)):
        at = _share(time, first, last)
        if at > 0.96 and number > 0:
            continue  # it would reach beyond the page, or into the one before
        side = " start" if at < 0.04 else " end" if at > 0.9 else ""
        other = " second" if number % 2 else ""  # left out where the page is narrow
        labels.append(element("span", text, style=f"left:{at:.2%}", class_=f"time{side}{other}"))
    return element("div", *labels, class_="times")


def _said(panel: Panel, lines: list[Line], first: pd.Timestamp, last: pd.Timestamp) -> Any:
    """Return what is told of the point one points at: places, times and values of each line."""
    form = "%Y-%m-%d" if all(_are_dates(one.time) for one in lines) else "%Y-%m-%d %H:%M"
    return [
        {
            "name": one.name,
            "x": np.round(_shares(one.time, first, last) * SIZE, 1).tolist(),
            "time": one.time.strftime(form).tolist(),
            "text": [
                "n/a" if value != value else full(value, panel.numbers)
                for value in one.values.tolist()
            ],
        }
        for one in lines
    ]


def _are_dates(times: pd.DatetimeIndex) -> bool:
    return bool((times == times.normalize()).all())


def _curve(one: Line, first: pd.Timestamp, last: pd.Timestamp, low: float, high: float) -> Markup:
    x = _shares(one.time, first, last) * SIZE
    y = _place(one.values, high, low)
    color = VARIABLES[one.color]
    drawn = [
        element(
            "path", d=path_of(x, y), class_="line",
            style=f"stroke:{color};stroke-width:{6.0 if len(x) == 1 else one.width * 1.25:g}px",
        )
    ]  # fmt: skip
    if one.is_filled:
        zero = float(_place(0.0, high, low))
        area = path_of(x, np.where(np.isfinite(y), y, zero))
        closed = f"{area}L{x[-1]:.1f} {zero:.1f}L{x[0]:.1f} {zero:.1f}Z"
        drawn.insert(0, element("path", d=closed, class_="area", style=f"fill:{color}"))
    return joined(*drawn)


def path_of(x: np.ndarray, y: np.ndarray) -> str:
    """Return the path through points; NaN breaks it off. A point alone is a line of no length."""
    parts = []
    is_on = False
    for across, down in zip(x.tolist(), y.tolist(), strict=True):
        if down != down:
            is_on = False
            continue
        parts.append(f"{'L' if is_on else 'M'}{across:.1f} {down:.1f}")
        if not is_on:
            parts.append("h0")
        is_on = True
    return "".join(parts)


def _rule(x1: float, y1: float, x2: float, y2: float, kind: str) -> Markup:
    return element("path", d=f"M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}", class_=kind)


def _place(value: Any, high: float, low: float) -> Any:
    return (high - value) / (high - low) * SIZE


def _share(time: pd.Timestamp, first: pd.Timestamp, last: pd.Timestamp) -> float:
    return 0.5 if last == first else (time - first) / (last - first)


def _shares(times: pd.DatetimeIndex, first: pd.Timestamp, last: pd.Timestamp) -> np.ndarray:
    if last == first:
        return np.full(len(times), 0.5)
    return np.asarray((times - first) / (last - first), np.float64)
