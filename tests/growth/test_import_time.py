"""What `import ml4t.backtest` costs beside pandas, which every run needs."""

import statistics
import subprocess
import sys
import time

PAIRS = 9


def seconds(statement: str) -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", statement], check=True, timeout=60)
    return time.perf_counter() - started


def test_the_import_takes_little_more_than_that_of_pandas():
    ours, theirs = [], []
    for _ in range(PAIRS):  # in turn, so that whatever else runs meets both
        theirs.append(seconds("import pandas"))
        ours.append(seconds("import ml4t.backtest"))
    assert statistics.median(ours) <= 1.2 * statistics.median(theirs)
