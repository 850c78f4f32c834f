"""Commands about files: a run file or a stored result run, run files checked, tables converted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from ml4t.backtest.cli import options
from ml4t.backtest.cli.arguments import read_changes, read_pairs, read_tables
from ml4t.backtest.cli.outcomes import FAILED, UNUSABLE, ended_well_or_told, show, stop
from ml4t.backtest.data.stream.write_dataset import write_dataset
from ml4t.backtest.data.validation.validate import validate as validate_tables
from ml4t.backtest.records.description import holds_result
from ml4t.backtest.runfile import ReproductionError, RunFile, RunFileError, reproduce
from ml4t.backtest.runfile.text import SUFFIXES


def is_run(text: str) -> bool:
    """Tell whether a run file or the folder of a stored result is meant, not a table of prices."""
    path = Path(text)
    return path.suffix.lower() in SUFFIXES or holds_result(path)


def refuse_options(given: typer.Context, *allowed: str) -> None:
    """Refuse options beside a run file, but for those allowed: it holds everything."""
    for parameter in given.command.params:
        name = parameter.name or ""
        source = given.get_parameter_source(name)
        if parameter.param_type_name == "argument" or name in allowed or source is None:
            continue
        if source.name == "COMMANDLINE":
            hint = (
                "write it there, or --set its field" if "changes" in allowed else "write it there"
            )
            stop(f"{parameter.opts[0]} does not go with a run file: {hint}", UNUSABLE)


def run_file(path: Path, changes: list[str] | None, output: Path | None, progress: bool) -> None:
    """Run a run file, or a stored result again."""
    if path.is_dir():
        if changes:
            stop("--set does not go with a stored result: it is run as it was", UNUSABLE)
        _run_again(path, output, progress)
        return
    with ended_well_or_told(output):
        run = RunFile.load(path)
        if changes:
            run = run.replace(read_changes(changes), folder=path.parent.resolve())
    picture = run.output.picture
    folder = output or (Path(run.output.folder) if run.output.folder else None)
    with ended_well_or_told(folder):
        result = run.run(progress=progress, write=False)
    show(result, folder, picture=picture)


def _run_again(folder: Path, output: Path | None, progress: bool) -> None:
    try:
        with ended_well_or_told(output):
            result = reproduce(folder, progress=progress)
    except ReproductionError as error:
        stop(str(error), FAILED)
    show(result, output)
    typer.echo(
        f"\nReproduced: {len(result.trades):,} trades and {len(result.equity):,} values of equity equal those "
        f"stored in {folder}, bit for bit."
    )


def validate(
    given: typer.Context,
    prices: Annotated[
        str,
        typer.Argument(help="Run file (.yaml, .json), or price table (a Parquet or CSV file)."),
    ],
    signals: options.Signals = None,
    features: options.Features = None,
    context: options.Context = None,
    actions: options.Actions = None,
    columns: options.Columns = None,
    bar_time: options.BarTime = None,
    timezone: options.Timezone = None,
    stamps: options.Stamps = None,
    bar_length: options.BarLength = None,
    time_unit: options.TimeUnit = None,
    allow_negative_prices: options.NegativePrices = False,
    calendar: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Calendar of exchange_calendars that says when there are bars: XNYS.",
        ),
    ] = None,
    severity: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CHECK=LEVEL", help="What a check is: spike=off, stale=error; repeatable."
        ),
    ] = None,
) -> None:
    """Check a run file, running none of its code; or look at every row of the tables of a run."""
    if is_run(prices):
        refuse_options(given)
        _validate_run_file(Path(prices))
        return
    with ended_well_or_told(None):
        report = validate_tables(
            prices,
            signals=read_tables(signals, "--signals"),
            features=read_tables(features, "--features"),
            context=read_tables(context, "--context"),
            actions=actions,
            columns=read_pairs(columns or (), "--columns", str) or None,
            bar_time=bar_time,
            timezone=timezone,
            stamps=stamps or "end",
            bar_length=bar_length,
            time_unit=time_unit,
            allow_negative_prices=allow_negative_prices,
            calendar=calendar,
            severity=read_pairs(severity or (), "--severity", str),
        )
    typer.echo(report)
    if not report.ok:
        raise typer.Exit(UNUSABLE)


def _validate_run_file(path: Path) -> None:
    try:
        run = RunFile.load(path)
        run.check_files()
    except RunFileError as error:
        stop(str(error), UNUSABLE)
    rules = len(run.risk.rules)
    typer.echo(
        f"{path}: {run.strategy.spec}, {rules} rule{'' if rules == 1 else 's'}; it is valid."
    )


def schema() -> None:
    """Print the JSON schema of run files: editors complete and check with it."""
    typer.echo(json.dumps(RunFile.model_json_schema(), indent=2))


def convert(
    tables: Annotated[
        list[str],
        typer.Argument(
            metavar="NAME=FILE", help="Each table: prices=prices.csv signals=predictions.parquet"
        ),
    ],
    output: Annotated[
        Path, typer.Option(metavar="FOLDER", help="Folder to write into.", file_okay=False)
    ],
    by: Annotated[
        str | None,
        typer.Option(
            metavar="month|year|all", help="What a file holds; by default as the number of rows is."
        ),
    ] = None,
) -> None:
    """Write tables in the form that streams best: Parquet files in time order, compressed."""
    try:
        kind: Any = by  # checked there
        write_dataset(
            read_pairs(tables, "a table", str, example="prices=prices.csv"), output, by=kind
        )
    except ValueError as error:
        stop(str(error), UNUSABLE)
