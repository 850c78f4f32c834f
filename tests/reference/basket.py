"""What the orders of one basket are to enter at one moment (semantics 3)."""

from __future__ import annotations

from reference.orders import Order, worth_it
from reference.participation import cut_to, left_after


class Shares:
    """By order, in the order of submission."""

    def __init__(self) -> None:
        self.wanted: dict[Order, float] = {}  # as far as the target has room
        self.units: dict[Order, float] = {}  # and the volume of the bar allows
        self.price: dict[Order, float] = {}
        self.reached: dict[Order, float] = {}  # what the asset is to be once it has entered
        self.left: dict[Order, float] = {}  # and what of the volume may still be filled then

    def __len__(self) -> int:
        return len(self.units)

    def __iter__(self):
        return iter(self.units)

    def __contains__(self, order) -> bool:
        return order in self.units

    def add(self, order: Order, held: float, wanted: float, price: float, left: float) -> None:
        units = cut_to(wanted, left)
        self.wanted[order] = wanted
        self.units[order] = units
        self.price[order] = price
        self.reached[order] = held + order.direction * units
        self.left[order] = left_after(left, units)

    def part_of(self, order: Order, part: float, whole: bool) -> float:
        """So much of a share; all of it is not rounded."""
        units = self.units[order]
        return units if part == 1.0 else worth_it(part * units, units, whole)
