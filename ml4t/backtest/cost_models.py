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

    Attributes
    ----------
    timestamp : Timestamp
        Of the bar it happens in.
    asset : name of the asset
    order_id : int
    order_type : str
        As ``result.orders`` has it; of what a level or the end of the data closes ``market``.
    quantity : float
        Units, negative when sold: all of the order for slippage, those of this fill for its fee.
    price : float
        Currency per unit: before slippage for slippage, after it for the fee.
    is_stop : bool
        It is a stop that triggers here: a stop order, or the stop of a rule. False for a fee.
    is_maker : bool
        It never slips: a limit, a stop-limit, the order of a target.
    units_before, value_before : float
        What the order has filled before: units, positive, and their value in currency.
    open, high, low, close, volume, bid, ask : float
        Of its bar, complete; NaN where there is none, as at the end of the data.
    """

    timestamp: pd.Timestamp
    asset: Any
    order_id: int
    order_type: str
    quantity: float
    price: float
    is_stop: bool
    is_maker: bool
    units_before: float
    value_before: float
    open: float
    high: float
    low: float
    close: float
    volume: float
    bid: float
    ask: float
