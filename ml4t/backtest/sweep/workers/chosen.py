"""Which workers a sweep gets."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Protocol
from warnings import warn

from ml4t.backtest.risk import CompiledRule, RiskManager
from ml4t.backtest.risk.function_rule import as_rule, each_rule
from ml4t.backtest.strategy.strategy import CompiledStrategy
from ml4t.backtest.sweep.errors import SweepError
from ml4t.backtest.sweep.trial import Outcome, Runner, Trial
from ml4t.backtest.sweep.workers.dask_cluster import Dask
from ml4t.backtest.sweep.workers.joblib_needed import imported_joblib
from ml4t.backtest.sweep.workers.local import OneByOne, Processes, Threads
from ml4t.backtest.sweep.workers.pool import are_there
from ml4t.backtest.sweep.workers.ray_cluster import Ray

BACKENDS = ("threads", "processes", "dask", "ray")


SECONDS_OF_WAITING = 0.000_175
"""Of a run for each thread: in shorter ones threads wait for the GIL longer than they save. Beginning, end and measures are Python."""
SECONDS_OF_PYTHON = 0.000_25
"""Of a run for each thread: in shorter ones processes, which wait for nothing, are done before."""
SECONDS_SHORT = 0.05
"""Of a first run below it what it looked up and imported may be the most: the second tells more."""
SECONDS_TO_START = 2.0
"""Until processes have imported pandas and this package."""
SECONDS_TO_ASK = 0.02
"""Until processes that are there have been handed what they are to run."""


class Workers(Protocol):
    """Who runs the trials of a sweep."""

    n: int

    def outcomes(self, batches: Iterable[list[Trial]]) -> Iterator[list[Outcome]]:
        """Yield what came of each batch, in any order."""

    def close(self) -> None:
        """Let go of what was made for the sweep."""


class Crew(Protocol):
    """Chooses who runs the trials, once it is known how long they take."""

    def wants_another(self, seconds: float) -> bool:
        """Tell whether a first run of so many seconds does not tell yet how long the others will take."""

    def suited(self, seconds: float, n: int) -> Workers:
        """Return who runs the rest.

        Parameters
        ----------
        seconds : float
            How long a run takes.
        n : int
            How many there are.
        """

    def close(self) -> None:
        """Let go of what was made for the sweep."""


class AsAsked:
    """The same workers for runs of any length."""

    def __init__(self, workers: Workers) -> None:
        self._workers = workers

    def wants_another(self, seconds: float) -> bool:
        """None changes anything."""
        return False

    def suited(self, seconds: float, n: int) -> Workers:
        """Return them."""
        return self._workers

    def close(self) -> None:
        """Let go of them."""
        self._workers.close()


class ByLength:
    """Threads for long runs, whose loops do not hold the GIL.

    Runs that are short wait for the GIL longer than they run: for them processes, where starting them is worth it,
    or one run after the other.

    Parameters
    ----------
    runner : Runner
    n : int
        Workers at most.
    in_threads : bool
        Whether threads were asked for, and no processes are.
    """

    def __init__(self, runner: Runner, n: int, *, in_threads: bool) -> None:
        self._runner = runner
        self._n = n
        self._in_threads = in_threads
        self._processes: Processes | None = None

    def wants_another(self, seconds: float) -> bool:
        """Tell whether a first run is so short that what it looked up and imported may be the most of it."""
        return seconds < SECONDS_SHORT

    def suited(self, seconds: float, n: int) -> Workers:
        """Return threads for long runs, and for short ones who is done first."""
        n_threads = int(min(self._n, seconds / SECONDS_OF_WAITING))
        if seconds < self._n * SECONDS_OF_PYTHON and not self._in_threads:
            processes = self._worth_their_start(seconds * n)
            if processes is not None:
                return processes
        return Threads(self._runner, n_threads) if n_threads > 1 else OneByOne(self._runner)

    def _worth_their_start(self, seconds: float) -> Processes | None:
        """Return processes if they save more of so much work than it takes to start them, and it can be sent."""
        takes = SECONDS_TO_ASK if are_there(self._n) else SECONDS_TO_START
        if seconds * (1.0 - 1.0 / self._n) < takes:
            return None
        if self._processes is None:
            try:
                self._processes = Processes(self._runner, self._n)
            except SweepError as error:
                warn(f"{error}; the runs are short, and made one after the other", stacklevel=2)
                return None
        return self._processes

    def close(self) -> None:
        """Nothing is held."""


def crew_for(backend: Any, n: int | None, runner: Runner, first: Mapping[str, Any]) -> Crew:
    """Return what chooses the workers of a sweep.

    Parameters
    ----------
    backend : {"threads", "processes", "dask", "ray"} or distributed.Client, optional
        By default processes for runs in Python; for compiled ones threads, or who ends first where runs are short.
    n : int, optional
        One runs the trials in this thread; None is one for each processor that this process may use.
    runner : Runner
    first : mapping
        Parameters of the first trial.

    Raises
    ------
    SweepError
        If there is no such backend, n is no positive number, or something cannot be sent to other processes.
    ImportError
        If the library of it is not installed.
    """
    if n is not None and (isinstance(n, bool) or not isinstance(n, int) or n < 1):
        raise SweepError(f"workers must be a positive number, was {n!r}")
    if type(backend).__module__.partition(".")[0] == "distributed":
        return AsAsked(Dask(runner, n or _processors(), backend))
    if backend is not None and backend not in BACKENDS:
        raise SweepError(
            f"backend must be one of {', '.join(map(repr, BACKENDS))} or a client of Dask, was {backend!r}"
        )
    n = n or _processors()
    if backend == "dask":
        return AsAsked(Dask(runner, n))
    if backend == "ray":
        return AsAsked(Ray(runner, n))
    if n == 1 and backend is None:
        return AsAsked(OneByOne(runner))
    imported_joblib()
    if backend == "threads" or (backend is None and is_without_python(runner, first)):
        return ByLength(runner, n, in_threads=backend == "threads")
    return AsAsked(Processes(runner, n))


def is_without_python(runner: Runner, parameters: Mapping[str, Any]) -> bool:
    """Tell whether the loop of a run is in C from its first bar to its last: threads can share a processor each.

    What cannot be made says so when it is run.
    """
    try:
        made = runner.recipe.made(parameters)
        manager = made.get("risk_manager")
        given = made.get("rules")
        rules = manager.rules if isinstance(manager, RiskManager) else each_rule(given or ())
        return isinstance(made.get("strategy"), CompiledStrategy) and all(
            isinstance(one, CompiledRule) or one.lower() is not None for one in map(as_rule, rules)
        )
    except Exception:
        return False


def _processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
