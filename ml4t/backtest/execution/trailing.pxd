cimport cython
from libc.stdint cimport int64_t

from ml4t.backtest.core.buffer cimport RecordBuffer
from ml4t.backtest.core.types cimport OrderRecord, TermsRecord
from ml4t.backtest.execution.ledger cimport Ledger
from ml4t.backtest.execution.price_heap cimport PriceHeap
from ml4t.backtest.execution.resting cimport RestingOrders
from ml4t.backtest.market.cursor cimport Cursor


@cython.final
cdef class TrailingOrders:
    cdef Cursor cursor
    cdef RestingOrders resting       # of the book
    cdef Ledger ledger               # of the book
    cdef PriceHeap waiting           # a list without keys
    cdef bint by_close               # they follow closes, not highs and lows

    cdef int follow(self, int64_t order_id) except -1 nogil
    cdef int move(self) except -1 nogil
    cdef int _take_in(self, const OrderRecord* order, TermsRecord* terms) except -1 nogil


# How far behind the best price the stop of an order is that sells (side 1) or buys (-1).
cdef inline double trailed(const TermsRecord* terms, double side) noexcept nogil:
    if terms.trail == terms.trail:
        return terms.water - side * terms.trail
    return terms.water * (1.0 - side * terms.trail_percent)
