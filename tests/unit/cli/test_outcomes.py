"""How a run that raised ends on the command line: a sentence, an exit code, what was done until then."""

import re

import pytest
import typer
from unit.made_up import result_of

from ml4t.backtest import BacktestInterrupted, DataError, InternalError, StrategyError
from ml4t.backtest.cli.outcomes import ended_well_or_told


def ended(error, partial, folder, note=""):
    """Raise `error` in a command; return the exit code."""
    if partial:
        error.partial_result = result_of([100.0, 101.0])
    if note:
        error.add_note(note)
    with pytest.raises(typer.Exit) as told, ended_well_or_told(folder):
        raise error
    return told.value.exit_code


@pytest.mark.parametrize(
    ("error", "code", "place"),
    [
        (StrategyError("oh no"), 1, r" \[test_outcomes.py, line \d+\]"),
        (InternalError("oh no"), 1, ""),  # no line of the user's is to blame
        (DataError("oh no"), 2, ""),
        (BacktestInterrupted("oh no"), 130, ""),
        (OSError("oh no"), 2, ""),
    ],
    ids=repr,
)
def test_what_was_done_before_an_error_is_written(error, code, place, tmp_path, capsys):
    assert ended(error, True, tmp_path) == code
    said = capsys.readouterr().err
    assert re.match(rf"error: oh no{place}\nPartial result: tables", said)
    assert (tmp_path / "equity.parquet").exists()


def test_whose_error_it_is_is_said(tmp_path, capsys):
    note = "raised by the iterable of chunks, asked for chunk 3, at 2024-01-02"
    ended(OSError("disk gone"), True, tmp_path, note)
    assert capsys.readouterr().err.startswith(f"error: disk gone; {note}\n")


@pytest.mark.parametrize("error", [DataError("oh no"), ValueError("oh no"), TypeError("oh no")])
def test_what_cannot_be_used_is_said_in_one_line(error, tmp_path, capsys):
    assert ended(error, False, tmp_path) == 2
    assert capsys.readouterr().err == "error: oh no\n"
    assert not list(tmp_path.iterdir())


def test_an_error_of_nobody_is_not_hidden(tmp_path):
    with pytest.raises(ZeroDivisionError), ended_well_or_told(tmp_path):
        raise ZeroDivisionError
