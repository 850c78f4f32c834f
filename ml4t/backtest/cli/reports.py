"""The command that writes a stored result as a page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import pandas as pd
import typer

from ml4t.backtest.cli.arguments import ArgumentError, read_table
from ml4t.backtest.cli.outcomes import ended_well_or_told
from ml4t.backtest.result import BacktestResult
from ml4t.backtest.runfile.reproduce import stored_data

PAGE = "report.html"


def report(
    folder: Annotated[Path, typer.Argument(help="Folder of a stored result.")],
    output: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help=f"Page to write; else {PAGE} in the folder."),
    ] = None,
    benchmark: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Daily returns to compare with: a date and a column of a CSV or Parquet file, file[column].",
        ),
    ] = None,
    title: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Else the name of the strategy.")
    ] = None,
    window: Annotated[
        int, typer.Option(min=2, metavar="NUMBER", help="Sessions of the rolling Sharpe ratio.")
    ] = 63,
    bars: Annotated[
        bool,
        typer.Option(
            "--bars", help="Read the prices of the run again, for the bars of its trades."
        ),
    ] = False,
) -> None:
    """Write a stored result as one page of HTML: figures, charts, every trade and its story."""
    with ended_well_or_told(None):
        result = BacktestResult.load(folder)
        written = result.to_html(
            output or folder / PAGE,
            benchmark=None if benchmark is None else read_returns(benchmark),
            title=title,
            window=window,
            data=stored_data(folder, result) if bars else None,
        )
    typer.echo(f"Report: {written}")


def read_returns(text: str) -> pd.Series:
    """Read returns by date from ``file`` or ``file[column]``; the first column that holds times is the date.

    Raises
    ------
    ArgumentError
        If there is no such file, no column of times, or not one column of numbers.
    """
    asked = read_table(text)
    path = Path(asked.source)
    try:
        frame = pd.read_csv(path) if path.suffix.lower() == ".csv" else pd.read_parquet(path)
        if not isinstance(frame.index, pd.RangeIndex):
            frame = frame.reset_index()
    except FileNotFoundError:
        raise ArgumentError(f"--benchmark: there is no file {path}") from None
    except (OSError, ValueError) as error:
        raise ArgumentError(f"--benchmark {path} cannot be read: {error}") from error
    numbers = [name for name in frame if _holds_numbers(frame[name])]
    dates = next(
        (name for name in frame if name not in numbers and _holds_times(frame[name])), None
    )
    chosen = list(asked.values or ()) or numbers
    if dates is None:
        raise ArgumentError(
            f"--benchmark {path} has no column of dates; it has {', '.join(map(str, frame))}"
        )
    if len(chosen) != 1 or chosen[0] not in numbers:
        named = f"; {path}[{numbers[0]}] names one" if numbers else ""
        raise ArgumentError(
            f"--benchmark {path} must have one column of returns, has {', '.join(map(str, numbers)) or 'none'}{named}"
        )
    return pd.Series(frame[chosen[0]].to_numpy(), index=frame[dates], name=chosen[0])


def _holds_numbers(column: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)


def _holds_times(column: pd.Series) -> bool:
    """Whether a column holds times, as far as its first value says: a later one that is none is told as such."""
    known = column.dropna()
    if pd.api.types.is_datetime64_any_dtype(column) or known.empty:
        return not known.empty
    first = known.iloc[0]
    if isinstance(first, bool | int | float):
        return False
    try:
        pd.Timestamp(first)
    except (ValueError, TypeError):
        return False
    return True
