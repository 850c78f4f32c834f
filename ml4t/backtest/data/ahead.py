"""Fetch the next item while the one before is being used."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def one_ahead(items: Iterator[T]) -> Iterator[T]:
    """Yield the items of an iterator, each fetched in a thread while the one before is used.

    Parameters
    ----------
    items : iterator
        Asked from one thread, one item after the other. What it raises is raised here.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="feed") as thread:

        def fetch() -> Future[T | None]:
            return thread.submit(next, items, None)

        coming = fetch()
        while (item := coming.result()) is not None:
            coming = fetch()
            yield item
            del item  # what is done with makes room for the next
