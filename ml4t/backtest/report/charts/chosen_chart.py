"""Which chart was asked for, drawn by matplotlib."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ml4t.backtest.records.errors import ResultError
from ml4t.backtest.records.replaced import reason
from ml4t.backtest.report.charts.charted_run import ChartedRun
from ml4t.backtest.report.charts.run_charts import (
    drawdown_chart,
    equity_chart,
    exposure_chart,
    rolling_sharpe_chart,
)
from ml4t.backtest.report.charts.trade_charts import excursions_of, groups_of
from ml4t.backtest.report.picture.drawing import HTML, drawn
from ml4t.backtest.setting_errors import nearest

BY_TIME = ("equity", "drawdown", "exposure", "rolling_sharpe")
CHARTS = (*BY_TIME, "months", "rules", "exit_types", "excursions")


def chart_of(
    run: ChartedRun, name: str, path: str | Path | None, *, benchmark: Any, window: int
) -> Any:
    """Draw a chart of a run, and write it where there is a path.

    Parameters
    ----------
    run : ChartedRun
    name, path, benchmark, window
        As for :meth:`~ml4t.backtest.BacktestResult.chart`.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    ValueError
        If there is no such chart, nothing to draw, or a benchmark that is not drawn.
    ResultError
        If the file cannot be written.
    """
    if name not in CHARTS:
        raise ValueError(f"there is no chart {name!r}; {nearest(name, CHARTS)}")
    if benchmark is not None and name != "equity":
        raise ValueError(f"benchmark= is drawn beside equity: leave it out of {name!r}")
    if path is not None and Path(path).suffix.lower() in HTML:
        raise ValueError(
            f"a chart is a picture like .png, .svg or .pdf, not {path}; to_html writes a page"
        )
    if len(run.equity) == 0:
        raise ValueError(
            "there is nothing to draw: the run ended before its first timestamp was done"
        )
    if name in BY_TIME:
        picture = {
            "equity": lambda: equity_chart(run, benchmark),
            "drawdown": lambda: drawdown_chart(run),
            "exposure": lambda: exposure_chart(run),
            "rolling_sharpe": lambda: rolling_sharpe_chart(run, window),
        }[name]()
        return drawn(picture, path, "matplotlib")
    return _written(_of_trades(run, name, is_file=path is not None), path)


def _of_trades(run: ChartedRun, name: str, *, is_file: bool) -> Any:
    try:
        from ml4t.backtest.report.charts import matplotlib_charts as charts
    except ImportError as error:
        raise ImportError(
            "chart() needs matplotlib; install it with: pip install 'ml4t-backtest[plot]'"
        ) from error
    draw: dict[str, Callable[[], Any]] = {
        "months": lambda: charts.months(run.monthly_table(), is_file=is_file),
        "rules": lambda: charts.groups(groups_of(run, "rule"), "P&L by rule", is_file=is_file),
        "exit_types": lambda: charts.groups(
            groups_of(run, "exit_type"), "P&L by exit type", is_file=is_file
        ),
        "excursions": lambda: charts.excursions(excursions_of(run), is_file=is_file),
    }
    return draw[name]()


def _written(figure: Any, path: str | Path | None) -> Any:
    if path is not None:
        try:
            figure.savefig(path)
        except OSError as error:
            raise ResultError(f"{path} cannot be written: {reason(error)}") from error
    return figure
