"""What each asset, and the portfolio, may come to once the orders that wait have filled (semantics 7)."""

from __future__ import annotations

from math import isnan


class Projection:
    """u and l of each asset, and the sums over them, as the limits see an order."""

    def __init__(self, book):
        self.book = book
        n = len(book.positions)
        self.up, self.low = [0.0] * n, [0.0] * n
        self.gross = self.net_up = self.net_low = self.asked = 0.0
        self.groups: dict[tuple[int, ...], dict[int, float]] = {}

    def w(self, asset: int) -> float:
        return max(self.up[asset], -self.low[asset])

    @property
    def n(self) -> int:
        """P of section 7."""
        return sum(self.w(asset) > 0.0 for asset in range(len(self.up)))

    def value(self, asset: int, units: float) -> float:
        """An asset without a mark has no orders that were measured: it counts nothing."""
        mark = self.book.marks[asset]
        return 0.0 if isnan(mark) else units * abs(mark)

    def refresh(self) -> None:
        self.gross = self.net_up = self.net_low = self.asked = 0.0
        for groups in self.groups:
            self.groups[groups] = dict.fromkeys(groups, 0.0)
        for asset in range(len(self.up)):
            self.up[asset], self.low[asset] = self.units(asset)
            self.gross = self.gross + self.value(asset, self.w(asset))
            self.net_up = self.net_up + self.value(asset, self.up[asset])
            self.net_low = self.net_low + self.value(asset, self.low[asset])
            self.asked = self.asked + self.value(asset, self.asked_of(asset))
            for groups, sums in self.groups.items():
                of = groups[asset]
                sums[of] = sums[of] + self.value(asset, self.w(asset))

    def asked_of(self, asset: int) -> float:
        """The units that waiting orders would trade: x of V."""
        waiting = self.book.waiting_of(asset)
        entering = leaving = 0.0
        for order in [o for o in waiting if not o.rests] + [o for o in waiting if o.rests]:
            if order.reduce_only:
                leaving = leaving + (0.0 if order.rests else abs(order.rest))
            elif is_first_on_its_side(order):
                entering = entering + abs(order.rest)
        position = self.book.positions[asset]
        held = 0.0 if position is None else abs(position.quantity)
        return entering + min(leaving, held)

    def gross_of(self, groups: tuple[int, ...]) -> dict[int, float]:
        return self.groups[groups]

    def units(self, asset: int) -> tuple[float, float]:
        """u and l: resting orders may fill or not."""
        book = self.book
        middle = book.after_orders(asset, [o for o in book.counted_of(asset) if not o.rests])
        if book.wrong("projected_without_orders"):
            position = book.positions[asset]
            middle = 0.0 if position is None else position.quantity
        up = low = middle
        for order in book.asking_of(asset):
            if not order.rests or order.reduce_only or not is_first_on_its_side(order):
                continue
            if book.wrong("resting_orders_are_not_projected"):
                continue
            book.met("resting_order_projected")
            if order.rest > 0.0:
                up = up + order.rest
            else:
                low = low + order.rest
        return up, low


def is_first_on_its_side(order) -> bool:
    """Of a ring in one asset."""
    return not any(
        other.asset == order.asset and other.direction == order.direction and other.id < order.id
        for other in order.ring
    )
