"""Expiries: orders that wait until a time, or until their session ends."""

cimport cython
from libc.stdint cimport int32_t, int64_t
from libc.stdlib cimport free

from ml4t.backtest.core.buffer cimport RecordBuffer
from ml4t.backtest.core.types cimport ORDER_OPEN, VALID_DAY, VALID_GTD, OrderRecord, TermsRecord
from ml4t.backtest.execution.order_records cimport order_at, terms_of
from ml4t.backtest.execution.price_heap cimport append, pop, push, sort_by_order
from ml4t.backtest.market.cursor cimport Cursor
from ml4t.backtest.market.session_ends cimport SessionEnds


@cython.final
cdef class Expiries:
    """Of one run.

    Parameters
    ----------
    cursor : Cursor
    orders, terms : RecordBuffer
        Those of the book.
    """

    def __cinit__(
        self, Cursor cursor not None, RecordBuffer orders not None, RecordBuffer terms not None
    ):
        self.cursor = cursor
        self.orders = orders
        self.terms = terms

    def __dealloc__(self):
        free(self.over.at)
        free(self._dated.at)
        free(self._undated.at)

    # An order has been accepted; those without a time are none of ours.
    cdef int wait(self, const OrderRecord* order, const TermsRecord* terms) except -1 nogil:
        if terms.time_in_force == VALID_DAY:
            return append(&self._undated, 0.0, order.order_id)
        if terms.time_in_force == VALID_GTD:
            return push(&self._dated, <double> terms.valid_until, order.order_id)
        return 0

    # A session begins at its first timestamp. What has waited for longer than it may stands in `over`, by
    # submission.
    cdef int collect(self) except -1 nogil:
        cdef int32_t i
        cdef const OrderRecord* order
        cdef const TermsRecord* terms
        self.over.n = 0
        self._begin_session()
        while self._dated.n > 0 and self._dated.at[0].key <= <double> self.cursor.now:
            append(&self._undated, 0.0, self._dated.at[0].order_id)
            pop(&self._dated)
        for i in range(self._undated.n):
            order = order_at(self.orders, self._undated.at[i].order_id)
            if order.status != ORDER_OPEN:
                continue
            terms = terms_of(self.terms, order)
            if terms.valid_until < self.cursor.now:
                append(&self.over, 0.0, order.order_id)
            else:
                push(&self._dated, <double> terms.valid_until, order.order_id)
        self._undated.n = 0
        sort_by_order(&self.over)
        return 0

    # Day orders accepted since the last timestamp wait until its session closes, or ends.
    cdef int _begin_session(self) except -1 nogil:
        cdef int32_t i
        cdef const OrderRecord* order
        cdef int64_t end
        if self._undated.n == 0:
            return 0
        if self._session_ends is None:
            self._begin_sessions()
        end = self._session_ends.of_day_orders()
        for i in range(self._undated.n):
            order = order_at(self.orders, self._undated.at[i].order_id)
            if order.status == ORDER_OPEN:
                terms_of(self.terms, order).valid_until = end
        return 0

    cdef int _begin_sessions(self) except -1 with gil:
        self._session_ends = SessionEnds(self.cursor)
        return 0
