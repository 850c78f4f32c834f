"""A progress bar for the terminal, driven by the run's own callback."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any

SECONDS_BETWEEN = 0.1


@contextmanager
def progress_bar(
    description: str = "Backtest", console: Any = None
) -> Iterator[Callable[[int, int], None]]:
    """Show a bar while a run goes on; yields the callback to give it.

    Parameters
    ----------
    description : str
    console : rich.console.Console, optional
        Where to draw; standard error if None, so that output can be piped.

    Yields
    ------
    callable
        ``update(done, total)``, in timestamps. It draws at most ten times a second, in the calling
        thread: a drawing thread of its own would take turns with the run.

    Examples
    --------
    >>> with progress_bar() as update:
    ...     update(10, 10)
    """
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console or Console(stderr=True),
        auto_refresh=False,
    )
    task = bar.add_task(description, total=None)
    drawn = -SECONDS_BETWEEN

    def update(done: int, total: int) -> None:
        nonlocal drawn
        now = monotonic()
        if done >= total or now - drawn >= SECONDS_BETWEEN:
            drawn = now
            bar.update(task, completed=done, total=total, refresh=True)

    with bar:
        yield update
