"""A picture as a figure of matplotlib or of plotly."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from ml4t.backtest.records.errors import ResultError
from ml4t.backtest.records.replaced import reason
from ml4t.backtest.report.picture.shapes import Picture

Backend = Literal["matplotlib", "plotly"]
HTML = (".html", ".htm")


def drawn(picture: Picture, path: str | Path | None, backend: Backend | None) -> Any:
    """Draw a picture, and write it where there is a path.

    Parameters
    ----------
    picture : Picture
    path : str or Path, optional
    backend : {"matplotlib", "plotly"}, optional
        By default matplotlib, and plotly for ``.html``.

    Raises
    ------
    ImportError
        If the library is not installed.
    ValueError
        If there is no such backend, or it does not write such a file.
    ResultError
        If the file cannot be written.
    """
    is_page = path is not None and Path(path).suffix.lower() in HTML
    if backend is None:
        backend = "plotly" if is_page else "matplotlib"
    if backend not in ("matplotlib", "plotly"):
        raise ValueError(f"backend must be 'matplotlib' or 'plotly', was {backend!r}")
    if path is not None and is_page != (backend == "plotly"):
        raise ValueError(
            f"{backend} cannot write {path}: plotly writes .html, matplotlib pictures like .png and .svg"
        )
    try:
        return _with_plotly(picture, path) if backend == "plotly" else _with_mpl(picture, path)
    except OSError as error:
        raise ResultError(f"{path} cannot be written: {reason(error)}") from error


def _with_mpl(picture: Picture, path: str | Path | None) -> Any:
    try:
        from ml4t.backtest.report.picture.matplotlib_figure import figure_of
    except ImportError as error:
        raise _missing("matplotlib", "plot") from error
    figure = figure_of(picture, is_file=path is not None)
    if path is not None:
        figure.savefig(path)
    return figure


def _with_plotly(picture: Picture, path: str | Path | None) -> Any:
    try:
        from ml4t.backtest.report.picture.plotly_figure import figure_of
    except ImportError as error:
        raise _missing("plotly", "plotly") from error
    figure = figure_of(picture)
    if path is not None:
        figure.write_html(path)
    return figure


def _missing(library: str, extra: str) -> ImportError:
    return ImportError(
        f"plot() needs {library}; install it with: pip install 'ml4t-backtest[{extra}]'"
    )
