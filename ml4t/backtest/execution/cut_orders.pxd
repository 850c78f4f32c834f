cimport cython
from libc.stdint cimport int32_t, int64_t

from ml4t.backtest.core.types cimport OrderRecord
from ml4t.backtest.execution.order_book cimport OrderBook
from ml4t.backtest.execution.price_heap cimport PriceHeap


@cython.final
cdef class TriggeredStops:
    cdef OrderBook book
    cdef PriceHeap waiting           # those of the bar that is walked, without keys

    cdef int add(self, int64_t order_id) except -1 nogil
    cdef int move(self) except -1 nogil


cdef int go_on_at_the_open(OrderBook book, OrderRecord* order) except -1 nogil
cdef int take_back_targets(OrderBook book, int32_t asset, double target) except -1 nogil
