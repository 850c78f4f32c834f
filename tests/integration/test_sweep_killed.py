"""A sweep that is stopped at any moment goes on where it was, and ends with the same table."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


def in_a_process(*arguments):
    path = os.pathsep.join([str(HERE.parent), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [sys.executable, str(HERE / "killed_sweep.py"), *map(str, arguments)],
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    counts, running, same = done.stdout.splitlines()
    return [int(count) for count in counts.split()], int(running), same


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_killed_twenty_times_at_random_it_ends_with_the_same_table(tmp_path):
    counts, _, same = in_a_process(tmp_path / "study.db", "SIGKILL", 20)
    assert counts == sorted(counts)  # what was done stays done
    assert len(set(counts)) > 3
    assert counts[3] < 400
    assert same == "True"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_after_ctrl_c_what_was_claimed_is_given_back(tmp_path):
    counts, running, same = in_a_process(tmp_path / "study.db", "SIGINT", 4)
    assert counts == sorted(counts)
    assert (running, same) == (0, "True")
