"""A progress bar for terminals and notebooks, driven by the run's own callback."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any

from ml4t.backtest.report.notebook_bar import notebook_bar

SECONDS_BETWEEN = 0.1


@contextmanager
def progress_bar(
    description: str = "Backtest", console: Any = None
) -> Iterator[Callable[..., None]]:
    """Show a bar while a run goes on; yields the callback to give it.

    Parameters
    ----------
    description : str
    console : rich.console.Console, optional
        Where to draw; standard error if None, so that output can be piped. In a notebook, below the
        cell; no widgets are needed.

    Yields
    ------
    callable
        ``update(done, total, said="")``, in timestamps, with a text behind the bar. It draws at most ten times a second, in the calling
        thread: a drawing thread of its own would take turns with the run.

    Examples
    --------
    >>> with progress_bar() as update:
    ...     update(10, 10)
    """
    from rich.console import Console

    console = console or Console(stderr=True)
    if console.is_jupyter:
        yield _now_and_then(notebook_bar(description))
        return
    with _terminal_bar(description, console) as draw:
        yield _now_and_then(draw)


def _now_and_then(draw: Callable[[int, int, str], None]) -> Callable[..., None]:
    drawn = -SECONDS_BETWEEN

    def update(done: int, total: int, said: str = "") -> None:
        nonlocal drawn
        now = monotonic()
        if done >= total or now - drawn >= SECONDS_BETWEEN:
            drawn = now
            draw(done, total, said)

    return update


@contextmanager
def _terminal_bar(description: str, console: Any) -> Iterator[Callable[[int, int, str], None]]:
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
        TextColumn("{task.fields[said]}"),
        console=console,
        auto_refresh=False,
    )
    task = bar.add_task(description, total=None, said="")

    def draw(done: int, total: int, said: str) -> None:
        bar.update(task, completed=done, total=total, said=said, refresh=True)

    with bar:
        yield draw
