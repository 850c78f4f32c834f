"""The commands run, demo and info, and the app that all commands belong to."""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from ml4t.backtest.cli import options
from ml4t.backtest.cli.arguments import (
    read_changes,
    read_config,
    read_pairs,
    read_rule,
    read_tables,
    read_value,
)
from ml4t.backtest.cli.files import convert, is_run, refuse_options, run_file, schema, validate
from ml4t.backtest.cli.outcomes import (
    INTERRUPTED,
    UNUSABLE,
    ended_well_or_told,
    logged_to_stderr,
    show,
    stop,
)
from ml4t.backtest.cli.reports import report
from ml4t.backtest.cli.sweeps import study, sweep
from ml4t.backtest.core.build import build_profile
from ml4t.backtest.demo import run_demo
from ml4t.backtest.provenance.package_versions import package_version
from ml4t.backtest.provenance.plain_values import plain
from ml4t.backtest.provenance.run_description import describe_run
from ml4t.backtest.runfile import RunFile
from ml4t.backtest.strategy.errors import BacktestInterrupted

REQUIRED = ("numpy", "pandas", "pyarrow", "pydantic", "rich", "ruamel.yaml", "typer")
OPTIONAL = (
    "matplotlib", "plotly", "polars", "numba", "exchange-calendars", "joblib", "optuna", "distributed", "ray",
)  # fmt: skip
WIDEST = 120  # characters a line of help

app = typer.Typer(
    help="Event-driven backtests with a compiled core.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # brackets in the help are meant
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": WIDEST},
)


def main() -> None:
    """Run the command line."""
    app(prog_name="ml4t-backtest")


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"ml4t-backtest {package_version('ml4t-backtest')}")
        raise typer.Exit


@app.callback()
def _of_all(
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version.", callback=_print_version, is_eager=True
        ),
    ] = False,
) -> None:
    pass


