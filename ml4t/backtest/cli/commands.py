"""The commands run, demo and info, and the app that all commands belong to."""

from __future__ import annotations

import platform
import sys
from pathlib import Path
from typing import Annotated

import typer

from ml4t.backtest.cli.arguments import (
    read_config,
    read_pairs,
    read_rule,
    read_tables,
    read_value,
)
from ml4t.backtest.cli.files import convert, is_run, run_file, schema, validate
from ml4t.backtest.cli.outcomes import INTERRUPTED, UNUSABLE, ended_well_or_told, show, stop
from ml4t.backtest.core.build import build_profile
from ml4t.backtest.demo import run_demo
from ml4t.backtest.provenance.package_versions import package_version
from ml4t.backtest.provenance.plain_values import plain
from ml4t.backtest.provenance.run_description import describe_run
from ml4t.backtest.runfile import RunFile
from ml4t.backtest.strategy.errors import BacktestInterrupted

REQUIRED = ("numpy", "pandas", "pyarrow", "pydantic", "rich", "typer")
OPTIONAL = ("matplotlib", "plotly", "polars", "numba", "exchange-calendars")

app = typer.Typer(
    help="Event-driven backtests with a compiled core.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # brackets in the help are meant
)


def main() -> None:
    """Run the command line."""
    app(prog_name="ml4t-backtest")


@app.command()
def run(
    given: typer.Context,
    prices: Annotated[
        str,
        typer.Argument(
            help="Price table (a Parquet or CSV file), run file (.yaml, .json), or the folder of a result."
        ),
    ],
    strategy: Annotated[
        str | None, typer.Option(help="module:Class or file.py:Class, for a price table.")
    ] = None,
    param: Annotated[
        list[str] | None, typer.Option(help="Parameter of the strategy, name=value; repeatable.")
    ] = None,
    signals: Annotated[
        list[str] | None,
        typer.Option(
            help="Signals per asset: a file, 'file[column,column]' or name=file; repeatable."
        ),
    ] = None,
    features: Annotated[
        list[str] | None, typer.Option(help="Features per asset, as --signals.")
    ] = None,
    context: Annotated[
        list[str] | None, typer.Option(help="Market-wide values, as --signals.")
    ] = None,
    actions: Annotated[str | None, typer.Option(help="Splits and dividends: a file.")] = None,
    bar_time: Annotated[
        str | None,
        typer.Option(help="When a bar with a date only is complete: '16:00 America/New_York'."),
    ] = None,
    timezone: Annotated[str | None, typer.Option(help="Zone of times that name none.")] = None,
    stamps: Annotated[
        str | None, typer.Option(help="'start' where stamps of prices are the starts of bars.")
    ] = None,
    bar_length: Annotated[
        str | None, typer.Option(help="How long those bars are: 1h; else the step between stamps.")
    ] = None,
    time_unit: Annotated[
        str | None, typer.Option(help="What times that are numbers count: s, ms, us or ns.")
    ] = None,
    chunk: Annotated[
        str | None,
        typer.Option(
            help="Read month, day, year or so many rows at a time, while the run goes on."
        ),
    ] = None,
    start: Annotated[str | None, typer.Option(help="First bar to read, with --chunk.")] = None,
    end: Annotated[str | None, typer.Option(help="Last bar to read, with --chunk.")] = None,
    sort: Annotated[bool, typer.Option("--sort", help="Sort times that run backwards.")] = False,
    rule: Annotated[
        list[str] | None,
        typer.Option(help='Risk rule, "PriceBasedStopLoss(pct=0.05)"; repeatable.'),
    ] = None,
    cash: Annotated[float | None, typer.Option(help="Initial cash [100,000].")] = None,
    account: Annotated[str | None, typer.Option(help="cash or margin [cash].")] = None,
    commission: Annotated[
        float | None, typer.Option(help="Fraction of the value traded: 0.001 is 0.1%.")
    ] = None,
    slippage: Annotated[
        float | None, typer.Option(help="Fraction by which market orders and stops fill worse.")
    ] = None,
    setting: Annotated[
        list[str] | None,
        typer.Option(help="Any other setting of BacktestConfig, name=value; repeatable."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(help="Folder for tables (Parquet) and the picture.", file_okay=False),
    ] = None,
    progress: Annotated[
        bool | None, typer.Option(help="Progress bar; by default where a terminal shows it.")
    ] = None,
) -> None:
    """Run a strategy over tables, a run file, or a stored result again, and print a summary."""
    show_progress = sys.stderr.isatty() if progress is None else progress
    if is_run(prices):
        _refuse_options(given)
        run_file(Path(prices), output, show_progress)
        return
    if strategy is None:
        stop("--strategy is missing: a price table does not say what to do", UNUSABLE)
    with ended_well_or_told(output):
        settings = {
            "initial_cash": cash,
            "account": account,
            "commission": commission,
            "slippage": slippage,
        }
        config = read_config(settings | read_pairs(setting or (), "--setting"))
        parameters = plain(read_pairs(param or (), "--param"), "--param")
        arguments = {
            "signals": read_tables(signals, "--signals"),
            "features": read_tables(features, "--features"),
            "context": read_tables(context, "--context"),
            "actions": actions,
            "bar_time": bar_time,
            "timezone": timezone,
            "stamps": stamps,
            "bar_length": bar_length,
            "time_unit": time_unit,
            "sort": sort,
            "chunk": None if chunk is None else read_value(chunk),
            "start": start,
            "end": end,
            "rules": [read_rule(text) for text in rule or ()],
            "config": config,
        }
        # A run file of its own, so that the result can be run again.
        content = describe_run(prices, {"class": strategy, "parameters": parameters}, arguments)
        described = RunFile.from_mapping(content, folder=Path.cwd(), name="the command")
        result = described.run(progress=show_progress, write=False)
    show(result, output)


def _refuse_options(given: typer.Context) -> None:
    """Refuse options beside a run file: it holds everything."""
    for name in given.params:
        source = given.get_parameter_source(name)
        if name in ("prices", "output", "progress") or source is None:
            continue
        if source.name == "COMMANDLINE":
            stop(
                f"--{name.replace('_', '-')} does not go with a run file: write it there", UNUSABLE
            )


for command in (validate, schema, convert):
    app.command()(command)


@app.command()
def demo(
    output: Annotated[
        Path, typer.Option(help="Folder for tables (Parquet) and pictures.", file_okay=False)
    ] = Path("demo-output"),
) -> None:
    """Run the demonstration on real market data: a portfolio of predictions, and AAPL with splits."""
    try:
        run_demo(output)
    except BacktestInterrupted as interrupted:
        stop(str(interrupted), INTERRUPTED)
    except OSError as error:
        stop(f"{output} cannot be written: {error.strerror or error}", UNUSABLE)


@app.command()
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
