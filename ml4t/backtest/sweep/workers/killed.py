"""Trials that kill their worker: found by running alone, so that none is blamed for another."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from ml4t.backtest.sweep.trial import FAILED, Outcome, Trial
from ml4t.backtest.sweep.workers.task import Packed, packed, raise_lost

TIMES_KILLED = 3
"""So often a trial may kill its worker while it runs alone."""
KILLED = (
    "BrokenProcessPool",
    "KilledWorker",
    "WorkerCrashedError",
    "OutOfMemoryError",
    "NodeDiedError",
)
"""What joblib, Dask and Ray raise where a worker is gone; of each only what is installed is imported."""


def is_killed(error: BaseException) -> bool:
    """Tell whether an exception says that a worker was killed, not that a trial raised it."""
    return any(kind.__name__ in KILLED for kind in type(error).__mro__)


class InHand:
    """Batches with their numbers, as they are sent, each in hand from when it is asked for until what came of it is there.

    Threads of joblib ask, and one of a pool that broke may ask when the next pool does.

    Parameters
    ----------
    batches : iterable of list of Trial
    """

    def __init__(self, batches: Iterable[list[Trial]]) -> None:
        self._left = iter(batches)
        self._numbers = itertools.count()
        self._batches: dict[int, list[Trial]] = {}
        self._lock = threading.Lock()

    def __iter__(self) -> InHand:
        return self

    def __next__(self) -> tuple[int, Packed]:
        with self._lock:
            batch = next(self._left)
            number = next(self._numbers)
            self._batches[number] = batch
        return number, packed(batch)

    def done(self, number: int) -> list[Trial]:
        """Let go of a batch, and return it."""
        with self._lock:
            return self._batches.pop(number)

    def taken(self) -> list[list[Trial]]:
        """Return what is in hand still, and let go of it."""
        with self._lock:
            batches = [*self._batches.values()]
            self._batches.clear()
        return batches

    def put_back(self, batches: Iterable[list[Trial]]) -> None:
        """Give batches again, before those that nobody has asked for."""
        with self._lock:
            self._left = itertools.chain(batches, self._left)


class Suspects:
    """Which trials were in hand whenever a worker was killed."""

    def __init__(self) -> None:
        self._seen: dict[Any, int] = {}

    def after_a_kill(
        self, in_hand: Sequence[list[Trial]]
    ) -> tuple[list[list[Trial]], list[list[Trial]]]:
        """Take in what workers had when one was killed.

        Returns
        -------
        list of list of Trial
            Batches that were there for the first time: whoever was killed by chance is run again with the others.
        list of list of Trial
            Batches with a trial that has been there before: these are to be run alone.
        """
        for trial in (trial for batch in in_hand for trial in batch):
            self._seen[trial.key] = self._seen.get(trial.key, 0) + 1
        again: list[list[Trial]] = []
        alone: list[list[Trial]] = []
        for batch in in_hand:
            is_old = any(self._seen[trial.key] > 1 for trial in batch)
            (alone if is_old else again).append(batch)
        return again, alone

    def acquit(self) -> None:
        """Forget what was seen: the one that it was is found."""
        self._seen.clear()


def one_by_one(
    batches: Sequence[list[Trial]],
    run: Callable[[list[Trial]], list[Outcome]],
    times: int = TIMES_KILLED,
) -> Iterator[tuple[Outcome, bool]]:
    """Run trials alone, and yield what came of each, and whether it kills its worker.

    Parameters
    ----------
    batches : sequence of list of Trial
    run : callable
        Runs trials on a worker while nothing else does.
    times : int
        How often a trial is tried.
    """
    for trial in (trial for batch in batches for trial in batch):
        began = time.perf_counter()
        outcome = next(filter(None, (_tried(trial, run) for _ in range(times))), None)
        if outcome is not None:
            yield outcome, False
        else:
            took = time.perf_counter() - began
            yield Outcome(trial.key, FAILED, (), said_of_killed(times), took), True


def _tried(trial: Trial, run: Callable[[list[Trial]], list[Outcome]]) -> Outcome | None:
    try:
        (outcome,) = run([trial])
    except Exception as error:
        if not is_killed(error):
            raise_lost(error)
        return None
    return outcome


def said_of_killed(times: int) -> str:
    """Return the error of a trial that kills its worker."""
    often = "" if times == 1 else f" {times} times"
    return (
        f"WorkerKilled: its worker was killed{often} while it ran alone, by the system for want of memory or by the "
        "trial; workers=1 runs it in your own process"
    )
