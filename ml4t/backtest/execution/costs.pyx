"""Slippage that is more than a percent: amounts, the spread and the volume of the bar, stops."""

cimport cython
from libc.math cimport copysign, fabs, sqrt
from libc.stdint cimport int8_t, int64_t

from ml4t.backtest.core.settings cimport Settings, SlippageTerms
from ml4t.backtest.core.types cimport SOURCE_ENGINE, OrderRecord
from ml4t.backtest.market.cursor cimport Cursor
from ml4t.backtest.portfolio.position cimport side_of


# Without a bar of now, as at the end of data, there is neither volume nor spread: those of an earlier bar are of the
# units before the splits since.
cdef FillPrice slipped_by_more(
    const Settings* settings, Cursor cursor, const OrderRecord* order, double price, bint is_stop
) noexcept nogil:
    cdef const SlippageTerms* terms = &settings.slippage
    cdef int64_t row = cursor.row[order.asset] if cursor.has_row(order.asset) else -1
    cdef double direction = side_of(order.quantity)
    cdef double fraction = terms.percent
    cdef double amount = terms.per_unit
    cdef double least = price * (1.0 - terms.percent) * 0.01
    cdef double spread
    cdef FillPrice slipped_price
    slipped_price.base = price
    slipped_price.stand_ins = 0
    if is_stop:
        fraction = fraction + terms.extra_on_stops
    if terms.impact > 0.0:
        fraction = fraction + _impact(settings, cursor, row, order, &slipped_price.stand_ins)
    if terms.spread > 0.0:
        spread = _spread(cursor, row)
        if spread >= 0.0:
            amount = amount + terms.spread * spread
        else:
            fraction = fraction + terms.without_quotes
            slipped_price.stand_ins |= NO_QUOTES
    slipped_price.paid = (
        price * (1.0 + direction * copysign(fraction, price)) + direction * amount
    )
    if settings.tick_size > 0.0:
        slipped_price.paid = on_tick(settings, slipped_price.paid, direction > 0.0)
    if slipped_price.paid < least and not cursor.data.is_signed[order.asset]:
        slipped_price.paid = least
        slipped_price.stand_ins |= LEAST_LEFT
    return slipped_price


# How far the units of the order move the price, as a fraction of it.
# No division by zero: the volume is above it.
@cython.cdivision(True)
cdef double _impact(
    const Settings* settings, Cursor cursor, int64_t row, const OrderRecord* order, int8_t* stand_ins
) noexcept nogil:
    cdef const SlippageTerms* terms = &settings.slippage
    cdef const double* volume = cursor.data.volume_
    cdef double units = fabs(order.quantity)
    cdef double most
    cdef double taken
    cdef double impact
    if volume == NULL or row < 0 or not volume[row] > 0.0:
        stand_ins[0] |= NO_VOLUME
        return terms.without_volume
    if settings.is_capped and order.source != SOURCE_ENGINE:
        most = most_units(settings, cursor, row)
        units = most if units > most else units
    taken = units / volume[row]
    impact = terms.impact * (taken if terms.is_linear else sqrt(taken))
    return 1.0 if impact > 1.0 else impact


# Ask less bid; NaN or below zero where there are no quotes to go by.
cdef double _spread(Cursor cursor, int64_t row) noexcept nogil:
    if cursor.data.bid_ == NULL or cursor.data.ask_ == NULL or row < 0:
        return -1.0
    return cursor.data.ask_[row] - cursor.data.bid_[row]
