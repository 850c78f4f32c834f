"""Run a function in a fresh child process, alone.

Where code and data happen to lie in memory moves timings by a percent or more, and stays for the life
of a process: several processes average it out. A peak of memory can only be seen in a process that had
none before.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


def in_fresh_process(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Return ``function(*args, **kwargs)``, called in a new interpreter.

    Parameters
    ----------
    function : callable
        Defined at the top level of a module, since it travels by name. Arguments and answer are pickled.

    Raises
    ------
    Exception
        Whatever ``function`` raised, with the child's traceback as its cause.
    """
    # Spawned, not forked: a forked child shares the parent's memory and its history.
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(function, *args, **kwargs).result()
