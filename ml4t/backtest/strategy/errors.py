"""What a run raises when a user's code fails in it, or someone stops it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ml4t.backtest.core.kept_state import what_is_kept
from ml4t.backtest.data.errors import warn

if TYPE_CHECKING:
    from ml4t.backtest.result import BacktestResult


class StrategyError(RuntimeError):
    """A strategy raised; the message names timestamp and asset.

    Attributes
    ----------
    partial_result : BacktestResult or None
        What had happened up to then.
    """

    partial_result: BacktestResult | Any = None  # Any: None is for runs that had not begun


class ReusedStrategyWarning(UserWarning):
    """A strategy object is run again and starts with what its last run left in its attributes."""


def check_made_outside_of_a_run(is_running: bool) -> None:
    """Refuse to make a strategy anew that is in a run: the loop reads what it was made with.

    Raises
    ------
    RuntimeError
        If it is.
    """
    if is_running:
        raise RuntimeError("a strategy in a run cannot be made anew: make another one")


def warn_of_kept_state(strategy: Any, kept: list[str]) -> None:
    """Warn of attributes with which a strategy starts as its last run left them, where there are any."""
    if kept:
        what = "it" if len(kept) == 1 else "them"
        warn(
            f"{what_is_kept(type(strategy).__name__, kept)}: make a new one for each run, or set {what} in "
            "on_start",
            ReusedStrategyWarning,
        )


class BacktestInterrupted(KeyboardInterrupt):
    """Ctrl-C stopped a run; ``partial_result`` holds what had happened up to then."""

    partial_result: BacktestResult | Any = None  # Any: None is for runs that had not begun
