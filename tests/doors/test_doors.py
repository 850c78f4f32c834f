"""No abuse of a public type or function ends the process: it raises, or does no harm.

Each trial runs in a child of its own, in which thousands of abuses are tried one after the other; see
``nursery.py`` and ``abuses.py``. Names that begin with an underscore are for this house alone.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from doors.trials import TRIALS

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="children are forked")


class Nursery:
    """The process that forks the children; made once for all tests of a worker."""

    def __init__(self):
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("nursery.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def try_out(self, name):
        self._process.stdin.write(f"{name}\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, f"the nursery ended with {self._process.wait(10)} at {name}"
        return json.loads(answer)

    def close(self):
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait(10)


@pytest.fixture(scope="session")
def nursery():
    made = Nursery()
    yield made
    made.close()


def trials(kind):
    """Return the trials whose name begins with a word."""
    return [name for name in TRIALS if name.startswith(f"{kind}: ")]


def assert_harmless(nursery, name):
    outcome = nursery.try_out(name)
    assert outcome["failures"] == []
    return outcome["tried"]


@pytest.mark.parametrize("name", trials("named"))
def test_what_ended_the_process_once(name, nursery):
    assert assert_harmless(nursery, name) == 1


@pytest.mark.parametrize("name", trials("by hand"))
def test_made_or_called_by_hand(name, nursery):
    assert assert_harmless(nursery, name) > 0


@pytest.mark.parametrize("name", trials("in a run"))
def test_alive_in_a_run(name, nursery):
    assert_harmless(nursery, name)


@pytest.mark.parametrize("name", trials("after a run"))
def test_kept_after_a_run(name, nursery):
    assert_harmless(nursery, name)


@pytest.mark.parametrize("name", trials("from another thread"))
def test_from_another_thread(name, nursery):
    assert_harmless(nursery, name)


def test_every_compiled_module_is_tried():
    sources = Path(__file__).parents[2] / "ml4t" / "backtest"
    # These hold C functions alone, or one constant.
    without_doors = {
        "settings",
        "corporate_actions",
        "costs",
        "buying_power",
        "price_heap",
        "within_limits",
        "placing",
        "realised_risk",
        "opening_stop",
        "exits_at_close",
        "sizes",
    }
    public = {path.stem for path in sources.rglob("[!_]*.pyx")}
    modules = public - without_doors
    tried = {part for name in TRIALS for part in name.split(": ")[1].split(".")}
    assert modules <= tried


# --- the nursery itself ---------------------------------------------------------------------------


def test_a_crash_is_seen_and_the_trial_goes_on(nursery):
    outcome = nursery.try_out("self: null")
    assert outcome == {"tried": 3, "failures": [["SIGSEGV", "address 0 is read"]]}


def test_an_abuse_that_never_ends_is_seen(nursery):
    outcome = nursery.try_out("self: hang")
    assert outcome["failures"] == [["hangs", "an endless loop"]]


def test_an_error_of_the_interpreter_is_seen(nursery):
    [[what, text]] = nursery.try_out("self: disorder")["failures"]
    assert what == "in disorder"
    assert text == "an error of the interpreter: SystemError: null without an error"
