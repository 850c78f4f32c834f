"""One driver of a sweep: it claims trials, has them run, and writes down what came of them."""

from __future__ import annotations

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
BATCHES_OF_WHAT_IS_LEFT = 2
"""For each worker: batches become smaller towards the end, so that none waits long for the last."""
BATCHES_OF_ONE = 8
"""Of what is left, where one worker alone runs it."""
LEAST_SECONDS_OF_A_BATCH = 0.002
"""A batch on its way and back keeps the process that hands it out busy for a third of a millisecond."""
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

    def outcomes(self, trials: Sequence[Trial]) -> Iterator[list[Outcome]]:
        """Yield what comes of the trials, run here or by another driver, some at a time and in any order."""
        left = {trial.key: trial for trial in trials}
        while left:
            n_before = len(left)
            for outcomes in self._once(list(left.values())):
                for one in outcomes:
                    del left[one.key]
                yield outcomes
            if len(left) == n_before:  # all that is left is in the hands of others
                time.sleep(SECONDS_BETWEEN_LOOKS)

    def _once(self, trials: Sequence[Trial]) -> Iterator[list[Outcome]]:
        """Yield what comes of the trials that nobody else has in hand."""
        mine, n_looked_at = self._first_free(trials)
        yield from self._those_found()
        if not mine:
            return
        if self._seconds is None:
            n_first = 0
            for outcomes in self._first_ones(mine):
                n_first += 1
                yield outcomes
            mine = mine[n_first:]
        others, rest = mine, trials[n_looked_at:]
        if others or rest:
            workers = self._crew.suited(self._seconds_of_done, len(others) + len(rest))
            batches = self._batches(others, rest, workers.n)
            for outcomes in workers.outcomes(batches):
                took = sum([one.seconds for one in outcomes])
                self._seconds = took / len(outcomes)  # the first of all were slow
                yield self._stored(outcomes)
                yield from self._those_found()
        yield from self._those_found()

    def _first_ones(self, trials: Sequence[Trial]) -> Iterator[list[Outcome]]:
        """Run the first of all alone, a short one and the next: they tell how long the others will take."""
        for trial in trials:
            (outcome,) = outcomes = self._stored(self._runner.outcomes([trial]))
            is_second = self._seconds is not None
            self._seconds = min(outcome.seconds, self._seconds or math.inf)
            if outcome.status == DONE:
                self._seconds_of_done = min(outcome.seconds, self._seconds_of_done)
            yield outcomes
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

    def _batches(
        self, mine: Sequence[Trial], rest: Sequence[Trial], workers: int
    ) -> Iterator[list[Trial]]:
        """Yield what is claimed, with what is free of the rest, which is claimed for it."""
        at = 0
        while mine or at < len(rest):
            size = _batch_size(self._seconds or 0.0, len(mine) + len(rest) - at, workers)
            # A batch for each worker at a time: they ask for so many at once, and a claim is a transaction.
            n_asked = max(size, min(MOST_IN_A_BATCH, size * workers))
            several = rest[at : at + max(0, n_asked - len(mine))]
            at += len(several)
            yield from _cut([*mine, *(self._claim(several) if several else ())], size)
            mine = ()

    def _claim(self, trials: Sequence[Trial]) -> list[Trial]:
        mine, done = self._rows.claim(trials)
        for outcome in done:
            self._found.put(outcome)
        return mine

    def _stored(self, outcomes: list[Outcome]) -> list[Outcome]:
        self._rows.store(outcomes)
        self._seen.add(outcomes)
        return outcomes

    def _those_found(self) -> Iterator[list[Outcome]]:
        found = []
        while True:
            try:
                found.append(self._found.get_nowait())
            except Empty:
                break
        if found:
            self._seen.add(found, are_new=False)
            yield found


def _cut(trials: Sequence[Trial], size: int) -> Iterator[list[Trial]]:
    for at in range(0, len(trials), size):
        yield list(trials[at : at + size])


def _batch_size(seconds: float, n: int, workers: int) -> int:
    """Return how many of n trials are handed out together."""
    seconds = max(seconds, 1e-6)
    lasting = max(SECONDS_OF_A_BATCH, workers / BATCHES_A_SECOND)
    if workers == 1:  # nothing is handed out: what is under way when a sweep is stopped is a batch
        wanted = _parts(n, BATCHES_OF_ONE)
    else:
        least = max(1, int(LEAST_SECONDS_OF_A_BATCH / seconds))
        batches = max(1, min(BATCHES_OF_WHAT_IS_LEFT, n // (workers * least)))
        wanted = _parts(n, workers * batches)
    return max(1, min(MOST_IN_A_BATCH, int(lasting / seconds), wanted))


def _parts(n: int, parts: int) -> int:
    return -(-n // parts)
