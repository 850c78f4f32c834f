"""What market orders and stops pay beside the price they meet (semantics 3, Costs)."""

from __future__ import annotations

from collections.abc import Iterator
from math import sqrt

from reference.market import Bar
from reference.orders import Order, on_tick
from reference.settings import Settings


def slipped(book, order: Order, price: float, bar: Bar, is_stop: bool) -> float:
    """Against the trader, below zero too; `bar` is the one the order fills in."""
    settings, d = book.settings, order.direction
    if book.wrong("slippage_sign"):
        d = -d
    sign = 1.0 if price >= 0.0 else -1.0
    if book.wrong("slippage_helps_below_zero"):
        sign = 1.0
    order.stand_ins = frozenset(stand_ins(settings, bar))
    paid = price * (1.0 + d * sign * fraction(book, order, bar, is_stop))
    paid = paid + d * amount(settings, bar, book.wrong)
    if settings.tick_size is not None:
        exact, up = paid, (d > 0.0) != book.wrong("ticks_help")
        paid = on_tick(settings, paid, up)
        book.met("price_on_a_tick" if paid == exact else "price_rounded_to_a_tick")
    least = price * (1.0 - settings.slippage) * 0.01
    if paid < least and order.asset not in book.market.negative:
        order.stand_ins |= {"least_left"}
        return paid if book.wrong("sales_go_to_nothing") else least
    return paid


def stand_ins(settings: Settings, bar: Bar) -> Iterator[str]:
    """What the bar lacks of what is to be paid by it."""
    if settings.impact > 0.0 and not bar.is_traded:
        yield "fills_without_volume"
    if settings.spread > 0.0 and not bar.is_quoted:
        yield "fills_without_quotes"


def fraction(book, order: Order, bar: Bar, is_stop: bool) -> float:
    """s of section 3."""
    settings, wrong = book.settings, book.wrong
    total = settings.slippage
    if is_stop and settings.extra_on_stops > 0.0 and not wrong("stops_pay_no_extra"):
        book.met("stop_paid_extra")
        total = total + settings.extra_on_stops
    if settings.impact > 0.0 and bar.is_traded:
        total = total + impact(book, order, bar)
    elif settings.impact > 0.0:
        total = total + (0.0 if wrong("bars_without_volume_are_free") else settings.without_volume)
    if settings.spread > 0.0 and not bar.is_quoted:
        if bar.ask < bar.bid:
            book.met("crossed_quotes")
        total = total + (0.0 if wrong("bars_without_quotes_are_free") else settings.without_quotes)
    return total


def impact(book, order: Order, bar: Bar) -> float:
    units = abs(order.rest if book.wrong("impact_of_the_rest") else order.quantity)
    budget = book.participation.budget(order.asset)
    if units > budget and order.source != "engine" and not book.wrong("impact_of_what_is_cut_off"):
        book.met("impact_of_the_budget")
        units = budget
    part = units / bar.volume
    linear = book.settings.impact_curve == "linear" or book.wrong("impact_always_linear")
    book.met("linear_impact" if linear else "square_root_impact")
    moved = book.settings.impact * (part if linear else sqrt(part))
    if moved > 1.0:
        book.met("whole_impact")
        return moved if book.wrong("impact_without_end") else 1.0
    return moved


def amount(settings: Settings, bar: Bar, wrong) -> float:
    """a of section 3."""
    total = settings.slippage_per_unit
    if settings.tick_size is not None:
        total = total + settings.ticks * settings.tick_size
    is_crossed = bar.ask < bar.bid
    if settings.spread > 0.0 and (bar.is_quoted or (is_crossed and wrong("crossed_quotes_pay"))):
        total = total + settings.spread * (bar.ask - bar.bid)
    return total
