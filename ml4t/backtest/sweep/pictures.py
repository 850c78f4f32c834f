"""Pictures of a sweep: by matplotlib or plotly, whichever draws them well."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ml4t.backtest.sweep.errors import SweepError

COLORS = "RdYlBu"
MOST_NAMED, MOST_WRITTEN = 20, 150
SIZE, SHORTEST, LONGEST = 0.55, 3.0, 9.0  # inches
HTML = (".html", ".htm")


def heatmap(cells: pd.DataFrame, measure: str, path: Any, backend: str | None) -> Any:
    """Draw cells as a heat map, and write it where there is a path."""
    is_page = path is not None and Path(path).suffix.lower() in HTML
    backend = backend or ("plotly" if is_page else "matplotlib")
    if backend not in ("matplotlib", "plotly"):
        raise SweepError(f"backend must be 'matplotlib' or 'plotly', was {backend!r}")
    if path is not None and is_page != (backend == "plotly"):
        raise SweepError(
            f"{backend} cannot write {path}: plotly writes .html, matplotlib pictures like .png and .svg"
        )
    if backend == "matplotlib":
        return _with_matplotlib(cells, measure, path)
    graph = _plotly("heatmap()")
    shape = graph.Heatmap(**_axes(cells), z=cells.to_numpy(float), colorscale=COLORS)
    return _written(_figure(graph, shape, cells, measure), path)


def surface(cells: pd.DataFrame, measure: str, path: Any) -> Any:
    """Draw cells as a surface."""
    graph = _plotly("surface()")
    shape = graph.Surface(**_axes(cells), z=cells.to_numpy(float), colorscale=COLORS)
    figure = graph.Figure(shape)
    named = {"x": cells.columns.name, "y": cells.index.name, "z": measure}
    figure.update_layout(
        title=measure, scene={f"{axis}axis": {"title": name} for axis, name in named.items()}
    )
    figure.update_scenes(xaxis=_kind(cells.columns), yaxis=_kind(cells.index))
    return _written(figure, path)


def parallel_coordinates(table: pd.DataFrame, measure: str, path: Any) -> Any:
    """Draw the rows of a table as lines through its columns."""
    graph = _plotly("parallel_coordinates()")
    values = pd.to_numeric(table[measure], errors="coerce")
    table = table[values.notna()]
    if table.empty:
        raise SweepError(f"no trial has a number for {measure}: there is nothing to draw")
    lines = {"color": values[values.notna()], "colorscale": COLORS, "showscale": True}
    shape = graph.Parcoords(line=lines, dimensions=[_dimension(table[name]) for name in table])
    return _written(graph.Figure(shape), path)


def _dimension(column: pd.Series) -> dict[str, Any]:
    if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
        return {"label": column.name, "values": column}
    if isinstance(column.dtype, pd.CategoricalDtype):  # in an order of its own
        column = column.cat.remove_unused_categories()
        codes, names = column.cat.codes, [*map(str, column.cat.categories)]
    else:
        codes, names = pd.factorize(column.astype(str), sort=True)
    return {
        "label": column.name,
        "values": codes,
        "tickvals": list(range(len(names))),
        "ticktext": list(names),
    }


def _axes(cells: pd.DataFrame) -> dict[str, Any]:
    return {"x": _shown(cells.columns), "y": _shown(cells.index)}


def _kind(values: pd.Index) -> dict[str, str]:
    """Return what keeps plotly from reading texts as numbers, and from leaving out those that are none."""
    shown = _shown(values)
    return {"type": "category"} if shown and isinstance(shown[0], str) else {}


def _shown(values: pd.Index) -> list[Any]:
    """Return values as an axis has them: numbers as numbers, the rest as text."""
    if pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values):
        return values.tolist()
    return [str(value) for value in values]


def _figure(graph: Any, shape: Any, cells: pd.DataFrame, measure: str) -> Any:
    figure = graph.Figure(shape)
    figure.update_layout(
        title=measure, xaxis_title=cells.columns.name, yaxis_title=cells.index.name
    )
    figure.update_xaxes(**_kind(cells.columns))
    figure.update_yaxes(**_kind(cells.index))
    return figure


def _with_matplotlib(cells: pd.DataFrame, measure: str, path: Any) -> Any:
    try:
        from ml4t.backtest.report.picture.shown_figure import ShownFigure
    except ImportError as error:
        raise _missing("heatmap()", "matplotlib", "plot") from error
    values = cells.to_numpy(float)
    height, width = (float(np.clip(SIZE * n, SHORTEST, LONGEST)) for n in values.shape)
    figure = ShownFigure(figsize=(width + 2.0, height + 1.0), dpi=120, layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(values, cmap=COLORS, aspect="auto", origin="lower")
    figure.colorbar(image, ax=axes, label=measure)
    for axis, names in ((axes.xaxis, cells.columns), (axes.yaxis, cells.index)):
        step = -(-len(names) // MOST_NAMED)
        axis.set_ticks(range(0, len(names), step), [_text(name) for name in names[::step]])
        axis.set_label_text(str(names.name))
    if values.size <= MOST_WRITTEN:
        _write_values(axes, values, image)
    if path is not None:
        figure.savefig(path)
    return figure


def _write_values(axes: Any, values: np.ndarray, image: Any) -> None:
    for (row, column), value in np.ndenumerate(values):
        if np.isfinite(value):
            # Dark on the pale middle of the colours, light on their ends.
            is_end = abs(image.norm(value) - 0.5) > 0.35
            axes.text(
                column, row, _text(value), ha="center", va="center", fontsize=7,
                color="white" if is_end else "black",
            )  # fmt: skip


def _text(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float | np.floating) else str(value)


def _plotly(what: str) -> Any:
    try:
        from plotly import graph_objects
    except ImportError as error:
        raise _missing(what, "plotly", "plotly") from error
    return graph_objects


def _written(figure: Any, path: Any) -> Any:
    if path is not None:
        if Path(path).suffix.lower() not in HTML:
            raise SweepError(f"plotly writes .html, cannot write {path}")
        figure.write_html(path)
    return figure


def _missing(what: str, library: str, extra: str) -> ImportError:
    return ImportError(
        f"{what} needs {library}; install it with: pip install 'ml4t-backtest[{extra}]'"
    )
