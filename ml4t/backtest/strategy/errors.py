"""What a run raises when a user's code fails in it, or someone stops it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

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


class BacktestInterrupted(KeyboardInterrupt):
    """Ctrl-C stopped a run; ``partial_result`` holds what had happened up to then."""

    partial_result: BacktestResult | Any = None  # Any: None is for runs that had not begun
