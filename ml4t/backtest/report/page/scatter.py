"""How far trades ran for and against their entry: a point each, winners and losers as one path each."""

from __future__ import annotations

import numpy as np

from ml4t.backtest.report.charts.trade_charts import Excursions
from ml4t.backtest.report.page.axis import short, value_ticks
from ml4t.backtest.report.page.line_chart import SIZE
from ml4t.backtest.report.page.markup import Markup, element


def scatter(found: Excursions) -> Markup:
    """Return the chart of MAE and MFE; points at one place are drawn once."""
    title = element("h2", "How far trades ran")
    if len(found.mae) == 0:
        nothing = element("p", "There is no closed trade to show.", class_="note")
        return element("section", title, nothing, id="excursions")
    right, top = (max(float(values.max()), 1e-9) * 1.03 for values in (found.mae, found.mfe))
    across, down = found.mae / right * SIZE, SIZE - found.mfe / top * SIZE
    columns, rows = ({tick: tick / end for tick in value_ticks(0.0, end)} for end in (right, top))
    grid = [_rule(f"M{share * SIZE:.1f} 0V{SIZE:g}") for share in columns.values()]
    grid += [_rule(f"M0 {SIZE - share * SIZE:.1f}H{SIZE:g}") for share in rows.values()]
    size = float(np.clip(120.0 / np.sqrt(len(found.mae)), 2.5, 6.0))
    points = [
        element(
            "path",
            d=_points(across[is_kind], down[is_kind]),
            class_=f"points {kind}",
            style=f"stroke-width:{size:.1f}px",
        )
        for kind, is_kind in (("down", ~found.is_gain), ("up", found.is_gain))
    ]
    drawing = element(
        "svg", *grid, *points, viewBox=f"0 0 {SIZE:g} {SIZE:g}", preserveAspectRatio="none",
        role="img", aria_label="MAE against MFE of each closed trade",
    )  # fmt: skip
    gains = int(found.is_gain.sum())
    legend = element(
        "div",
        element(
            "span", element("i", class_="dot", style="background:var(--up)"), f"gain ({gains:,})"
        ),
        element(
            "span",
            element("i", class_="dot", style="background:var(--down)"),
            f"loss ({len(found.mae) - gains:,})",
        ),
        element("span", "up: MFE, farthest in favour", class_="note"),
        class_="legend",
    )
    return element(
        "figure",
        element("figcaption", title, element("span", "In percent of the entry price.", class_="note")),
        element(
            "div",
            legend,
            element("div", *(_label(tick, f"top:{1.0 - share:.2%}") for tick, share in rows.items()), class_="values"),
            element("div", drawing, class_="plot", data_right=right, data_top=top),
            class_="panel",
            style="--height:320px",
        ),
        element(
            "div",
            *(
                element(
                    "span", short(tick, "percent"), style=f"left:{share:.2%}",
                    class_="time" + (" start" if share < 0.02 else " end" if share > 0.9 else ""),
                )
                for tick, share in columns.items()
            ),
            class_="times",
        ),
        element("p", "to the right: MAE, farthest against", class_="note axis"),
        class_="chart",
        id="excursions",
    )  # fmt: skip


def _label(tick: float, style: str) -> Markup:
    return element("span", short(tick, "percent"), style=style)


def _points(across: np.ndarray, down: np.ndarray) -> str:
    # Lines of no length with round ends: circles, however the drawing is stretched.
    places = np.unique(np.round(np.column_stack([across, down]), 0), axis=0).astype(np.int64)
    return "".join(f"M{x} {y}h0" for x, y in places.tolist())


def _rule(path: str) -> Markup:
    return element("path", d=path, class_="grid")
