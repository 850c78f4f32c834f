"""A fork while a feed reads ahead: the reading thread does not come along into the child."""

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing forks here")

GOES_ON_IN_A_CHILD = """
import os, signal, sys, time
from ml4t.backtest.data.stream.prefetch import one_ahead

def slowly():
    for i in range(1, 6):
        time.sleep(0.05)
        yield i

items = one_ahead(slowly())
assert next(items) == 1
child = os.fork()
if child == 0:
    signal.alarm(5)
    try:
        next(items)
    except ValueError as error:
        os._exit(0 if "forked process" in str(error) else 2)
    os._exit(1)
_, status = os.waitpid(child, 0)
assert status == 0, status
assert list(items) == [2, 3, 4, 5]
"""


def test_a_feed_that_reads_ahead_raises_in_a_forked_child_and_goes_on_in_its_parent():
    arguments = [sys.executable, "-W", "ignore", "-c", GOES_ON_IN_A_CHILD]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
