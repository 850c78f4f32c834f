"""Returns by month as a table with colours."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ml4t.backtest.report.page.markup import Markup, element


def months(table: pd.DataFrame) -> Markup:
    """Return the heat map of months, a row a year."""
    values = table.to_numpy(float)
    span = float(np.nanmax(np.abs(values[:, :-1]), initial=1e-4))
    header = [element("th", name, scope="col") for name in ["", *table.columns[:-1], "Year"]]
    rows = [
        element(
            "tr",
            element("th", year, scope="row"),
            *(_cell(value, span) for value in row[:-1]),
            _cell(row[-1], None),
        )
        for year, row in zip(table.index, values, strict=True)
    ]
    grid = element("table", element("thead", element("tr", *header)), element("tbody", *rows))
    return element(
        "section",
        element("h2", "Returns by month"),
        element("p", "Percent, compounded from the returns of sessions.", class_="note"),
        element("div", grid, class_="scroll", tabindex="0"),
        id="months",
    )


def _cell(value: float, span: float | None) -> Markup:
    if not np.isfinite(value):
        return element("td")
    text = f"{round(100.0 * value, 1) + 0.0:.1f}"  # a zero has no sign
    if span is None:
        return element("td", text, class_="year loss" if value < 0 else "year")
    share = round(min(abs(value) / span, 1.0) * 100)
    kind = "down" if value < 0 else "up"
    strong = " strong" if share > 60 else ""
    return element("td", text, class_=f"heat {kind}{strong}", style=f"--share:{share}%")
