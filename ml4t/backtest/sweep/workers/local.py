"""Workers of this machine: threads for long runs without the GIL, processes for short ones and for Python."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from functools import partial
from typing import Any

from ml4t.backtest.sweep.trial import Outcome, Runner, Trial
from ml4t.backtest.sweep.workers.joblib_needed import imported_joblib
from ml4t.backtest.sweep.workers.killed import InHand, Suspects, is_killed, one_by_one
from ml4t.backtest.sweep.workers.pool import in_processes
from ml4t.backtest.sweep.workers.task import (
    Columns,
    Packed,
    Sent,
    packed,
    raise_lost,
    run_trials,
    sent,
    unpacked,
)


class OneByOne:
    """No workers: the trials run in the thread that asks for them."""

    def __init__(self, runner: Runner) -> None:
        self.n = 1
        self._runner = runner

    def outcomes(self, batches: Iterable[list[Trial]]) -> Iterator[list[Outcome]]:
        """Yield what came of each batch."""
        for batch in batches:
            yield self._runner.outcomes(batch)

    def close(self) -> None:
        """Nothing is held."""


class Threads:
    """Threads of this process."""

    def __init__(self, runner: Runner, n: int) -> None:
        self.n = n
        self._runner = runner

    def outcomes(self, batches: Iterable[list[Trial]]) -> Iterator[list[Outcome]]:
        """Yield what came of each batch, as they are done."""
        yield from _in_threads(self.n, self._runner.outcomes, batches)

    def close(self) -> None:
        """Nothing is held."""


class Processes:
    """Processes of this machine, which map the data; they stay for a while."""

    def __init__(self, runner: Runner, n: int) -> None:
        self.n = n
        self._sent = sent(runner)

    def close(self) -> None:
        """Nothing is held."""

    def outcomes(self, batches: Iterable[list[Trial]]) -> Iterator[list[Outcome]]:
        """Yield what came of each batch, as they are done; what a killed worker took with it is run again."""
        run = partial(_run_numbered, self._sent)
        in_hand = InHand(batches)
        suspects = Suspects()
        while True:
            try:
                for number, columns in in_processes(self.n, run, in_hand):
                    yield unpacked(in_hand.done(number), columns)
                again = in_hand.taken()
                if not again:
                    return
            except Exception as error:
                if not is_killed(error):
                    raise_lost(error)
                again, alone = suspects.after_a_kill(in_hand.taken())
                again += yield from self._alone(alone, suspects)
            in_hand.put_back(again)

    def _alone(
        self, batches: list[list[Trial]], suspects: Suspects
    ) -> Generator[list[Outcome], None, list[list[Trial]]]:
        """Yield what comes of each trial by itself until one of them kills its worker; return the others."""
        n_tried = 0
        for outcome, kills in one_by_one(batches, self._by_itself):
            n_tried += 1
            yield [outcome]
            if kills:
                suspects.acquit()
                break
        return [[trial] for batch in batches for trial in batch][n_tried:]

    def _by_itself(self, trials: list[Trial]) -> list[Outcome]:
        run = partial(run_trials, self._sent)
        (columns,) = in_processes(self.n, run, [packed(trials)])
        return unpacked(trials, columns)


def _run_numbered(given: Sent, numbered: tuple[int, Packed]) -> tuple[int, Columns]:
    number, trials = numbered
    return number, run_trials(given, trials)


def _in_threads(n: int, run: Callable[[Any], Any], given: Iterable[Any]) -> Iterator[Any]:
    """Yield what a function returns for each of what is given, in the order in which they are done."""
    joblib = imported_joblib()
    parallel = joblib.Parallel(
        n_jobs=n, backend="threading", return_as="generator_unordered", batch_size=1
    )
    yield from parallel(joblib.delayed(run)(one) for one in given)
