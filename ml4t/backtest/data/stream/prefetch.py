"""Fetch the next item while the one before is being used."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")

# A thread that wants to run Python waits for its turn: by default 5 ms, while a strategy runs. Reading
# a chunk takes a dozen turns or more, so that would be longer than the chunk's own run. With shorter ones
# the two threads would take each other's turn away in the middle, and each change costs both.
TURN_SECONDS = 0.0003


def one_ahead(items: Iterator[T]) -> Iterator[T]:
    """Yield the items of an iterator, each fetched in a thread while the one before is used.

    Parameters
    ----------
    items : iterator
        Asked from one thread, one item after the other. What it raises is raised here.

    Raises
    ------
    RuntimeError
        In a process forked meanwhile: the thread stayed in the other one, and would be waited for in
        vain.
    """
    process = os.getpid()
    with _short_turns, ThreadPoolExecutor(1, thread_name_prefix="feed") as thread:

        def fetch() -> Future[T | None]:
            return thread.submit(next, items, None)

        coming = fetch()
        while (item := coming.result()) is not None:
            coming = fetch()
            yield item
            del item  # what is done with makes room for the next
            if os.getpid() != process:
                raise RuntimeError(
                    "a feed that reads ahead cannot go on in a forked process: begin the run there, or "
                    "give the feed prefetch=False"
                )


class _ShortTurns(contextlib.AbstractContextManager[None]):
    """Shortens the interpreter's switch interval while anything reads ahead; it is one for all threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._n_inside = 0
        self._usual = 0.0

    def __enter__(self) -> None:
        with self._lock:
            if self._n_inside == 0:
                self._usual = sys.getswitchinterval()
                sys.setswitchinterval(min(self._usual, TURN_SECONDS))
            self._n_inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._n_inside -= 1
            if self._n_inside == 0:
                sys.setswitchinterval(self._usual)


_short_turns = _ShortTurns()
