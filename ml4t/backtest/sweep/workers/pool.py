"""Processes of this machine that stay for the next sweep: those of loky, whose script needs no guard to start them."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import sys
import sysconfig
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, wait
from multiprocessing.util import Finalize
from typing import Any

from ml4t.backtest.sweep.workers.joblib_needed import imported_joblib

AT_A_TIME = 2
"""Pieces of work for each process: one that runs, one that waits."""
SECONDS_IDLE = 300
"""So long a process waits for more work before it ends."""
BEFORE_JOINING = 100
"""The priority of what is done at the exit of a process before it joins its children: any that is not negative."""
THREADS = (
    "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS", "NUMBA_NUM_THREADS",
    "NUMEXPR_NUM_THREADS", "VECLIB_MAXIMUM_THREADS",
)  # fmt: skip
"""By these libraries are told how many threads their process may have; else each takes one for every processor."""

_pools: dict[tuple[int, int], Any] = {}
"""By the process that made them, of which a fork is another, and by how many they are."""
_used: dict[tuple[int, int], float] = {}
"""When they last had work."""
_loaded: dict[tuple[int, int], dict[str, Any]] = {}
"""What the modules of this process were loaded from when they last were given work: a module that is loaded anew has
another. Theirs stay as they were, and what is sent to them by name would run as it was."""
_seen: set[str] = set()
"""Modules that have been looked at: there are thousands, and a sweep may be short."""
_own: list[str] = []
"""Those of them that are of no library."""
LIBRARIES = tuple(
    {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
)
"""Where modules lie that nobody edits."""
_paths: dict[tuple[int, int], set[str]] = {}
"""Where modules were looked for when they were started; they look nowhere else."""


def are_there(n: int) -> bool:
    """Tell whether so many processes have been started and have had no time to end."""
    key = os.getpid(), n
    used = _used.get(key)
    return used is not None and time.monotonic() - used < SECONDS_IDLE and not _are_outdated(key)


def in_processes(n: int, run: Callable[[Any], Any], given: Iterable[Any]) -> Iterator[Any]:
    """Yield what a function returns for each of what is given, in the order in which they are done.

    Not by ``joblib.Parallel``, which looks for results a hundred times a second: a sweep of short runs may take as
    long as one look.

    Raises
    ------
    BrokenProcessPool
        If a process was killed.
    Exception
        What the function raised.
    """
    if multiprocessing.current_process().daemon:  # it may have no processes of its own
        yield from map(run, given)
        return
    key = os.getpid(), n
    pool = _pool(key)
    left = iter(given)
    try:
        waiting = {pool.submit(run, one) for one in itertools.islice(left, AT_A_TIME * n)}
        while waiting:
            done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            waiting |= {pool.submit(run, one) for one in itertools.islice(left, len(done))}
            for one in done:
                yield one.result()
    except BaseException:  # whoever asks is gone: nothing is left running for them
        _forget(key)
        pool.shutdown(wait=True, kill_workers=True)
        raise
    _used[key] = time.monotonic()


def _are_outdated(key: tuple[int, int]) -> bool:
    if not set(sys.path) <= _paths.get(key, set(sys.path)):
        return True
    return any(
        getattr(sys.modules.get(name), "__spec__", spec) is not spec
        for name, spec in _loaded.get(key, {}).items()
    )


def _specs() -> dict[str, Any]:
    for name in sys.modules.keys() - _seen:
        _seen.add(name)
        origin = getattr(getattr(sys.modules.get(name), "__spec__", None), "origin", None)
        if isinstance(origin, str) and origin.endswith(".py") and not origin.startswith(LIBRARIES):
            _own.append(name)
    return {name: sys.modules[name].__spec__ for name in _own if name in sys.modules}


def _forget(key: tuple[int, int]) -> Any:
    _used.pop(key, None)
    _loaded.pop(key, None)
    _paths.pop(key, None)
    return _pools.pop(key, None)


def _end(key: tuple[int, int]) -> None:
    pool = _forget(key)
    if pool is not None:
        pool.shutdown(wait=True, kill_workers=True)


def _pool(key: tuple[int, int]) -> Any:
    if _are_outdated(key):
        _end(key)
    _loaded[key] = _specs() | _loaded.get(key, {})
    _paths.setdefault(key, set(sys.path))
    if key not in _pools:
        imported_joblib()
        from joblib.externals.loky import ProcessPoolExecutor

        n = key[1]
        threads = str(max(1, (os.cpu_count() or 1) // n))
        told = {name: os.environ.get(name, threads) for name in THREADS}
        if all(process != key[0] for process, _ in _pools):
            Finalize(None, _end_all, exitpriority=BEFORE_JOINING)
        _pools[key] = ProcessPoolExecutor(n, timeout=SECONDS_IDLE, env=told)
    return _pools[key]


# A process of multiprocessing joins its children at its end, before loky ends them: it would wait until they have been
# idle for long enough.
def _end_all() -> None:
    for key in [key for key in _pools if key[0] == os.getpid()]:
        _end(key)
