"""Commands about many runs: a study run, or looked at."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ml4t.backtest.analytics.overfitting import deflated_sharpe
from ml4t.backtest.cli.outcomes import FAILED, INTERRUPTED, UNUSABLE, ended_well_or_told, stop
from ml4t.backtest.strategy.errors import BacktestInterrupted
from ml4t.backtest.sweep.errors import JournalError, SweepError
from ml4t.backtest.sweep.journal import n_tried, read_journal, read_returns, read_stages
from ml4t.backtest.sweep.measures import USUAL
from ml4t.backtest.sweep.run_sweep import sweep as run_sweep
from ml4t.backtest.sweep.study_file import StudyFile
from ml4t.backtest.sweep.trial import DONE

if TYPE_CHECKING:
    import pandas as pd

NO_ORDER = ("exits_by_rule",)
"""Measures that are neither numbers nor text."""

Rows = Annotated[int, typer.Option(min=1, metavar="NUMBER", help="Rows to print, the best first.")]
By = Annotated[
    str | None,
    typer.Option(metavar="MEASURE", help="What the rows are sorted by; else the Sharpe ratio."),
]
Lowest = Annotated[bool, typer.Option("--lowest", help="The lowest value is the best.")]
Output = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", help="Write the whole table, to .csv or .parquet.", dir_okay=False
    ),
]


def sweep(
    study: Annotated[
        Path,
        typer.Argument(help="Run file with lists or {from: , to: , step: } in place of values."),
    ],
    workers: Annotated[
        int | None,
        typer.Option(metavar="NUMBER", help="Runs at a time; else one for each processor."),
    ] = None,
    backend: Annotated[
        str | None,
        typer.Option(
            metavar="threads|processes|dask|ray",
            help="Who runs them; else threads for compiled strategies, processes for Python.",
        ),
    ] = None,
    measure: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Measure of each run, sharpe; repeatable."),
    ] = None,
    journal: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Where each run is written down; else beside the study, with the ending .db.",
        ),
    ] = None,
    keep_returns: Annotated[
        bool,
        typer.Option(
            "--keep-returns",
            help="Keep the returns of each run in the journal, and say how much of the best is luck.",
        ),
    ] = False,
    by: By = None,
    lowest: Lowest = False,
    rows: Rows = 10,
    output: Output = None,
    progress: Annotated[
        bool | None, typer.Option(help="Progress bar; by default where a terminal shows it.")
    ] = None,
) -> None:
    """Run a study, or go on with it: a run file with several values in place of some."""
    _check_table(output)
    with ended_well_or_told(None):
        try:
            file = StudyFile(study)
            journal = study.with_suffix(".db") if journal is None else journal
            _check_by(by, measure or USUAL)
            result = run_sweep(
                file.made(),
                file.space,
                file.data(),
                measures=measure or None,
                workers=workers,
                backend=backend,
                journal=journal,
                progress=progress,
                keep_returns=keep_returns,
            )
        except BacktestInterrupted as interrupted:
            stop(f"{interrupted}; the same command goes on with the others", INTERRUPTED)
        except ImportError as error:
            stop(str(error), UNUSABLE)
        _show(result.table, list(result.measures), by, lowest, rows, output)
        _tell_luck(journal)
    typer.echo(f"\nJournal: {journal}")
    if not result.table["status"].eq(DONE).any():
        stop(f"no run was done: {result.table['error'].iloc[0]}", FAILED)


def study(
    journal: Annotated[Path, typer.Argument(help="Journal of a sweep.")],
    by: By = None,
    lowest: Lowest = False,
    rows: Rows = 20,
    output: Output = None,
) -> None:
    """Show the table of a journal, while its sweep goes on too."""
    import pandas as pd

    _check_table(output)
    with ended_well_or_told(None):
        about, trials = read_journal(journal)
        table = pd.DataFrame([{**one.parameters, **one.measures, **one.rest} for one in trials])
        measures = list(dict.fromkeys(name for one in trials for name in one.measures))
        typer.echo(f"Data {about['data']}, ml4t-backtest {about['package']}")
        for n_times, count in read_stages(journal):
            typer.echo(
                f"{count:,} trial{'s' * (count > 1)} ended after a stage of {n_times:,} timestamps: pruned there, or still to "
                "go on"
            )
        if table.empty:
            typer.echo("No run is written down.")
            return
        _show(table, measures, by, lowest, rows, output)
        _tell_luck(journal)


def _tell_luck(journal: Path) -> None:
    """Print what the best Sharpe ratio of a journal is worth, where it keeps the returns of all trials."""
    try:
        returns = read_returns(journal)
    except JournalError:  # nobody asked for them
        return
    try:
        # What was pruned has no returns, and was tried all the same.
        deflated = deflated_sharpe(returns, trials=n_tried(journal))
    except ValueError as error:
        typer.echo(f"Deflated Sharpe ratio: none; {error}")
        return
    typer.echo(
        f"Deflated Sharpe ratio: {deflated:.4f}, the probability that the best of {deflated.trials:,} trials is more than "
        "luck"
    )


def _show(
    table: pd.DataFrame,
    measures: list[str],
    by: str | None,
    lowest: bool,
    rows: int,
    output: Path | None,
) -> None:
    """Print how many runs there are, and the best of them; write them all where there is a file for it."""
    if by is None:
        ordered = [name for name in measures if _has_order(table[name])]
        by = "sharpe" if "sharpe" in ordered else next(iter(ordered), "")
    elif measures:
        _check_by(by, measures)
        if not _has_order(table[by]):
            raise SweepError(_no_order(by))
    if output is not None:
        _write(table, output)
    counts = [f"{count:,} {status}" for status, count in table["status"].value_counts().items()]
    typer.echo(f"{len(table):,} runs: {', '.join(counts)}")
    shown = table if by not in table else table.sort_values(by, ascending=lowest, kind="stable")
    columns = [name for name in shown if name not in ("seconds", "error")]
    columns += ["error"] if shown["error"].astype(bool).any() else []
    typer.echo(shown[columns].head(rows).to_string(float_format="{:.6g}".format, na_rep=""))


def _check_by(by: str | None, measures: Sequence[str]) -> None:
    if by is not None and by not in measures:
        raise SweepError(f"--by {by}: it is not measured; there are {', '.join(measures)}")
    if by in NO_ORDER:
        raise SweepError(_no_order(by))


def _no_order(by: str) -> str:
    return f"--by {by}: it is no number, and rows have no order by it; name another measure"


def _has_order(column: pd.Series) -> bool:
    values = [*column.dropna()]
    return any(all(isinstance(one, kind) for one in values) for kind in ((int, float), str))


def _write(table: Any, output: Path) -> None:
    try:
        if output.suffix.lower() == ".csv":
            table.to_csv(output)
        else:
            _as_parquet(table).to_parquet(output)
    except OSError as error:
        stop(f"--output {output} cannot be written: {error.strerror or error}", UNUSABLE)


def _as_parquet(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table in which a column of several kinds of values, which Parquet cannot hold, is one of texts."""
    import pyarrow as pa

    texts = {}
    for name, column in table.items():
        try:
            pa.array(column, from_pandas=True)
        except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError):
            texts[name] = column.map(str, na_action="ignore")
    return table.assign(**texts)


def _check_table(output: Path | None) -> None:
    if output is not None and output.suffix.lower() not in (".csv", ".parquet"):
        stop(f"--output must end in .csv or .parquet, was {output}", UNUSABLE)
