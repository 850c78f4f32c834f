"""Which workers a sweep gets."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Protocol

from ml4t.backtest.risk import CompiledRule, RiskManager
from ml4t.backtest.risk.function_rule import as_rule, each_rule
from ml4t.backtest.strategy.strategy import CompiledStrategy
from ml4t.backtest.sweep.errors import SweepError
from ml4t.backtest.sweep.trial import Outcome, Runner, Trial
from ml4t.backtest.sweep.workers.dask_cluster import Dask
from ml4t.backtest.sweep.workers.local import OneByOne, Processes, Threads, imported_joblib
from ml4t.backtest.sweep.workers.ray_cluster import Ray

BACKENDS = ("threads", "processes", "dask", "ray")


class Workers(Protocol):
    """Who runs the trials of a sweep."""

    n: int

    def outcomes(self, batches: Iterable[list[Trial]]) -> Iterator[list[Outcome]]:
        """Yield what came of each batch, in any order."""

    def close(self) -> None:
        """Let go of what was made for the sweep."""


def workers_for(backend: Any, n: int | None, runner: Runner, first: Mapping[str, Any]) -> Workers:
    """Return the workers of a sweep.

    Parameters
    ----------
    backend : {"threads", "processes", "dask", "ray"} or distributed.Client, optional
        By default threads where the first run needs no Python in its loop, else processes.
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
        return Dask(runner, n or _processors(), backend)
    if backend is not None and backend not in BACKENDS:
        raise SweepError(
            f"backend must be one of {', '.join(map(repr, BACKENDS))} or a client of Dask, was {backend!r}"
        )
    n = n or _processors()
    if backend == "dask":
        return Dask(runner, n)
    if backend == "ray":
        return Ray(runner, n)
    if n == 1 and backend is None:
        return OneByOne(runner)
    imported_joblib()
    if backend == "threads" or (backend is None and is_without_python(runner, first)):
        return Threads(runner, n)
    return Processes(runner, n)


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
