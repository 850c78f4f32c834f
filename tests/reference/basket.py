"""What the orders of one basket are to enter at one moment (semantics 3)."""

from __future__ import annotations

from reference.orders import Order, worth_it


class Shares:
    """By order, in the order of submission."""

    def __init__(self) -> None:
        self.units: dict[Order, float] = {}  # as far as the target has room
        self.price: dict[Order, float] = {}
        self.held: dict[Order, float] = {}  # of the asset, before all shares
        self.before: dict[Order, Order | None] = {}  # the share of the same asset before it
        self.reached: dict[Order, float] = {}  # of the asset after it, as tried last

    def __len__(self) -> int:
        return len(self.units)

    def __iter__(self):
        return iter(self.units)

    def __contains__(self, order) -> bool:
        return order in self.units

    def add(self, order: Order, before, held: float, units: float, price: float) -> None:
        self.units[order] = units
        self.price[order] = price
        self.held[order] = held
        self.before[order] = before
        self.reached[order] = held + order.direction * units

    def part_of(self, order: Order, part: float, whole: bool) -> float:
        """So much of a share; all of it is not rounded."""
        units = self.units[order]
        return units if part == 1.0 else worth_it(part * units, units, whole)

    def move(self, order: Order, units: float) -> tuple[float, float]:
        """What is held of the asset before and after so many units of this share."""
        before = self.before[order]
        held = self.held[order] if before is None else self.reached[before]
        self.reached[order] = held + order.direction * units
        return held, self.reached[order]
