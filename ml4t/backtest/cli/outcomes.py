"""How a command ends: what it prints, what it writes, its exit code.

Exit codes: 0 done, 1 the run failed, 2 an argument or a table cannot be used, 130 interrupted.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import typer

from ml4t.backtest.backtest import InternalError
from ml4t.backtest.records.errors import ResultError
from ml4t.backtest.report.log import LOGGER
from ml4t.backtest.risk import RuleError
from ml4t.backtest.runfile.imports import place_of
from ml4t.backtest.strategy.errors import BacktestInterrupted, StrategyError

if TYPE_CHECKING:
    from ml4t.backtest.result import BacktestResult

FAILED, UNUSABLE, INTERRUPTED = 1, 2, 130


@contextmanager
def ended_well_or_told(output: Path | None) -> Iterator[None]:
    """Turn what a run raises into a sentence and an exit code; what was done goes to `output`."""
    try:
        yield
    except (StrategyError, RuleError) as error:
        _end_early(f"{error}{place_of(error)}", FAILED, error.partial_result, output)
    except InternalError as error:
        _end_early(str(error), FAILED, error.partial_result, output)
    except BacktestInterrupted as interrupted:
        _end_early(str(interrupted), INTERRUPTED, interrupted.partial_result, output)
    except Exception as error:
        partial = getattr(error, "partial_result", None)
        if partial is not None:  # of a chunk, after others were done
            _end_early(_with_notes(error), UNUSABLE, partial, output)
        if not isinstance(error, (ValueError, TypeError)):
            raise
        stop(str(error), UNUSABLE)


@contextmanager
def logged_to_stderr() -> Iterator[None]:
    """Print everything the logger is told, while this lasts."""
    handler, level = logging.StreamHandler(sys.stderr), LOGGER.level
    LOGGER.addHandler(handler)
    LOGGER.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        LOGGER.setLevel(level)
        LOGGER.removeHandler(handler)


def _with_notes(error: Exception) -> str:
    """Return the message of an exception, and what was noted of where it came from."""
    return "; ".join([str(error) or type(error).__name__, *getattr(error, "__notes__", ())])


def show(result: BacktestResult, output: Path | None, *, picture: bool = True) -> None:
    """Print the summary, and write the result if there is a folder for it."""
    typer.echo(result.summary())
    if output is not None:
        typer.echo(f"\nResult: {write(result, output, picture=picture)}")


def write(result: BacktestResult, output: Path, *, picture: bool = True) -> str:
    """Write tables and picture; return what was written where."""
    try:
        result.to_parquet(output)
    except ResultError as error:
        stop(f"--output {error}", UNUSABLE)
    if not picture:
        return f"tables in {output}"
    # The picture is a help, not the result: without matplotlib, or a timestamp, there is none.
    try:
        result.plot(output / "equity.png")
    except (ImportError, ValueError) as error:
        return f"tables in {output}; no picture: {error}"
    return f"tables and equity.png in {output}"


def stop(sentence: str, code: int) -> NoReturn:
    """Say what is wrong, and end."""
    for line in sentence.splitlines():
        typer.echo(f"error: {line}", err=True)
    raise typer.Exit(code)


def _end_early(
    sentence: str, code: int, partial: BacktestResult | None, output: Path | None
) -> NoReturn:
    """Say why a run ended before its data did, and keep what was done until then."""
    typer.echo(f"error: {sentence}", err=True)
    if partial is not None and output is not None:
        typer.echo(f"Partial result: {write(partial, output)}", err=True)
    elif partial is not None:
        typer.echo("What was done until then is lost; --output keeps it.", err=True)
    raise typer.Exit(code)
