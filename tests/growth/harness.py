"""Growth by ratios: the same work with n and with 2n of something, in turn, in one process.

What is linear takes twice the time, what is quadratic four times: a bound of 2.2 holds on any machine.
Sizes are chosen so that a quadratic term would be most of the work, and the records of a run stay small
beside the caches: memory that is touched for the first time costs more than what is done there.
"""

from __future__ import annotations

import ctypes
import os
import time
from collections.abc import Callable
from statistics import median

from benchmarks.harness import garbage_collection_off

AT_MOST = 2.2
REPEATS = 5
MOST_REPEATS = 15
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
HOPELESS = 3.0
"""No noise makes the median of five calls so much slower."""

Run = Callable[[], object]


def keep_memory() -> None:
    """Have the allocator keep what it is given back, so that no size pays for new pages each time.

    Large blocks come fresh from the system otherwise, small ones do not, and where n and 2n lie on
    either side of that border the larger one would look slower than it is. Of glibc; others are left.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if os.name == "posix" else None
    if mallopt is not None:
        mallopt(M_TRIM_THRESHOLD, 1 << 30)
        mallopt(M_MMAP_THRESHOLD, 1 << 25)


def seconds(run: Run) -> float:
    """The processor time of a call: other programs of the machine are not counted."""
    begun = time.process_time()
    run()
    return time.process_time() - begun


def assert_linear(prepare: Callable[[int], Run], n: int, unit: str) -> None:
    """Assert that ``prepare(2 * n)()`` takes at most 2.2 times what ``prepare(n)()`` takes.

    Only the call is timed, not what prepares it. The medians of both sizes count, or their fastest
    calls: a quadratic term doubles either ratio, while a neighbour on the machine spoils the medians and
    memory found by luck the fastest. Where both are a little too large there are more of both sizes, up
    to fifteen.
    """
    once, twice = [], []
    keep_memory()
    prepare(2 * n)()  # the first one pays for imports, and for memory that all of them reuse
    with garbage_collection_off():
        while len(once) < MOST_REPEATS:
            once.append(seconds(prepare(n)))
            twice.append(seconds(prepare(2 * n)))
            ratio = min(median(twice) / median(once), min(twice) / min(once))
            if len(once) < REPEATS:
                continue
            if ratio <= AT_MOST:
                return
            if ratio > HOPELESS:
                break
    raise AssertionError(
        f"{2 * n:,} {unit} took {ratio:.2f} times as long as {n:,}: {1e3 * median(twice):.1f} ms after "
        f"{1e3 * median(once):.1f} ms. At most {AT_MOST} times is linear; find what is done for each of "
        "them over all of them"
    )
