"""What models in Python say, here and in the runs that are compared: arithmetic of all that they are told."""

from __future__ import annotations

from math import isnan


def amount(
    k: float, quantity: float, price: float, volume: float, is_stop: bool, order_type: str
) -> float:
    """Of slippage: more for stops, for types with long names, for units of many digits."""
    thin = 0.0 if isnan(volume) else 1.0 / (1.0 + volume)
    return k * (
        abs(quantity) * 0.01 + thin + abs(price) * 0.001 + 2.0 * is_stop + len(order_type) * 0.1
    )


def fee(
    k: float,
    quantity: float,
    price: float,
    units_before: float,
    value_before: float,
    is_maker: bool,
) -> float:
    """Less for the later fills of an order; sellers' makers are paid."""
    first = 0.25 if units_before == 0.0 else value_before * 1e-6
    return k * (first + abs(quantity) * abs(price) * 1e-4 - 0.5 * (is_maker and quantity < 0.0))
