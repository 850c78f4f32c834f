"""What orders pay (semantics 3, Costs)."""

from __future__ import annotations

from math import inf

from reference import models
from reference.orders import Order
from reference.settings import Settings, Tier


def commission_total(
    settings: Settings, maker: bool, notional: float, units: float, wrong=lambda name: False
) -> float:
    """F: max(N·pct + Q·per_unit + fixed, minimum), and at most both maxima."""
    percent = settings.commission_pct
    if maker and settings.commission_maker is not None and not wrong("makers_pay_as_takers"):
        percent = settings.commission_maker
    rates = notional * percent + units * settings.commission_per_unit
    return within_bounds(settings, notional, rates, wrong)


def within_bounds(
    settings: Settings, notional: float, rates: float, wrong=lambda name: False
) -> float:
    total = rates + settings.commission_fixed
    least = settings.commission_minimum
    if settings.commission_rebates and least == 0.0 and not wrong("rebates_are_kept"):
        least = -inf
    if not wrong("minimum_wins"):
        total = total if total >= least else least
    if total > settings.commission_maximum and not wrong("maximum_ignored"):
        total = settings.commission_maximum
    if settings.commission_maximum_percent is not None:
        most = notional * settings.commission_maximum_percent
        if total > most and not wrong("maximum_percent_ignored"):
            total = most
    if wrong("minimum_wins"):
        total = total if total >= least else least
    return total


class Commission:
    """What the orders of one run pay; with tiers that depends on what has filled in the month."""

    def __init__(self, book) -> None:
        self.book = book
        self.tiers = all_tiers(book.settings)
        self.month = None
        self.filled = 0.0  # V

    @property
    def volume(self) -> float:
        """V of the month of now."""
        month = self.book.market.month(self.book.now)
        if month != self.month and not self.book.wrong("months_never_end"):
            if self.filled > 0.0:
                self.book.met("month_began")
            self.filled = 0.0
        self.month = month
        return self.filled

    def fee(self, order: Order, units: float, price: float, volume: float | None = None) -> float:
        """A fill pays F after it less F before it; the volume before it is that of the month."""
        k, fee = self.book.settings.model_fee, self.after(order, units, price, volume) - order.paid
        if k == 0.0 or self.book.wrong("fee_is_not_asked"):
            return fee
        self.book.met("asked_for_a_fee")
        told = (order.direction * units, price, order.units, abs(order.notional), order.maker)
        return fee + models.fee(k, *told)

    def after(self, order: Order, units: float, price: float, volume: float | None = None) -> float:
        """F after one more fill."""
        settings, wrong = self.book.settings, self.book.wrong
        notional = abs(order.notional + units * price)
        if not self.tiers:
            return commission_total(settings, order.maker, notional, order.units + units, wrong)
        volume = self.volume if volume is None else volume
        rates = order.rates + self.rates(order, units, price, volume)
        return within_bounds(settings, notional, rates, wrong)

    def book_fill(self, order: Order, units: float, price: float) -> None:
        """The fill is in V from now on, and in what the order has paid."""
        self.count(order, units, price, self.volume)
        self.filled = self.filled + self.measure(units, price)

    def count(self, order: Order, units: float, price: float, volume: float) -> None:
        order.paid = self.after(order, units, price, volume)
        if self.tiers:
            order.rates = order.rates + self.rates(order, units, price, volume)

    def measure(self, units: float, price: float) -> float:
        return units * abs(price) if self.book.settings.tiers_by_value else units

    def rates(self, order: Order, units: float, price: float, volume: float) -> float:
        """Each part by the tier that it lies in."""
        book, total, left = self.book, 0.0, self.measure(units, price)
        by_value, size = book.settings.tiers_by_value, abs(price)
        begun = [i for i, tier in enumerate(self.tiers) if volume >= tier.above]
        if begun[-1] > 0:
            book.met("tier_above_the_first")
        if left == 0.0:
            return units * self.tiers[begun[-1]].per_unit
        for i in range(begun[-1], len(self.tiers)):
            tier, following = self.tiers[i], self.tiers[i + 1 : i + 2]
            part = left
            if (
                following
                and left > following[0].above - volume
                and not book.wrong("tiers_are_whole")
            ):
                part = following[0].above - volume
                book.met("fill_across_tiers")
            percent = tier.maker if order.maker else tier.percent
            if by_value:
                total = total + (part * percent + part / size * tier.per_unit)
            else:
                total = total + (part * size * percent + part * tier.per_unit)
            left = left - part
            if left <= 0.0:
                return total
            volume = following[0].above
        raise AssertionError("the last tier has no end")


def all_tiers(settings: Settings) -> list[Tier]:
    """With the first one, and every rate said; none where there is only the first."""
    if not settings.commission_tiers:
        return []
    percent, per_unit = settings.commission_pct, settings.commission_per_unit
    maker, tiers = settings.commission_maker, []
    for tier in (Tier(0.0, None, None, None), *settings.commission_tiers):
        percent = percent if tier.percent is None else tier.percent
        per_unit = per_unit if tier.per_unit is None else tier.per_unit
        maker = maker if tier.maker is None else tier.maker
        tiers.append(Tier(tier.above, percent, per_unit, percent if maker is None else maker))
    return tiers
