cimport cython
from libc.stdint cimport int64_t

from ml4t.backtest.core.buffer cimport RecordBuffer
from ml4t.backtest.core.types cimport OrderRecord
from ml4t.backtest.execution.order_records cimport terms_of
from ml4t.backtest.execution.price_heap cimport PriceHeap


@cython.final
cdef class Rings:
    cdef RecordBuffer orders         # of the book
    cdef RecordBuffer terms          # of the book
    cdef PriceHeap others            # of the last open_ring(), without keys

    cdef inline bint holds(self, const OrderRecord* order) noexcept nogil:
        return order.terms != 0 and terms_of(self.terms, order).sibling != 0

    cdef void join(self, const OrderRecord* order, const OrderRecord* other) noexcept nogil
    cdef bint holds_one_before(self, const OrderRecord* order, bint on_its_side) noexcept nogil
    cdef void leave(self, const OrderRecord* order) noexcept nogil
    cdef int open_ring(self, const OrderRecord* order) except -1 nogil
    cdef void _link(self, int64_t before_id, int64_t next_id) noexcept nogil
    cdef const OrderRecord* _next(self, const OrderRecord* order) noexcept nogil
