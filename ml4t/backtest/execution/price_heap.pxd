# Waiting orders by the price they wait for: the nearest first, so that nobody looks at those behind it.

from libc.stdint cimport int32_t, int64_t


cdef struct WaitingAt:
    double key                   # the smallest is the nearest
    int64_t order_id


# A binary heap: no entry is nearer than the one at its half.
cdef struct PriceHeap:
    WaitingAt* at
    int32_t n
    int32_t capacity


cdef int push(PriceHeap* heap, double key, int64_t order_id) except -1 nogil
cdef int append(PriceHeap* heap, double key, int64_t order_id) except -1 nogil
cdef void pop(PriceHeap* heap) noexcept nogil
cdef void sort_by_key(PriceHeap* heap) noexcept nogil
cdef void sort_by_order(PriceHeap* heap) noexcept nogil
