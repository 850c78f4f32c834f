"""What the orders of one basket are to enter at one moment (semantics 3)."""

from __future__ import annotations

from reference.orders import Order, worth_it


class Shares:
    """By order, in the order of submission."""

    def __init__(self) -> None:
        self.units: dict[Order, float] = {}  # as far as the target has room
        self.price: dict[Order, float] = {}
        self.reached: dict[Order, float] = {}  # what the asset is to be once it has entered

    def __len__(self) -> int:
        return len(self.units)

    def __iter__(self):
        return iter(self.units)

    def __contains__(self, order) -> bool:
        return order in self.units

    def add(self, order: Order, held: float, units: float, price: float) -> None:
        self.units[order] = units
        self.price[order] = price
        self.reached[order] = held + order.direction * units

    def part_of(self, order: Order, part: float, whole: bool) -> float:
        """So much of a share; all of it is not rounded."""
        units = self.units[order]
        return units if part == 1.0 else worth_it(part * units, units, whole)
