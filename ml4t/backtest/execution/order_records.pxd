# Orders and their terms as they stand in the buffers of the book.

from libc.stddef cimport size_t
from libc.stdint cimport int64_t

from ml4t.backtest.core.buffer cimport RecordBuffer
from ml4t.backtest.core.build cimport CHECKED
from ml4t.backtest.core.guards cimport guard
from ml4t.backtest.core.types cimport OrderRecord, TermsRecord


# A pointer holds until the next order is made.
cdef inline OrderRecord* order_at(RecordBuffer orders, int64_t order_id) noexcept nogil:
    if CHECKED:
        guard(1 <= order_id <= orders.count, b"an order is asked for that is not there")
    return <OrderRecord*> (orders._bytes + <size_t> (order_id - 1) * sizeof(OrderRecord))


# None for an order without terms of its own.
cdef inline TermsRecord* terms_of(RecordBuffer terms, const OrderRecord* order) noexcept nogil:
    if order.terms == 0:
        return NULL
    return <TermsRecord*> terms.at(order.terms - 1)
