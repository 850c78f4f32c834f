"""Which fine bars are those of a bar, and what of them differs by rounding (semantics 4)."""

from __future__ import annotations

from reference.market import NAN, Bar


def near(price: float) -> float:
    """How far a price may lie from another by rounding."""
    return 1e-6 * abs(price)


def fine_bars_of(book, asset: int) -> list[Bar]:
    """The fine bars of an asset since its own previous row; none for its first one."""
    before = book.row_before[asset]
    if before < 0:
        return []
    if book.wrong("fine_bars_since_any_row"):
        before = book.t - 1
    return book.market.fine_bars(asset, book.market.timestamps[before], book.now)


def differences(
    bar: Bar, bars: list[Bar], awaited: tuple[list[float], list[float]], book
) -> tuple[list[Bar], float, float]:
    """The fine bars as those of the bar. None: they are not, by what was asked for and what was given."""
    for one in bars:
        if book.wrong("fine_bars_lie_anywhere"):
            break
        if one.low < bar.low - near(bar.low):
            book.met("fine_bar_below_the_bar")
            return [], bar.low, one.low
        if one.high > bar.high + near(bar.high):
            book.met("fine_bar_above_the_bar")
            return [], bar.high, one.high
    bars = [cut(one, bar, book) for one in bars]
    highest = max(bar.open, bar.close, *(one.high for one in bars))
    lowest = min(bar.open, bar.close, *(one.low for one in bars))
    below, above = awaited
    if any(highest < price <= bar.high for price in above) and not book.wrong(
        "fine_bars_fall_short"
    ):
        book.met("fine_bars_short_of_the_high")
        return [], bar.high, highest
    if any(bar.low <= price < lowest for price in below) and not book.wrong("fine_bars_fall_short"):
        book.met("fine_bars_short_of_the_low")
        return [], bar.low, lowest
    return bars, NAN, NAN


def cut(one: Bar, bar: Bar, book) -> Bar:
    """A fine bar inside of its bar; what comes near to the bar's low or high is it."""
    if book.wrong("fine_bars_uncut"):
        return one
    inside = one.priced(lambda price: min(max(price, bar.low), bar.high))
    if one.low <= bar.low + near(bar.low):
        inside = inside._replace(low=bar.low)
    if one.high >= bar.high - near(bar.high):
        inside = inside._replace(high=bar.high)
    if inside[:4] != one[:4]:
        book.met("fine_bar_cut")
    return inside
