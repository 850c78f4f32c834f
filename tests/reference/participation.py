"""What orders may fill of a bar's volume (semantics 3, Volume participation cap)."""

from __future__ import annotations

from math import inf, isnan

from reference.orders import floor_units


class Participation:
    """One budget for each asset and bar."""

    def __init__(self, book) -> None:
        self.book = book
        self.budgets: dict[tuple[int, int], float] = {}  # by timestamp and asset: what is left
        self.told: set[tuple[int, int]] = set()

    def budget(self, asset: int) -> float:
        """B of the bar of now."""
        settings, bar = self.book.settings, self.book.bar(asset)
        if settings.max_participation is None:
            return inf
        if bar is None or not bar.is_traded:
            without = bar is not None and isnan(bar.volume)
            free = without and self.book.wrong("unknown_volume_is_no_cap")
            return inf if free else 0.0
        most = settings.max_participation * bar.volume
        return floor_units(most) if settings.whole else most

    def left(self, asset: int) -> float:
        return self.budgets.get((self.book.t, asset), self.budget(asset))

    def take(self, asset: int, units: float) -> None:
        if not self.book.wrong("each_order_has_a_budget"):
            self.budgets[self.book.t, asset] = left_after(self.left(asset), units)

    def begin_fine_bar(self, asset: int) -> None:
        if self.is_over(asset):
            self.book.met("fine_bar_of_a_bar_that_is_over")
        if self.book.wrong("each_fine_bar_has_a_budget"):
            self.budgets.pop((self.book.t, asset), None)

    def cut(self, asset: int, units: float) -> float:
        return cut_to(units, self.left(asset))

    def is_over(self, asset: int) -> bool:
        """Nothing is left, and an order has found that out."""
        return self.left(asset) == 0.0 and (self.book.t, asset) in self.told

    def tell(self, asset: int, order_id: int, asked: float, given: float) -> None:
        key, bar = (self.book.t, asset), self.book.bar(asset)
        if key in self.told:
            return
        self.told.add(key)
        if bar is not None and isnan(bar.volume):
            self.book.met("capped_without_volume")
        self.book.met("capped_at_nothing" if given == 0.0 else "capped_in_part")
        self.book.event(asset, "capped", order_id, "participation", asked, given)


def cut_to(units: float, left: float) -> float:
    """Of these units as many as are left; all of them where the last bits are missing."""
    return units if units - left <= 1e-12 * left else left


def left_after(left: float, units: float) -> float:
    rest = left - units
    return 0.0 if rest <= 1e-12 * units else rest
