"""``make ledger-off``: does a ledger that is off cost a run anything?

The last commit is built twice, once as it is and once without the questions whether the ledger is to be told. Exits
with status 1 where B1 or B5 is not shown to take less than 1% more with them, with 2 where it could not be measured.
"""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.compare import compare, print_table
from benchmarks.printing import table_console
from benchmarks.revisions import RevisionError, build, commit_of

NAMES = ["B1", "B5"]
BOUND = 1.01
WIDEST = 0.008
ROUNDS, MOST_ROUNDS = 40, 120
QUESTION = re.compile(r"[\w.]*\b(?:settings\.ledger|ledger\.detail|self\.tells)\b(?= [!=]= TELL_)")
"""What is compared with a detail of the ledger, where that decides whether it is told."""
TELL_FILLS = "0"
"""That of ``LedgerDetail`` (core/settings.pxd) with which nothing is told."""


def remove_questions(source: Path) -> int:
    """Put the answer of a ledger that is off in the place of each question, and return how many there were.

    Raises
    ------
    RevisionError
        If there is none: then nothing would be compared.
    """
    count = 0
    for path in (source / "ml4t").rglob("*.pyx"):
        text, found = QUESTION.subn(TELL_FILLS, path.read_text(encoding="utf-8"))
        if found:
            path.write_text(text, encoding="utf-8")
        count += found
    if count == 0:
        raise RevisionError(f"{source} asks nowhere whether the ledger is to be told")
    return count


def main(
    jobs: Annotated[int, typer.Option(help="Modules compiled at a time.")] = os.cpu_count() or 1,
) -> None:
    """Build the last commit with and without the questions of the ledger, and run both in turn."""
    console = table_console()
    commit = commit_of("HEAD")
    try:
        with tempfile.TemporaryDirectory(prefix="ml4t-ledger-") as folder:
            console.print("Compiling without the questions ...")
            without = build(commit, Path(folder) / "without", jobs, remove_questions)
            console.print("Compiling with them ...")
            asking = build(commit, Path(folder) / "asking", jobs)
            with console.status("") as status:
                verdicts = compare(
                    lambda: without.measured(NAMES), lambda: asking.measured(NAMES), NAMES,
                    n_rounds=ROUNDS, most_rounds=MOST_ROUNDS, widest=WIDEST,
                    say=status.update if console.is_terminal else console.print,
                )  # fmt: skip
    except RevisionError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(2) from None
    print_table(verdicts, "without", "asking", console, BOUND)
    raise typer.Exit(1 if any(v.high >= BOUND for v in verdicts) else 0)


if __name__ == "__main__":
    typer.run(main)
