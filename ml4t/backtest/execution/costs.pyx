"""Costs: what fills cost that is more than a percent: amounts, the spread and the volume of the bar, stops."""

cimport cython
from libc.math cimport copysign, fabs, sqrt
from libc.stdint cimport int8_t, int32_t, int64_t

from ml4t.backtest.core.buffer cimport RecordBuffer
from ml4t.backtest.core.settings cimport (
    SLIPS_MARKET, SLIPS_MARKET_ON_CLOSE, SLIPS_MARKET_ON_OPEN, SLIPS_STOP, SlippageTerms, resolve_settings,
)
from ml4t.backtest.core.types cimport (
    SOURCE_ENGINE, TYPE_MARKET_ON_CLOSE, TYPE_MARKET_ON_OPEN, OrderRecord, TermsRecord,
)
from ml4t.backtest.execution.order_records cimport terms_of
from ml4t.backtest.market.cursor cimport Cursor
from ml4t.backtest.portfolio.position cimport side_of


@cython.final
cdef class Costs:
    """Slippage and commission of one run.

    Parameters
    ----------
    cursor : Cursor
    terms : RecordBuffer
        Those of the orders.
    config : BacktestConfig
    """

    def __cinit__(self, Cursor cursor not None, RecordBuffer terms not None, config):
        self.cursor = cursor
        self.terms = terms
        self.settings = resolve_settings(config)

    cdef int _slip_by_more(
        self, const OrderRecord* order, double price, bint is_stop, FillPrice* slipped
    ) except -1 nogil:
        cdef const SlippageTerms* terms = self._slippage_of(order, is_stop)
        cdef int64_t row = self._row_of(order.asset)
        cdef double direction = side_of(order.quantity)
        cdef double fraction = terms.percent
        cdef double amount = terms.per_unit
        cdef double least = price * (1.0 - terms.percent) * 0.01
        cdef double spread
        slipped.base = price
        slipped.stand_ins = 0
        if is_stop:
            fraction = fraction + terms.extra_on_stops
        if terms.impact > 0.0:
            fraction = fraction + self._impact(terms, order, row, &slipped.stand_ins)
        if terms.spread > 0.0:
            spread = self._spread(row)
            if spread >= 0.0:
                amount = amount + terms.spread * spread
            else:
                fraction = fraction + terms.without_quotes
                slipped.stand_ins |= NO_QUOTES
        slipped.paid = price * (1.0 + direction * copysign(fraction, price)) + direction * amount
        if self.settings.tick_size > 0.0:
            slipped.paid = on_tick(&self.settings, slipped.paid, direction > 0.0)
        if slipped.paid < least and not self.cursor.data.is_signed[order.asset]:
            slipped.paid = least
            slipped.stand_ins |= LEAST_LEFT
        return 0

    # The bar of now; -1 without one, as at the end of data. Then there is neither volume nor spread: those of an
    # earlier bar are of the units before the splits since.
    cdef int64_t _row_of(self, int32_t asset) noexcept nogil:
        return self.cursor.row[asset] if self.cursor.has_row(asset) else -1

    # A stop order that has been triggered, and waits for an open, is a market order.
    cdef const SlippageTerms* _slippage_of(self, const OrderRecord* order, bint is_stop) noexcept nogil:
        cdef const TermsRecord* terms = terms_of(self.terms, order)
        if is_stop:
            return &self.settings.slippage[SLIPS_STOP]
        if terms != NULL and terms.type == TYPE_MARKET_ON_OPEN:
            return &self.settings.slippage[SLIPS_MARKET_ON_OPEN]
        if terms != NULL and terms.type == TYPE_MARKET_ON_CLOSE:
            return &self.settings.slippage[SLIPS_MARKET_ON_CLOSE]
        return &self.settings.slippage[SLIPS_MARKET]

    # How far the units of the order move the price, as a fraction of it.
    # No division by zero: the volume is above it.
    @cython.cdivision(True)
    cdef double _impact(
        self, const SlippageTerms* terms, const OrderRecord* order, int64_t row, int8_t* stand_ins
    ) noexcept nogil:
        cdef const double* volume = self.cursor.data.volume_
        cdef double units = fabs(order.quantity)
        cdef double most
        cdef double taken
        cdef double impact
        if volume == NULL or row < 0 or not volume[row] > 0.0:
            stand_ins[0] |= NO_VOLUME
            return terms.without_volume
        if self.settings.is_capped and order.source != SOURCE_ENGINE:
            most = most_units(&self.settings, self.cursor, row)
            units = most if units > most else units
        taken = units / volume[row]
        impact = terms.impact * (taken if terms.is_linear else sqrt(taken))
        return 1.0 if impact > 1.0 else impact

    # Ask less bid; NaN or below zero where there are no quotes to go by.
    cdef double _spread(self, int64_t row) noexcept nogil:
        cdef const double* bid = self.cursor.data.bid_
        cdef const double* ask = self.cursor.data.ask_
        if bid == NULL or ask == NULL or row < 0:
            return -1.0
        return ask[row] - bid[row]
