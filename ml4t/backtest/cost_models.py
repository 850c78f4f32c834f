"""Costs that a model in Python says: what it is asked about, and whose error it is when it fails."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


class CostModelError(RuntimeError):
    """A model of costs raised, or answered with no cost; names order, asset and time.

    Attributes
    ----------
    partial_result : BacktestResult or None
        What had happened up to then.
    """

    partial_result: Any = None


@dataclass(frozen=True, slots=True)
class PossibleFill:
    """A fill that may happen: what ``Slippage.amount`` and ``Commission.fee`` are asked about.

    The bar is the one it happens in, complete; NaN where there is none, as at the end of data.
    """

    timestamp: pd.Timestamp
    asset: Any
    order_id: int
    order_type: str
    """``market``, ``stop`` and so on, as ``result.orders`` has it; of a stop level ``market``."""
    quantity: float
    """Units, negative when sold: all of the order for slippage, those of this fill for its fee."""
    price: float
    """Before slippage for slippage, after it for the fee; currency per unit."""
    is_stop: bool
    """A stop that is triggered here: a stop order or the stop of a rule. Of a fee always False."""
    is_maker: bool
    """It never slips: a limit, a stop-limit, a target."""
    units_before: float
    """Units that the order has filled before, positive."""
    value_before: float
    """Their value, currency."""
    open: float
    high: float
    low: float
    close: float
    volume: float
    bid: float
    ask: float
