"""TrailingOrders: stop orders whose price follows the market, bar by bar."""

cimport cython
from libc.stdint cimport int32_t, int64_t
from libc.stdlib cimport free

from ml4t.backtest.core.settings cimport TELL_ALL
from ml4t.backtest.core.types cimport LEDGER_MOVED, ORDER_OPEN, REASON_NONE, OrderRecord, TermsRecord
from ml4t.backtest.execution.ledger cimport Ledger
from ml4t.backtest.execution.order_records cimport order_at, terms_of
from ml4t.backtest.execution.price_heap cimport append
from ml4t.backtest.execution.resting cimport RestingOrders
from ml4t.backtest.market.cursor cimport Cursor
from ml4t.backtest.portfolio.position cimport better, side_of


@cython.final
cdef class TrailingOrders:
    """Of one run.

    Parameters
    ----------
    cursor : Cursor
    resting : RestingOrders
        Where they wait for their price.
    by_close : bool
        They follow closes, instead of highs and lows.
    ledger : Ledger
    """

    def __cinit__(
        self, Cursor cursor not None, RestingOrders resting not None, bint by_close, Ledger ledger not None
    ):
        self.cursor = cursor
        self.resting = resting
        self.by_close = by_close
        self.ledger = ledger

    def __dealloc__(self):
        free(self.waiting.at)

    # An order has been accepted, with its first stop.
    cdef int follow(self, int64_t order_id) except -1 nogil:
        return append(&self.waiting, 0.0, order_id)

    # The bars of the timestamp are over; what waits no more is forgotten.
    cdef int move(self) except -1 nogil:
        cdef const OrderRecord* order
        cdef int32_t n_kept = 0
        cdef int32_t i
        for i in range(self.waiting.n):
            order = order_at(self.resting.orders, self.waiting.at[i].order_id)
            if order.status != ORDER_OPEN or not order.rests:
                continue
            self.waiting.at[n_kept] = self.waiting.at[i]
            n_kept += 1
            if self.cursor.has_row(order.asset):
                self._take_in(order, terms_of(self.resting.terms, order))
        self.waiting.n = n_kept
        return 0

    # The stop never moves back.
    cdef int _take_in(self, const OrderRecord* order, TermsRecord* terms) except -1 nogil:
        cdef int64_t row = self.cursor.row[order.asset]
        cdef double side = -side_of(order.quantity)
        cdef double extreme = self.cursor.data.close_[row]
        cdef double stop = terms.stop
        if not self.by_close:
            extreme = self.cursor.data.high_[row] if side > 0.0 else self.cursor.data.low_[row]
        terms.water = better(side, terms.water, extreme)
        terms.stop = better(side, stop, trailed(terms, side))
        if terms.stop == stop:
            return 0
        if self.ledger.detail == TELL_ALL:
            self.ledger.tell_order(
                LEDGER_MOVED, order, REASON_NONE, terms.stop, terms.water, stop, terms.stop
            )
        return self.resting.wait(order)
