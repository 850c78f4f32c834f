"""``make compare REV=<commit>``: is the last commit slower than another one?

Exits with status 1 where a benchmark is shown to be slower, with 2 where it could not be measured.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from benchmarks.machine import description
from benchmarks.printing import table_console
from benchmarks.ratios import pair_ratio, pair_ratio_interval
from benchmarks.revisions import (
    Revision,
    RevisionError,
    build,
    commit_of,
    has_uncommitted_changes,
)
from benchmarks.workloads import BENCHMARKS

COMPARED = ["B1", "B2", "B4", "B5"]
ROUNDS = 20
MOST_ROUNDS = 60
SLOWER = 1.03
WIDEST = 0.03
COLOURS = {"ok": "green", "unclear": "yellow", "slower": "bold red"}

Measured = dict[str, dict]


@dataclass(frozen=True)
class Verdict:
    """What a benchmark came to.

    Attributes
    ----------
    name : str
    old, new : float
        Nanoseconds a run, medians over the processes.
    ratio, low, high : float
        Median of new/old over the rounds, and its interval at 95%.
    same_outcome : bool
        Whether both revisions had the same curve and trades.
    """

    name: str
    old: float
    new: float
    ratio: float
    low: float
    high: float
    same_outcome: bool

    @property
    def word(self) -> str:
        """``ok``: at most 3% slower; ``slower``: more than that; ``unclear``: the interval holds both.

        Only ``slower`` fails. A noisy machine has wide intervals, so noise alone ends as ``unclear``.
        """
        if self.low > SLOWER:
            return "slower"
        return "ok" if self.high <= SLOWER else "unclear"


def verdict(name: str, rounds: list[tuple[Measured, Measured]]) -> Verdict:
    """Decide a benchmark from what the processes of each round measured, old and new.

    A process counts once, by its median run: where code and data lie is decided when it starts, and
    its runs are alike in that.
    """
    pairs = np.array(
        [[np.median(measured[name]["nanoseconds"]) for measured in pair] for pair in rounds]
    )
    outcomes = {measured[name]["outcome"] for pair in rounds for measured in pair}
    old, new = np.median(pairs, axis=0)
    low, high = pair_ratio_interval(pairs)
    return Verdict(name, float(old), float(new), pair_ratio(pairs), low, high, len(outcomes) == 1)


def compare(
    measure_old: Callable[[], Measured],
    measure_new: Callable[[], Measured],
    names: list[str],
    *,
    n_rounds: int = ROUNDS,
    most_rounds: int = MOST_ROUNDS,
    say: Callable[[str], None] = lambda text: None,
) -> list[Verdict]:
    """Measure both in turn until every interval is narrow, or ``most_rounds`` have been taken.

    Which of them goes first alternates. How wide an interval is decides how long to measure; whether it
    looks good or bad does not.
    """
    rounds: list[tuple[Measured, Measured]] = []
    while True:
        say(f"round {len(rounds) + 1}")
        if len(rounds) % 2 == 0:
            old, new = measure_old(), measure_new()
        else:
            new, old = measure_new(), measure_old()
        rounds.append((old, new))
        if len(rounds) < n_rounds:
            continue
        verdicts = [verdict(name, rounds) for name in names]
        if len(rounds) >= most_rounds or all(v.high - v.low <= WIDEST for v in verdicts):
            return verdicts


def print_table(verdicts: list[Verdict], old: str, new: str, console: Console) -> None:
    """Print a row for each benchmark."""
    table = Table(
        "", "workload", f"{old[:10]}", f"{new[:10]}", "new/old", "95%", "bound", "outcome", "",
        title=description(),
    )  # fmt: skip
    for v in verdicts:
        table.add_row(
            v.name, BENCHMARKS[v.name].title, f"{v.old / 1e6:.1f} ms", f"{v.new / 1e6:.1f} ms",
            f"{v.ratio:.3f}", f"[{v.low:.3f}, {v.high:.3f}]", f"{SLOWER:g}",
            "the same" if v.same_outcome else "another", f"[{COLOURS[v.word]}]{v.word}[/]",
        )  # fmt: skip
    console.print(table)


def main(
    revision: Annotated[str, typer.Argument(help="The commit to compare the last one with.")],
    names: Annotated[list[str] | None, typer.Argument(help="Benchmarks.")] = None,
    rounds: Annotated[int, typer.Option(help="Rounds at least.", min=ROUNDS)] = ROUNDS,
    jobs: Annotated[int, typer.Option(help="Modules compiled at a time.")] = os.cpu_count() or 1,
) -> None:
    """Build the last commit and another one, run both in turn, and say which is slower."""
    console = table_console()
    names = names or COMPARED
    if unknown := set(names) - set(BENCHMARKS):
        raise typer.BadParameter(f"no benchmark {sorted(unknown)}; there are {list(BENCHMARKS)}")
    try:
        with tempfile.TemporaryDirectory(prefix="ml4t-compare-") as folder:
            old, new = _built(commit_of(revision), commit_of("HEAD"), Path(folder), jobs, console)
            with console.status("") as status:
                verdicts = compare(
                    lambda: old.measured(names), lambda: new.measured(names), names,
                    n_rounds=rounds, most_rounds=max(rounds, MOST_ROUNDS),
                    say=status.update if console.is_terminal else console.print,
                )  # fmt: skip
    except RevisionError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(2) from None
    print_table(verdicts, old.commit, new.commit, console)
    raise typer.Exit(1 if any(v.word == "slower" for v in verdicts) else 0)


def _built(
    old: str, new: str, folder: Path, jobs: int, console: Console
) -> tuple[Revision, Revision]:
    if has_uncommitted_changes():
        console.print("Changes that are not committed are not compared.")
    built = []
    for which, commit in (("old", old), ("new", new)):
        console.print(f"Compiling {commit[:10]} ...")
        built.append(build(commit, folder / which, jobs))
    return built[0], built[1]


if __name__ == "__main__":
    typer.run(main)
