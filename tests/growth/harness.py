"""Growth by ratios: the same work with n and with 2n of something, in turn, in one process.

What is linear takes twice the time, what is quadratic four times: a bound of 2.2 holds on any machine.
Sizes are chosen so that a quadratic term would be most of the work, and the records of a run stay small
beside the caches: memory that is touched for the first time costs more than what is done there.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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


def assert_linear(
    prepare: Callable[[int], Run], n: int, unit: str, at_most: float = AT_MOST
) -> None:
    """Assert that ``prepare(2 * n)()`` takes at most 2.2 times what ``prepare(n)()`` takes.

    Only the call is timed, not what prepares it. Where that step is too large, the next one has to be
    small enough, from 2n to 4n: a cache that 2n is the first to leave enlarges one step, a quadratic
    term each, and the later the more.
    """

    def step(n: int) -> Turns:
        return in_turn(lambda: prepare(n), lambda: prepare(2 * n), at_most)

    with steady(prepare(2 * n)):
        steps = {2 * n: step(n)}
        if HOPELESS >= steps[2 * n].ratio > at_most:
            steps[4 * n] = step(2 * n)
    last = [*steps.values()][-1]
    if last.ratio > at_most:
        told = (f"{n:,} took {turns} {n // 2:,} {turns.times}" for n, turns in steps.items())
        raise AssertionError(
            f"{unit}: {'; '.join(told)}. At most {at_most} times is linear; find what is done for each of them "
            "over all of them"
        )


def assert_costs(
    run: Callable[[], Run], than: Callable[[], Run], at_most: float, what: str
) -> None:
    """Assert that ``run()()`` takes at most so many times what ``than()()`` takes."""
    with steady(run()):
        turns = in_turn(than, run, at_most)
    if turns.ratio > at_most:
        raise AssertionError(f"{what}: took {turns} without {turns.times}, at most {at_most}")


@contextmanager
def steady(first: Run) -> Iterator[None]:
    """Have no call pay for imports, and for memory that all of them reuse."""
    keep_memory()
    first()
    with garbage_collection_off():
        yield


@dataclass
class Turns:
    """What the calls of two kinds took, in turn."""

    first: list[float] = field(default_factory=list)
    second: list[float] = field(default_factory=list)

    @property
    def ratio(self) -> float:
        """Of the medians, or of the fastest calls: a neighbour on the machine spoils the medians, and
        memory found by luck the fastest; a quadratic term doubles both."""
        medians = median(self.second) / median(self.first)
        return min(medians, min(self.second) / min(self.first))

    def __str__(self) -> str:
        return f"{self.ratio:.2f} times as long as"

    @property
    def times(self) -> str:
        return f"({1e3 * median(self.second):.1f} ms after {1e3 * median(self.first):.1f} ms)"


def in_turn(first: Callable[[], Run], second: Callable[[], Run], at_most: float) -> Turns:
    """Calls of both kinds in turn: five, or while the ratio is a little too large up to fifteen."""
    turns = Turns()
    while len(turns.first) < MOST_REPEATS:
        turns.first.append(seconds(first()))
        turns.second.append(seconds(second()))
        if len(turns.first) >= REPEATS and not at_most < turns.ratio <= HOPELESS:
            break
    return turns
