"""How far a sweep is: a bar with trials a second and the best so far."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any

from ml4t.backtest.report.progress import progress_bar
from ml4t.backtest.sweep.trial import DONE, Outcome


class ShownProgress:
    """Tells how far a sweep is.

    Parameters
    ----------
    tell : callable
        ``tell(done, total, said)``.
    total : int
    measure : str
        Whose best is said.
    place : int
        Of its value among the measures of an outcome.
    """

    def __init__(
        self, tell: Callable[[int, int, str], None], total: int, measure: str, place: int
    ) -> None:
        self._tell = tell
        self._total = total
        self._measure = measure
        self._place = place
        self._n_done = self._n_run = 0
        self._best: float | None = None
        self._began = monotonic()

    def add(self, outcomes: list[Outcome], *, are_new: bool = True) -> None:
        """Take in what came of some trials."""
        self._n_done += len(outcomes)
        self._n_run += len(outcomes) * are_new
        for one in outcomes:
            value = one.measures[self._place] if one.status == DONE else None
            if isinstance(value, int | float) and (self._best is None or value > self._best):
                self._best = value
        self._tell(self._n_done, self._total, self._said())

    def _said(self) -> str:
        seconds = monotonic() - self._began
        said = f"{self._n_run / seconds:,.0f} trials/s" if seconds > 0 and self._n_run else ""
        best = "" if self._best is None else f"best {self._measure} {self._best:.4g}"
        return ", ".join(part for part in (said, best) if part)


class NotShown:
    """What stands in for it where nobody looks, or runs are no trials that are done."""

    def add(self, outcomes: list[Outcome], *, are_new: bool = True) -> None:
        """Tell nothing."""


@contextmanager
def shown(progress: bool | Callable[[int, int, str], None] | None) -> Iterator[Any]:
    """Give what to tell how far a sweep is: a bar, a function of the user, or None."""
    if callable(progress):
        yield progress
        return
    if progress is None:
        progress = _is_seen()
    if not progress:
        yield None
        return
    with progress_bar("Sweep") as update:
        yield update


def _is_seen() -> bool:
    ipython: Any = sys.modules.get("IPython")
    return sys.stderr.isatty() or (ipython is not None and ipython.get_ipython() is not None)
