"""Children that may die: a process that imports the package once and forks a child for each trial.

``python nursery.py`` reads names of trials, a line each, and answers each with a line of JSON: how many
abuses were tried, and those that ended the child, hung, or left Python in disorder.
"""

import contextlib
import json
import mmap
import os
import resource
import signal
import sys
import tempfile
import traceback
import warnings
from pathlib import Path

SECONDS = 10
BYTES = 4 << 30
MOST_FAILURES = 6
PAGE = 4096
COUNT = 16


class Progress:
    """What a child is about to do, in memory that its parent sees when the child is gone."""

    def __init__(self):
        self._page = mmap.mmap(-1, PAGE)

    def say(self, number, text):
        line = text.encode(errors="replace")[: PAGE - COUNT]
        self._page[: COUNT + len(line) + 1] = b"%0*d%s\0" % (COUNT, number, line)

    def read(self):
        text = self._page[COUNT:].split(b"\0", 1)[0].decode(errors="replace")
        return int(self._page[:COUNT] or b"0"), text

    def disorder(self, text):
        """Keep what a child found wrong without dying of it."""
        number, _ = self.read()
        self.say(number, f"!{text}")


def try_out(trial):
    """Run the abuses of a trial, in one child after the other, each going on behind the last failure.

    Parameters
    ----------
    trial : callable
        Called as ``trial(attempt)``; calls ``attempt(description, call)`` for each abuse, perhaps with
        the ``seconds`` it may take.

    Returns
    -------
    dict
        ``tried``: abuses tried; ``failures``: (what happened, description) each.
    """
    failures, done = [], 0
    while True:
        progress = Progress()
        progress.say(done, "before the first abuse")
        pid = os.fork()
        if pid == 0:
            _live_and_die(trial, progress, done)
        _, status = os.waitpid(pid, 0)
        number, text = progress.read()
        if status == 0:
            return {"tried": number, "failures": failures}
        failures.append((_cause(status), text.removeprefix("!")))
        if len(failures) == MOST_FAILURES or number < done:
            return {"tried": number, "failures": failures}
        done = number


def _cause(status):
    if not os.WIFSIGNALED(status):
        return "in disorder"
    number = os.WTERMSIG(status)
    return "hangs" if number == signal.SIGALRM else signal.Signals(number).name


def _live_and_die(trial, progress, n_before):
    resource.setrlimit(resource.RLIMIT_AS, (BYTES, BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    warnings.simplefilter("ignore")
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    number = 0

    def attempt(text, call, seconds=SECONDS):
        nonlocal number
        number += 1
        if number <= n_before:
            return
        progress.say(number, text)
        signal.alarm(seconds)
        try:
            call()
        except SystemError as error:
            progress.disorder(f"{text}: SystemError: {error}")
            os._exit(1)
        except Exception:
            pass
        finally:
            signal.alarm(0)

    with tempfile.TemporaryDirectory() as directory:
        os.chdir(directory)
        try:
            trial(attempt)
        except BaseException:
            progress.disorder(f"the trial itself failed: {traceback.format_exc()[-1500:]}")
            os._exit(1)
        os.chdir("/")
    os._exit(0)


def serve(trials):
    """Answer names on standard input until it ends."""
    for line in sys.stdin:
        answer = try_out(trials[line.strip()])
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))
    from doors.trials import TRIALS

    with contextlib.suppress(BrokenPipeError):
        serve(TRIALS)
