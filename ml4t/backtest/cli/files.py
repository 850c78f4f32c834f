"""Commands about files: a run file or a stored result run, run files checked, tables converted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from ml4t.backtest.cli.arguments import read_pairs
from ml4t.backtest.cli.outcomes import FAILED, UNUSABLE, ended_well_or_told, show, stop
from ml4t.backtest.data.stream.write_dataset import write_dataset
from ml4t.backtest.records.description import holds_result
from ml4t.backtest.runfile import ReproductionError, RunFile, RunFileError, reproduce
from ml4t.backtest.runfile.text import SUFFIXES


def is_run(text: str) -> bool:
    """Tell whether a run file or the folder of a stored result is meant, not a table of prices."""
    path = Path(text)
    return path.suffix.lower() in SUFFIXES or holds_result(path)


def run_file(path: Path, output: Path | None, progress: bool) -> None:
    """Run a run file, or a stored result again."""
    if path.is_dir():
        _run_again(path, output, progress)
        return
    with ended_well_or_told(output):
        run = RunFile.load(path)
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
    path: Annotated[Path, typer.Argument(metavar="CONFIG", help="Run file: YAML or JSON.")],
) -> None:
    """Check a run file and that the files it names are there; runs none of their code."""
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
            metavar="NAME=FILE...", help="prices=prices.csv signals=predictions.parquet ..."
        ),
    ],
    output: Annotated[Path, typer.Option(help="Folder to write into.", file_okay=False)],
) -> None:
    """Write tables in the form that streams best: in time order, zstd, a Parquet file a month."""
    try:
        named = {name: str(value) for name, value in read_pairs(tables, "a table").items()}
        write_dataset(named, output)
    except ValueError as error:
        stop(str(error), UNUSABLE)
