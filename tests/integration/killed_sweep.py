"""A sweep with a journal, killed twenty times at random; a script of test_sweep_killed.py.

Every sweep is a fork of this process, which itself stays without threads. Prints how many trials stood in the
journal after each, and whether the last table is that of a sweep that nobody stopped.
"""

import os
import random
import signal
import sqlite3
import sys
import time

from unit.sweep.studied import dips, market, plain

from ml4t.backtest.sweep import grid, sweep

SPACE = grid(fall=[0.0005 * n for n in range(40)], hold=list(range(1, 11)))
DATA = market(1500)


def forked(work):
    pid = os.fork()
    if pid == 0:
        try:
            work()
        finally:
            os._exit(0)
    return pid


def swept(journal):
    return sweep(
        dips, SPACE, DATA, journal=journal, workers=2, backend="threads", keep_returns=True
    )


def n_done(journal):
    try:
        rows = sqlite3.connect(f"file:{journal}?mode=ro", uri=True)
    except sqlite3.Error:
        return 0
    try:
        return rows.execute("SELECT count(*) FROM trials WHERE status = 'done'").fetchone()[0]
    except sqlite3.Error:  # it is about to be made
        return 0
    finally:
        rows.close()


def stopped(journal, how, draw):
    """Stop a sweep at a random moment, counted in trials, so that it does not hang on the speed of a machine."""
    n = n_done(journal) + draw.randrange(30)
    pid = forked(lambda: swept(journal))
    deadline = time.monotonic() + 10.0
    while n_done(journal) < min(n, len(SPACE)) and time.monotonic() < deadline:
        time.sleep(0.001)
    time.sleep(draw.uniform(0.0, 0.01))
    os.kill(pid, how)
    os.waitpid(pid, 0)
    return n_done(journal)


if __name__ == "__main__":
    journal, how = sys.argv[1], signal.Signals[sys.argv[2]]
    draw = random.Random(4)
    print(*[stopped(journal, how, draw) for _ in range(int(sys.argv[3]))])
    with sqlite3.connect(f"file:{journal}?mode=ro", uri=True) as rows:
        print(*rows.execute("SELECT count(*) FROM trials WHERE status = 'running'").fetchone())
    ended, whole = swept(journal), swept(None)
    same = plain(ended).equals(plain(whole)) and ended.returns.equals(whole.returns)
    print(same)
