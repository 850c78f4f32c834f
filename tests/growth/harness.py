"""Growth by ratios: the same work with n and with 2n of something, in turn, in one process.

What is linear takes twice the time, what is quadratic four times: a bound of 2.2 holds on any machine.
Sizes are chosen so that a quadratic term would be most of the work, and the records of a run stay small
beside the caches: memory that is touched for the first time costs more than what is done there.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median

from benchmarks.harness import garbage_collection_off
from benchmarks.memory import keep_memory

AT_MOST = 2.2
REPEATS = 5
MOST_REPEATS = 15
HOPELESS = 3.0
"""No noise makes the median of five calls so much slower."""

Run = Callable[[], object]


def seconds(run: Run) -> float:
    """The processor time of a call: other programs of the machine are not counted."""
    begun = time.process_time()
    run()
    return time.process_time() - begun


def assert_linear(prepare: Callable[[int], Run], n: int, unit: str) -> None:
    """Assert that ``prepare(2 * n)()`` takes at most 2.2 times what ``prepare(n)()`` takes.

    Only the call is timed, not what prepares it. Where that step is too large, the next one has to be
    small enough, from 2n to 4n: a cache that 2n is the first to leave enlarges one step, a quadratic
    term each, and the later the more.
    """
    keep_memory()
    prepare(2 * n)()  # the first one pays for imports, and for memory that all of them reuse
    with garbage_collection_off():
        steps = [step(prepare, n)]
        if HOPELESS >= steps[0].ratio > AT_MOST:
            steps.append(step(prepare, 2 * n))
    if steps[-1].ratio > AT_MOST:
        raise AssertionError(
            f"{unit}: {'; '.join(map(str, steps))}. At most {AT_MOST} times is linear; find what is done "
            "for each of them over all of them"
        )


@dataclass
class Step:
    """What calls with n of something took, and with 2n."""

    n: int
    once: list[float] = field(default_factory=list)
    twice: list[float] = field(default_factory=list)

    @property
    def ratio(self) -> float:
        """Of the medians, or of the fastest calls: a neighbour on the machine spoils the medians, and
        memory found by luck the fastest; a quadratic term doubles both."""
        medians = median(self.twice) / median(self.once)
        return min(medians, min(self.twice) / min(self.once))

    def __str__(self) -> str:
        took, before = 1e3 * median(self.twice), 1e3 * median(self.once)
        return (
            f"{2 * self.n:,} took {self.ratio:.2f} times as long as {self.n:,} "
            f"({took:.1f} ms after {before:.1f} ms)"
        )


def step(prepare: Callable[[int], Run], n: int) -> Step:
    """Calls of both sizes in turn: five, or while the ratio is a little too large up to fifteen."""
    measured = Step(n)
    while len(measured.once) < MOST_REPEATS:
        measured.once.append(seconds(prepare(n)))
        measured.twice.append(seconds(prepare(2 * n)))
        if len(measured.once) >= REPEATS and not AT_MOST < measured.ratio <= HOPELESS:
            break
    return measured