def _command(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add a command; its whole first sentence stands in the list of them, however long."""
    sentence = " ".join((function.__doc__ or "").split("\n\n")[0].split())
    app.command(short_help=sentence)(function)
    return function


@_command
def run(
    given: typer.Context,
    prices: Annotated[
        str,
        typer.Argument(
            help="Price table (a Parquet or CSV file), run file (.yaml, .json), or the folder of a result."
        ),
    ],
    strategy: Annotated[
        str | None,
        typer.Option(metavar="CLASS", help="module:Class or file.py:Class, for a price table."),
    ] = None,
    param: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="Parameter of the strategy, units=20; repeatable."),
    ] = None,
    signals: options.Signals = None,
    features: options.Features = None,
    context: options.Context = None,
    actions: options.Actions = None,
    fine: options.Fine = None,
    columns: options.Columns = None,
    bar_time: options.BarTime = None,
    timezone: options.Timezone = None,
    stamps: options.Stamps = None,
    bar_length: options.BarLength = None,
    time_unit: options.TimeUnit = None,
    allow_negative_prices: options.NegativePrices = False,
    chunk: Annotated[
        str | None,
        typer.Option(
            metavar="SPAN",
            help="Read month, day, year or so many rows at a time, while the run goes on.",
        ),
    ] = None,
    start: Annotated[
        str | None, typer.Option(metavar="TIME", help="First bar to read, with --chunk.")
    ] = None,
    end: Annotated[
        str | None, typer.Option(metavar="TIME", help="Last bar to read, with --chunk.")
    ] = None,
    sort: Annotated[bool, typer.Option("--sort", help="Sort times that run backwards.")] = False,
    rule: Annotated[
        list[str] | None,
        typer.Option(metavar="RULE", help='Risk rule, "TrailingStop(0.1)"; repeatable.'),
    ] = None,
    cash: Annotated[
        float | None, typer.Option(metavar="NUMBER", help="Initial cash [100,000].")
    ] = None,
    account: Annotated[
        str | None, typer.Option(metavar="cash|margin", help="Kind of account [cash].")
    ] = None,
    commission: Annotated[
        float | None,
        typer.Option(metavar="NUMBER", help="Fraction of the value traded: 0.001 is 0.1%."),
    ] = None,
    slippage: Annotated[
        float | None,
        typer.Option(
            metavar="NUMBER", help="Fraction by which market orders and stops fill worse."
        ),
    ] = None,
    calendar: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Calendar of exchange_calendars whose sessions count: XNYS."
        ),
    ] = None,
    ledger: Annotated[
        str | None,
        typer.Option(metavar="fills|decisions|all", help="What the ledger tells [fills]."),
    ] = None,
    changes: options.Changes = None,
    output: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER", help="Folder for tables (Parquet) and the picture.", file_okay=False
        ),
    ] = None,
    progress: Annotated[
        bool | None, typer.Option(help="Progress bar; by default where a terminal shows it.")
    ] = None,
    verbose: options.Verbose = False,
) -> None:
    """Run a strategy over tables, a run file, or a stored result again, and print a summary."""
    show_progress = sys.stderr.isatty() if progress is None else progress
    if verbose:
        given.with_resource(logged_to_stderr())
    if is_run(prices):
        refuse_options(given, "output", "progress", "changes", "verbose")
        run_file(Path(prices), changes, output, show_progress)
        return
    if strategy is None:
        stop("--strategy is missing: a price table does not say what to do", UNUSABLE)
    with ended_well_or_told(output):
        settings = {
            "initial_cash": cash,
            "account": account,
            "commission": commission,
            "slippage": slippage,
            "intrabar": None if fine is None else "fine",
            "calendar": calendar,
            "ledger": ledger,
        }
        parameters = plain(read_pairs(param or (), "--param"), "--param")
        arguments = {
            "signals": read_tables(signals, "--signals"),
            "features": read_tables(features, "--features"),
            "context": read_tables(context, "--context"),
            "actions": actions,
            "fine": fine,
            "columns": read_pairs(columns or (), "--columns", str) or None,
            "bar_time": bar_time,
            "timezone": timezone,
            "stamps": stamps,
            "bar_length": bar_length,
            "time_unit": time_unit,
            "allow_negative_prices": allow_negative_prices,
            "sort": sort,
            "chunk": None if chunk is None else read_value(chunk),
            "start": start,
            "end": end,
            "rules": [read_rule(text) for text in rule or ()],
            "config": read_config(settings),
        }
        # A run file of its own, so that the result can be run again.
        content = describe_run(prices, {"class": strategy, "parameters": parameters}, arguments)
        described = RunFile.from_mapping(content, folder=Path.cwd(), name="the command")
        if changes:
            described = described.replace(read_changes(changes), folder=Path.cwd())
        result = described.run(progress=show_progress, write=False)
    show(result, output)


for command in (validate, schema, convert, report, sweep, study):
    _command(command)


@_command
def demo(
    output: Annotated[
        Path,
        typer.Option(
            metavar="FOLDER", help="Folder for tables (Parquet) and pictures.", file_okay=False
        ),
    ] = Path("demo-output"),
) -> None:
    """Run the demonstration on real market data: a portfolio of predictions, and AAPL with splits and with brackets."""
    try:
        run_demo(output)
    except BacktestInterrupted as interrupted:
        stop(str(interrupted), INTERRUPTED)
    except OSError as error:
        stop(f"{output} cannot be written: {error.strerror or error}", UNUSABLE)


@_command
def info() -> None:
    """Print versions, the build profile and the platform: what a report of a problem needs."""
    rows = [
        ("ml4t-backtest", package_version("ml4t-backtest")),
        ("build", build_profile()),
        ("Python", f"{platform.python_version()} ({platform.python_implementation()})"),
        ("platform", platform.platform()),
        ("processor", platform.machine()),
    ]
    rows += [(name, package_version(name)) for name in (*REQUIRED, *OPTIONAL)]
    for name, value in rows:
        typer.echo(f"{name:<20}{value or 'not installed'}")
