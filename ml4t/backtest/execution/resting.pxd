cimport cython
from libc.stdint cimport int32_t, int64_t

from ml4t.backtest.core.buffer cimport RecordBuffer
from ml4t.backtest.core.types cimport OrderRecord
from ml4t.backtest.execution.price_heap cimport PriceHeap


# The orders of one asset that wait for a price, nearest first on either side of the market. An entry whose
# order has ended or waits for another price is stale, and goes when it comes to the front.
cdef struct RestingSide:
    PriceHeap above
    PriceHeap below
    int32_t most_above           # with more entries than these a side is tidied first
    int32_t most_below


@cython.final
cdef class RestingOrders:
    cdef RecordBuffer orders         # of the book
    cdef RecordBuffer terms          # of the book
    cdef int32_t n_assets
    cdef RestingSide* _of            # by asset; NULL before the first such order
    # Of the last collect_touched(): what waits for rising prices, and for falling ones (keys: minus the price).
    cdef PriceHeap rising
    cdef PriceHeap falling
    # Of these, what cannot fill in the bar any more and waits on (keys as below).
    cdef PriceHeap passed
    # Of the last collect_met(): key 1.0 of what waits for rising prices, -1.0 of the others.
    cdef PriceHeap met
    # Stop-limits that the bar has triggered inside beyond their limit: the close is left to them, by submission
    # (key: the order id). Then those that have been tried.
    cdef PriceHeap late
    cdef PriceHeap tried

    # May a bar from low to high reach what an order of the asset waits for?
    cdef inline bint may_touch(self, int32_t asset, double high, double low) noexcept nogil:
        cdef const RestingSide* side
        if self._of == NULL:
            return False
        side = &self._of[asset]
        return (side.above.n > 0 and side.above.at[0].key <= high) or (
            side.below.n > 0 and -side.below.at[0].key >= low
        )

    cdef int wait(self, const OrderRecord* order) except -1 nogil
    cdef int collect_touched(self, int32_t asset, double high, double low) except -1 nogil
    cdef void collect_none(self) noexcept nogil
    cdef int collect_more(self, int32_t asset, double high, double low) except -1 nogil
    cdef int pass_over(self, bint above) except -1 nogil
    cdef int collect_met(self, double price, int64_t after) except -1 nogil
    cdef int add_touched(self, const OrderRecord* order) except -1 nogil
    cdef int wait_for_the_close(self, int64_t order_id) except -1 nogil
    cdef int64_t next_late(self) except -1 nogil
    cdef int go_on(self) except -1 nogil
    cdef int wait_again(self) except -1 nogil
    cdef int _wait_again(self, int64_t order_id, bint above) except -1 nogil
    cdef int rekey(self, int32_t asset) except -1 nogil
    cdef bint _waits_on(self, int64_t order_id, bint above) noexcept nogil
    cdef bint _is_stale(self, int64_t order_id, double key, bint above) noexcept nogil
    cdef int _take(self, PriceHeap* heap, bint above, double most, PriceHeap* touched) except -1 nogil
    cdef void _rekey(self, PriceHeap* heap, bint above) noexcept nogil
    cdef int32_t _tidy(self, PriceHeap* heap, bint above) noexcept nogil
