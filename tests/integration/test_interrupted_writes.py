"""A result written over another: whatever ends the writing, the old one or the new one is there."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from unit.made_up import result_of

from ml4t.backtest import BacktestResult, ResultError

TESTS = Path(__file__).parents[1]
FULL_DISK = """
import resource, sys
from unit.made_up import result_of
from ml4t.backtest import ResultError

resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
try:
    result_of([100.0, 102.0] * 500).to_parquet(sys.argv[1])
except ResultError as error:
    print(error)
"""


def in_a_process(*arguments):
    path = os.pathsep.join([str(TESTS), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [sys.executable, *map(str, arguments)],
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip(), done.stderr


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_killed_at_each_step_the_old_or_the_new_result_loads(tmp_path):
    found, said = in_a_process(TESTS / "integration/killed_writer.py", "steps", tmp_path / "run")
    # Old ones up to the step that makes the new one complete, new ones from there on.
    old = found.rstrip("n")
    assert set(old) == {"o"}, said
    assert len(old) > 10
    assert len(found) - len(old) > 8  # at least one for each file that takes its place


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_killed_twenty_times_at_random_one_of_the_results_loads(tmp_path):
    found, said = in_a_process(TESTS / "integration/killed_writer.py", "random", tmp_path / "run")
    assert len(found) == 20
    assert set(found) <= {"o", "n"}, said


@pytest.mark.parametrize("room", [1_000, 3_000, 12_000])
def test_a_full_disk_loses_no_result(tmp_path, room):
    pytest.importorskip("resource")
    # The largest file of this result has some 20,000 bytes.
    folder = result_of([100.0, 101.0]).to_parquet(tmp_path / "run")
    before = sorted(path.name for path in folder.iterdir())
    said, _ = in_a_process("-c", FULL_DISK, folder, room)
    assert said.startswith(f"{folder} cannot be written: ")
    assert "is there still" in said
    assert sorted(path.name for path in folder.iterdir()) == before
    assert BacktestResult.load(folder).equity["equity"].tolist() == [100.0, 101.0]


def test_nothing_else_in_the_folder_is_touched(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    result_of([100.0, 101.0]).to_parquet(tmp_path)
    result_of([100.0, 102.0]).to_parquet(tmp_path)
    assert (tmp_path / "notes.txt").read_text() == "mine"
    assert BacktestResult.load(tmp_path).equity["equity"].tolist() == [100.0, 102.0]


@pytest.mark.parametrize("name", ["trades.parquet", "result.json", ".partial", ".complete"])
def test_a_symbolic_link_in_the_folder_is_refused(tmp_path, name):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("not a result")
    folder = result_of([100.0, 101.0]).to_parquet(tmp_path / "run")
    (folder / name).unlink(missing_ok=True)
    (folder / name).symlink_to(elsewhere)
    with pytest.raises(ResultError, match=f"{name} is a symbolic link, and what it leads to"):
        result_of([100.0, 102.0]).to_parquet(folder)
    assert elsewhere.read_text() == "not a result"


@pytest.mark.parametrize("place", ["file", "file/run"])
def test_what_the_system_refuses_is_said_with_the_path(tmp_path, place):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(ResultError, match=f"{place} cannot be written: .*{tmp_path}"):
        result_of([100.0]).to_parquet(tmp_path / place)


@pytest.mark.parametrize("path", ["\0", "\ud800", "a" * 3000])
def test_what_can_be_no_path_is_refused(path):
    with pytest.raises(ResultError, match=r"can be no path|cannot be written"):
        result_of([100.0]).to_parquet(path)
    with pytest.raises(ResultError, match=r"there is no folder|cannot be read"):
        BacktestResult.load(path)


def test_a_folder_in_the_place_of_a_table_is_refused(tmp_path):
    (tmp_path / "trades.parquet").mkdir()
    with pytest.raises(ResultError, match=r"trades\.parquet is no file"):
        result_of([100.0]).to_parquet(tmp_path)


def test_a_picture_that_cannot_be_written_is_said_with_the_path(tmp_path):
    pytest.importorskip("matplotlib")
    place = tmp_path / "missing" / "run.png"
    with pytest.raises(ResultError, match=r"missing/run\.png cannot be written: No such file"):
        result_of([100.0, 101.0]).plot(place)
