"""Growth by ratios: the same work with n and with 2n of something, in turn, in one process.

What is linear takes twice the time, what is quadratic four times: a bound of 2.2 holds on any machine.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from benchmarks.harness import garbage_collection_off

AT_MOST = 2.2
REPEATS = 3
MOST_REPEATS = 15
HOPELESS = 3.0
"""No noise makes the fastest of three calls so much slower."""

Run = Callable[[], object]


def seconds(run: Run) -> float:
    """The processor time of a call: other programs of the machine are not counted."""
    begun = time.process_time()
    run()
    return time.process_time() - begun


def assert_linear(prepare: Callable[[int], Run], n: int, unit: str) -> None:
    """Assert that ``prepare(2 * n)()`` takes at most 2.2 times what ``prepare(n)()`` takes.

    Only the call is timed, not what prepares it. Of each size the fastest call counts, as whatever
    disturbs one makes it slower; where the ratio is a little too large there are more of both, up to
    fifteen, which help against noise and not against a quadratic term.
    """
    once, twice = [], []
    prepare(n)()  # the first one pays for imports and memory
    with garbage_collection_off():
        while len(once) < MOST_REPEATS:
            once.append(seconds(prepare(n)))
            twice.append(seconds(prepare(2 * n)))
            ratio = min(twice) / min(once)
            if len(once) < REPEATS:
                continue
            if ratio <= AT_MOST:
                return
            if ratio > HOPELESS:
                break
    raise AssertionError(
        f"{2 * n:,} {unit} took {ratio:.2f} times as long as {n:,}: {1e3 * min(twice):.1f} ms after "
        f"{1e3 * min(once):.1f} ms. At most {AT_MOST} times is linear; find what is done for each of "
        "them over all of them"
    )
