"""A pass that reads ahead: what a forked process is told, instead of waiting for a thread it does not have."""

import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

FORKED = """
import os, sys
from ml4t.backtest.data import DataError, DataFeed

def said_by_child(ask):
    # The child says what it was told through a pipe, and ends at once.
    out, into = os.pipe()
    if os.fork() == 0:
        try:
            said = str(ask())
        except DataError as error:
            said = f"DataError: {error}"
        os.write(into, said.encode())
        os._exit(0)
    os.wait()
    return os.read(out, 10_000).decode()

feed = DataFeed.from_parquet(sys.argv[1], prefetch=sys.argv[2] == "ahead")
chunks = iter(feed)
next(chunks)
print(said_by_child(lambda: next(chunks).n_times))
print(said_by_child(lambda: chunks.close()))
print(sum(1 for _ in chunks))
"""


@pytest.fixture
def prices(tmp_path):
    times = pd.date_range("2024-01-01", "2024-04-30", tz="UTC")
    table = pd.DataFrame({"timestamp": times, "close": np.linspace(10.0, 20.0, len(times))})
    table.to_parquet(tmp_path / "prices.parquet")
    return tmp_path / "prices.parquet"


def child(prices, way):
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", FORKED, str(prices), way]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_process_is_told_that_nothing_reads_ahead_there(prices):
    said, closed, left = child(prices, "ahead")
    assert said.startswith(
        "DataError: a DataFeed that reads ahead cannot go on in a forked process"
    )
    assert closed == "None"
    assert left == "3"  # of four months, in the process that began


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_feed_that_does_not_read_ahead_goes_on_in_a_forked_process(prices):
    # February, and the last bar of January before it.
    assert child(prices, "not ahead") == ["30", "None", "3"]
