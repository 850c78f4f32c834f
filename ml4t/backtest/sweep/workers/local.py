"""Workers of this machine, by joblib: threads for what runs without the GIL, processes for Python."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

from ml4t.backtest.sweep.errors import SweepError
from ml4t.backtest.sweep.trial import Outcome, Runner, Trial
from ml4t.backtest.sweep.workers.task import Sent, raise_lost, run_trials, sent

TIMES_KILLED = 3
"""So often workers that are killed are made anew."""


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
        yield from _parallel(self.n, "threading", self._runner.outcomes, batches)

    def close(self) -> None:
        """Nothing is held."""


class Processes:
    """Processes of this machine, which map the data; joblib keeps them for a while."""

    def __init__(self, runner: Runner, n: int) -> None:
        self.n = n
        self._sent = sent(runner)

    def close(self) -> None:
        """Nothing is held."""

    def outcomes(self, batches: Iterable[list[Trial]]) -> Iterator[list[Outcome]]:
        """Yield what came of each batch, as they are done; what a killed worker took with it is run again."""
        run = partial(_run_numbered, self._sent)
        numbered = zip(itertools.count(), batches, strict=False)
        waiting: dict[int, list[Trial]] = {}

        def noted(again: list[tuple[int, list[Trial]]]) -> Iterator[tuple[int, list[Trial]]]:
            yield from again
            for number, batch in numbered:
                waiting[number] = batch
                yield number, batch

        for times in itertools.count(1):
            try:
                for number, outcomes in _parallel(self.n, "loky", run, noted([*waiting.items()])):
                    del waiting[number]
                    yield outcomes
                return
            except Exception as error:
                if not _is_killed(error):
                    raise_lost(error)
                if times > TIMES_KILLED:
                    raise SweepError(
                        f"workers were killed {times} times, by the system for want of memory or by a trial; fewer of them "
                        "need less memory: workers=1 runs the trials in this process"
                    ) from error


def _run_numbered(given: Sent, numbered: tuple[int, list[Trial]]) -> tuple[int, list[Outcome]]:
    number, trials = numbered
    return number, run_trials(given, trials)


def _parallel(
    n: int, backend: str, run: Callable[[Any], Any], given: Iterable[Any]
) -> Iterator[Any]:
    """Yield what a function returns for each of what is given, in the order in which they are done."""
    joblib = imported_joblib()
    parallel = joblib.Parallel(
        n_jobs=n, backend=backend, return_as="generator_unordered", batch_size=1
    )
    yield from parallel(joblib.delayed(run)(one) for one in given)


def imported_joblib() -> Any:
    """Return joblib.

    Raises
    ------
    ImportError
        If it is not installed.
    """
    try:
        import joblib
    except ImportError as error:
        raise ImportError(
            "several workers need joblib; install it with: pip install 'ml4t-backtest[sweep]'"
        ) from error
    return joblib


def _is_killed(error: Exception) -> bool:
    from concurrent.futures.process import BrokenProcessPool

    return isinstance(error, BrokenProcessPool)
