"""What market orders and stops pay beside the price they meet (semantics 3, Costs)."""

from __future__ import annotations

from collections.abc import Iterator
from math import sqrt

from reference import models
from reference.market import NAN, NO_BAR, Bar
from reference.orders import Order, on_tick
from reference.settings import Parts, Settings


def slipped(book, order: Order, price: float, bar: Bar, is_stop: bool) -> float:
    """Against the trader, below zero too; `bar` is the one the order fills in."""
    settings, d = book.settings, order.direction
    parts = parts_of(book, order, is_stop)
    if book.wrong("slippage_sign"):
        d = -d
    sign = 1.0 if price >= 0.0 else -1.0
    if book.wrong("slippage_helps_below_zero"):
        sign = 1.0
    order.stand_ins = frozenset(stand_ins(parts, bar))
    order.split = split(book, parts, order, price, bar)
    paid = price * (1.0 + d * sign * fraction(book, parts, order, bar, is_stop))
    moved = amount(settings, parts, bar, book.wrong)
    if settings.model_amount > 0.0 and parts is settings and not book.wrong("amount_is_not_asked"):
        kind = "market" if order.source in ("level", "engine") else order.kind
        book.met("asked_for_an_amount")
        told = (order.quantity, price, bar.volume if bar is not NO_BAR else NAN, is_stop, kind)
        moved = moved + models.amount(settings.model_amount, *told)
    paid = paid + d * moved
    if settings.tick_size is not None:
        exact, up = paid, (d > 0.0) != book.wrong("ticks_help")
        paid = on_tick(settings, paid, up)
        book.met("price_on_a_tick" if paid == exact else "price_rounded_to_a_tick")
    least = price * (1.0 - parts.slippage) * 0.01
    if paid < least and order.asset not in book.market.negative:
        order.stand_ins |= {"least_left"}
        return paid if book.wrong("sales_go_to_nothing") else least
    return paid


def parts_of(book, order: Order, is_stop: bool) -> Parts | Settings:
    """Those of its type, or those of all."""
    kind = "stop" if is_stop else order.on or "market"
    if not is_stop and order.is_stop and book.wrong("stops_slip_as_stops_at_the_open"):
        kind = "stop"
    by_type = dict(book.settings.slippage_by_type)
    if kind not in by_type or book.wrong("all_types_slip_alike"):
        return book.settings
    book.met(f"slipped_as_{kind}")
    return by_type[kind]


def stand_ins(parts: Parts | Settings, bar: Bar) -> Iterator[str]:
    """What the bar lacks of what is to be paid by it."""
    if parts.impact > 0.0 and not bar.is_traded:
        yield "fills_without_volume"
    if parts.spread > 0.0 and not bar.is_quoted:
        yield "fills_without_quotes"


def split(
    book, parts: Parts | Settings, order: Order, price: float, bar: Bar
) -> tuple[float, float]:
    """What of the slippage of a unit is for the spread, and what for the impact."""
    spread = moved = 0.0
    if parts.spread > 0.0:
        instead = abs(price) * parts.without_quotes
        spread = parts.spread * (bar.ask - bar.bid) if bar.is_quoted else instead
    if parts.impact > 0.0:
        part = impact(book, parts, order, bar) if bar.is_traded else parts.without_volume
        moved = abs(price) * part
    if book.wrong("spread_is_other"):
        spread = 0.0
    return spread, moved


def fraction(book, parts: Parts | Settings, order: Order, bar: Bar, is_stop: bool) -> float:
    """s of section 3."""
    wrong = book.wrong
    total = parts.slippage
    if is_stop and parts.extra_on_stops > 0.0 and not wrong("stops_pay_no_extra"):
        book.met("stop_paid_extra")
        total = total + parts.extra_on_stops
    if parts.impact > 0.0 and bar.is_traded:
        total = total + impact(book, parts, order, bar)
    elif parts.impact > 0.0:
        total = total + (0.0 if wrong("bars_without_volume_are_free") else parts.without_volume)
    if parts.spread > 0.0 and not bar.is_quoted:
        if bar.ask < bar.bid:
            book.met("crossed_quotes")
        total = total + (0.0 if wrong("bars_without_quotes_are_free") else parts.without_quotes)
    return total


def impact(book, parts: Parts | Settings, order: Order, bar: Bar) -> float:
    units = abs(order.rest if book.wrong("impact_of_the_rest") else order.quantity)
    budget = book.participation.budget(order.asset)
    if units > budget and order.source != "engine" and not book.wrong("impact_of_what_is_cut_off"):
        book.met("impact_of_the_budget")
        units = budget
    part = units / bar.volume
    linear = parts.impact_curve == "linear" or book.wrong("impact_always_linear")
    book.met("linear_impact" if linear else "square_root_impact")
    moved = parts.impact * (part if linear else sqrt(part))
    if moved > 1.0:
        book.met("whole_impact")
        return moved if book.wrong("impact_without_end") else 1.0
    return moved


def amount(settings: Settings, parts: Parts | Settings, bar: Bar, wrong) -> float:
    """a of section 3."""
    total = parts.slippage_per_unit
    if settings.tick_size is not None:
        total = total + parts.ticks * settings.tick_size
    is_crossed = bar.ask < bar.bid
    if parts.spread > 0.0 and (bar.is_quoted or (is_crossed and wrong("crossed_quotes_pay"))):
        total = total + parts.spread * (bar.ask - bar.bid)
    return total
