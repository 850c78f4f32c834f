"""Rings: orders of which a fill of one cancels the others, or takes as much from them."""

cimport cython
from libc.stdint cimport int64_t
from libc.stdlib cimport free

from ml4t.backtest.core.buffer cimport RecordBuffer
from ml4t.backtest.core.types cimport OrderRecord, TermsRecord
from ml4t.backtest.execution.order_records cimport order_at, terms_of
from ml4t.backtest.execution.price_heap cimport append, sort_by_order


@cython.final
cdef class Rings:
    """Of one run. The terms of each order of a ring name the next one, as their sibling.

    Parameters
    ----------
    orders, terms : RecordBuffer
        Those of the book.
    """

    def __cinit__(self, RecordBuffer orders not None, RecordBuffer terms not None):
        self.orders = orders
        self.terms = terms

    def __dealloc__(self):
        free(self.others.at)

    # Both have terms.
    cdef void join(self, const OrderRecord* order, const OrderRecord* other) noexcept nogil:
        cdef int64_t next_id = terms_of(self.terms, other).sibling
        self._link(order.order_id, other.order_id if next_id == 0 else next_id)
        self._link(other.order_id, order.order_id)

    # One that waits for the same asset, or there on the same side, stands in the order's ring and was submitted
    # before it.
    cdef bint holds_one_before(self, const OrderRecord* order, bint on_its_side) noexcept nogil:
        cdef const OrderRecord* other = self._next(order)
        while other.order_id != order.order_id:
            if other.asset == order.asset and other.order_id < order.order_id and not (
                on_its_side and other.quantity * order.quantity < 0.0
            ):
                return True
            other = self._next(other)
        return False

    # An order of a ring has ended, and is cancelled by no other.
    cdef void leave(self, const OrderRecord* order) noexcept nogil:
        cdef TermsRecord* terms = terms_of(self.terms, order)
        if terms.sibling == terms.sibling_before:  # the other one is alone from here on
            terms_of(self.terms, self._next(order)).sibling = 0
        else:
            self._link(terms.sibling_before, terms.sibling)
        terms.sibling = 0

    # The ring is no more: its other orders stand in `others`, by submission.
    cdef int open_ring(self, const OrderRecord* order) except -1 nogil:
        cdef TermsRecord* terms = terms_of(self.terms, order)
        cdef int64_t next_id
        self.others.n = 0
        while terms.sibling != 0:
            next_id = terms.sibling
            terms.sibling = 0
            if next_id != order.order_id:
                append(&self.others, 0.0, next_id)
                terms = terms_of(self.terms, order_at(self.orders, next_id))
        sort_by_order(&self.others)
        return 0

    cdef inline void _link(self, int64_t before_id, int64_t next_id) noexcept nogil:
        terms_of(self.terms, order_at(self.orders, before_id)).sibling = next_id
        terms_of(self.terms, order_at(self.orders, next_id)).sibling_before = before_id

    cdef inline const OrderRecord* _next(self, const OrderRecord* order) noexcept nogil:
        return order_at(self.orders, terms_of(self.terms, order).sibling)
