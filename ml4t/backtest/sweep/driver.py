"""One driver of a sweep: it claims trials, has them run, and writes down what came of them."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Iterator, Sequence
from queue import Empty, SimpleQueue

from ml4t.backtest.sweep.journal import Journal, NoJournal
from ml4t.backtest.sweep.shown_progress import NotShown, ShownProgress
from ml4t.backtest.sweep.trial import DONE, Outcome, Runner, Trial
from ml4t.backtest.sweep.workers.chosen import Crew

AT_FIRST = 2
"""Trials that may tell how long the others will take."""
SECONDS_OF_A_BATCH = 0.2
BATCHES_A_SECOND = 1_000
"""What one process hands out and takes back: with more workers than it can serve so batches last longer."""
MOST_IN_A_BATCH = 1_024
BATCHES_A_WORKER = 8
"""At least so many, so that none waits long for the last."""
SECONDS_BETWEEN_LOOKS = 0.1


class Driver:
    """Brings trials to their end.

    Parameters
    ----------
    runner : Runner
    crew : Crew
    rows : Journal or NoJournal
    seen : ShownProgress or NotShown
    """

    def __init__(
        self,
        runner: Runner,
        crew: Crew,
        rows: Journal | NoJournal,
        seen: ShownProgress | NotShown,
    ) -> None:
        self._runner = runner
        self._crew = crew
        self._rows = rows
        self._seen = seen
        # Workers' threads claim, and find what others have done.
        self._found: SimpleQueue[Outcome] = SimpleQueue()
        self._seconds: float | None = None  # of a run
        self._seconds_of_done = math.inf  # of one that came to its end

    def outcomes(self, trials: Sequence[Trial]) -> Iterator[Outcome]:
        """Yield what comes of each trial, run here or by another driver, in any order."""
        left = {trial.key: trial for trial in trials}
        while left:
            n_before = len(left)
            for outcome in self._once(list(left.values())):
                del left[outcome.key]
                yield outcome
            if len(left) == n_before:  # all that is left is in the hands of others
                time.sleep(SECONDS_BETWEEN_LOOKS)

    def _once(self, trials: Sequence[Trial]) -> Iterator[Outcome]:
        """Yield what comes of the trials that nobody else has in hand."""
        mine, n_looked_at = self._first_free(trials)
        yield from self._those_found()
        if not mine:
            return
        if self._seconds is None:
            n_first = 0
            for outcome in self._first_ones(mine):
                n_first += 1
                yield outcome
            mine = mine[n_first:]
        others, rest = mine, trials[n_looked_at:]
        if others or rest:
            n_left = len(others) + len(rest)
            workers = self._crew.suited(self._seconds_of_done, n_left)
            size = _batch_size(self._seconds or 0.0, n_left, workers.n)
            batches = itertools.chain(_cut(others, size), self._claimed(rest, size, workers.n))
            for outcomes in workers.outcomes(batches):
                yield from self._stored(outcomes)
                yield from self._those_found()
        yield from self._those_found()

    def _first_ones(self, trials: Sequence[Trial]) -> Iterator[Outcome]:
        """Run the first of all alone, a short one and the next: they tell how long the others will take."""
        for trial in trials:
            (outcome,) = self._stored(self._runner.outcomes([trial]))
            is_second = self._seconds is not None
            self._seconds = min(outcome.seconds, self._seconds or math.inf)
            if outcome.status == DONE:
                self._seconds_of_done = min(outcome.seconds, self._seconds_of_done)
            yield outcome
            if is_second or not self._crew.wants_another(outcome.seconds):
                return

    def _first_free(self, trials: Sequence[Trial]) -> tuple[list[Trial], int]:
        """Return the first trials that were free to be claimed, and how many were looked at for them."""
        at, size = 0, AT_FIRST
        while at < len(trials):
            mine = self._claim(trials[at : at + size])
            at = min(at + size, len(trials))
            size = min(2 * size, MOST_IN_A_BATCH)  # what is done already is passed over quickly
            if mine:
                return mine, at
        return [], at

    def _claimed(self, trials: Sequence[Trial], size: int, workers: int) -> Iterator[list[Trial]]:
        # A batch for each worker at a time: they ask for so many at once, and a claim is a transaction.
        for several in _cut(trials, max(size, min(MOST_IN_A_BATCH, size * workers))):
            yield from _cut(self._claim(several), size)

    def _claim(self, trials: Sequence[Trial]) -> list[Trial]:
        mine, done = self._rows.claim(trials)
        for outcome in done:
            self._found.put(outcome)
        return mine

    def _stored(self, outcomes: list[Outcome]) -> list[Outcome]:
        self._rows.store(outcomes)
        self._seen.add(outcomes)
        return outcomes

    def _those_found(self) -> Iterator[Outcome]:
        found = []
        while True:
            try:
                found.append(self._found.get_nowait())
            except Empty:
                break
        if found:
            self._seen.add(found, are_new=False)
        yield from found


def _cut(trials: Sequence[Trial], size: int) -> Iterator[list[Trial]]:
    for at in range(0, len(trials), size):
        yield list(trials[at : at + size])


def _batch_size(seconds: float, n: int, workers: int) -> int:
    most = min(MOST_IN_A_BATCH, -(-n // (workers * BATCHES_A_WORKER)))
    lasting = max(SECONDS_OF_A_BATCH, workers / BATCHES_A_SECOND)
    return max(1, min(most, int(lasting / max(seconds, 1e-6))))
