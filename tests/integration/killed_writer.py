"""Results written over each other by processes that are killed; a script of test_interrupted_writes.py.

Every write and every look is a fork of this process, which itself stays without threads. Prints a letter
for what each look found: o the old result, n the new one, ! none.
"""

import os
import random
import signal
import sys
import time
from pathlib import Path

import pyarrow.parquet  # noqa: F401 - once, not in every fork
from unit.made_up import result_of

from ml4t.backtest import BacktestResult, ResultError

STEPS = {"open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.scandir", "os.listdir"}
CLOSES = {"o": 101.0, "n": 102.0, "w": 103.0}  # old, new, written afterwards


def forked(work):
    """Start work in a fork; its exit code is what the work returns."""
    pid = os.fork()
    if pid == 0:
        os._exit(work() or 0)
    return pid


def ended(pid):
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def write(folder, name):
    result_of([100.0, CLOSES[name]]).to_parquet(folder)


def look(folder):
    """Return the code of the letter of the result that loads, all its tables read."""
    try:
        result = BacktestResult.load(folder)
        tables = result.to_arrow()
    except ResultError as error:
        print(error, file=sys.stderr)
        return ord("!")
    last = tables["equity"]["equity"][-1].as_py()
    return next(ord(name) for name, close in CLOSES.items() if close == last)


def seen(folder):
    return chr(ended(forked(lambda: look(folder))))


def killed_at_step(folder, step):
    """Write a new result, and be killed before the step of that number; False where there is none."""

    def work():
        left = step

        def count(event, _):
            nonlocal left
            left -= event in STEPS
            if left < 0:
                os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(count)
        write(folder, "n")

    return ended(forked(work)) != 0


def at_every_step(folder):
    """Kill a write at each of its steps; what is written afterwards is always there whole."""
    found, step = "", 0
    while True:
        ended(forked(lambda: write(folder, "o")))
        was_killed = killed_at_step(folder, step)
        found += seen(folder)
        ended(forked(lambda: write(folder, "w")))
        if seen(folder) != "w":
            found += "!"
        if not was_killed:
            return found
        step += 1


def at_random(folder, times):
    """Kill a process that writes both results in turn, at random moments."""
    draw = random.Random(11)
    ended(forked(lambda: write(folder, "o")))
    found = ""

    def in_turn():
        while True:
            write(folder, "n")
            write(folder, "o")

    for _ in range(times):
        pid = forked(in_turn)
        time.sleep(draw.uniform(0.0, 0.25))
        os.kill(pid, signal.SIGKILL)
        ended(pid)
        found += seen(folder)
    return found


if __name__ == "__main__":
    folder = Path(sys.argv[2])
    print(at_every_step(folder) if sys.argv[1] == "steps" else at_random(folder, 20))
