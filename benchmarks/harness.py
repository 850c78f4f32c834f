"""Time two things in turn, in one process.

A *side* is a function that sets up one run and returns it: ``prepare() -> run``. Only ``run()`` is
timed. Its outcome goes to ``check``, which raises if the run was not the one we meant to measure.
"""

from __future__ import annotations

import contextlib
import gc
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

Run = Callable[[], object]
Side = Callable[[], Run]
Check = Callable[[object], None]
Clock = Callable[[], int]


class Comparison(NamedTuple):
    """Two sides and what must be true of the outcome of each."""

    a: Side
    b: Side
    check_a: Check
    check_b: Check


class Fours(NamedTuple):
    """Timings of A B B A, and of A A A A taken in between: what the machine does to equal things."""

    compared: np.ndarray
    itself: np.ndarray


@contextlib.contextmanager
def garbage_collection_off() -> Iterator[None]:
    """Collect only where we say so, and never look at what was alive before."""
    was_enabled = gc.isenabled()
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.unfreeze()
        if was_enabled:
            gc.enable()


def timed(prepare: Side, check: Check, clock: Clock = time.process_time_ns) -> int:
    """Set up, run, check; return the nanoseconds that the run alone kept a processor busy.

    Processor time, in the kernel too, is what a run costs; on a clock on the wall it would also be charged
    for the other programs of a shared machine. A run waits for nothing, so on an idle one both agree. What is
    done in other processes is seen by a clock on the wall alone.
    """
    run = prepare()
    gc.collect()
    start = clock()
    outcome = run()
    elapsed = clock() - start
    check(outcome)
    return elapsed


def measure_pairs(
    comparison: Comparison, n_pairs: int, clock: Clock = time.process_time_ns
) -> np.ndarray:
    """Run both sides ``n_pairs`` times, one right after the other.

    Returns
    -------
    int64 array, shape (n_pairs, 2)
        Nanoseconds of a and b. Which of them goes first alternates.
    """
    a, b, check_a, check_b = comparison
    pairs = np.empty((n_pairs, 2), np.int64)
    with garbage_collection_off():
        _warm_up(comparison)
        for i in range(n_pairs):
            if i % 2 == 0:
                pairs[i, 0] = timed(a, check_a, clock)
                pairs[i, 1] = timed(b, check_b, clock)
            else:
                pairs[i, 1] = timed(b, check_b, clock)
                pairs[i, 0] = timed(a, check_a, clock)
    return pairs


def measure_fours(comparison: Comparison, n_fours: int) -> Fours:
    """Run A B B A ``n_fours`` times, and A against itself as often.

    Returns
    -------
    Fours
        Two int64 arrays of shape (n_fours, 4), nanoseconds in the order of running. The fours of the
        two kinds alternate, so both saw the same weather.
    """
    a, b, check_a, check_b = comparison
    fours = Fours(np.empty((n_fours, 4), np.int64), np.empty((n_fours, 4), np.int64))
    with garbage_collection_off():
        _warm_up(comparison)
        for i in range(n_fours):
            fours.compared[i] = (
                timed(a, check_a), timed(b, check_b), timed(b, check_b), timed(a, check_a),
            )  # fmt: skip
            fours.itself[i] = [timed(a, check_a) for _ in range(4)]
    return fours


def _warm_up(comparison: Comparison) -> None:
    # First runs pay for page faults and specialising bytecode.
    for _ in range(2):
        timed(comparison.a, comparison.check_a)
        timed(comparison.b, comparison.check_b)
