"""PriceHeap: the nearest price first, at one price by submission (binary heap, Williams 1964)."""

from libc.stddef cimport size_t
from libc.stdint cimport int32_t, int64_t
from libc.stdlib cimport qsort, realloc


cdef int push(PriceHeap* heap, double key, int64_t order_id) except -1 nogil:
    cdef int32_t place = heap.n
    cdef int32_t parent
    cdef WaitingAt added
    added.key = key
    added.order_id = order_id
    if heap.n == heap.capacity:
        _grow(heap)
    heap.n += 1
    while place > 0:
        parent = (place - 1) // 2
        if not _is_nearer(&added, &heap.at[parent]):
            break
        heap.at[place] = heap.at[parent]
        place = parent
    heap.at[place] = added
    return 0


# At the end, wherever it belongs: of what is sorted later.
cdef int append(PriceHeap* heap, double key, int64_t order_id) except -1 nogil:
    if heap.n == heap.capacity:
        _grow(heap)
    heap.at[heap.n].key = key
    heap.at[heap.n].order_id = order_id
    heap.n += 1
    return 0


# Take away the nearest; there is one.
cdef void pop(PriceHeap* heap) noexcept nogil:
    cdef int32_t place = 0
    cdef int32_t child = 1
    cdef WaitingAt last = heap.at[heap.n - 1]
    heap.n -= 1
    while child < heap.n:
        if child + 1 < heap.n and _is_nearer(&heap.at[child + 1], &heap.at[child]):
            child += 1
        if not _is_nearer(&heap.at[child], &last):
            break
        heap.at[place] = heap.at[child]
        place = child
        child = 2 * place + 1
    heap.at[place] = last


cdef inline bint _is_nearer(const WaitingAt* one, const WaitingAt* other) noexcept nogil:
    return one.key < other.key or (one.key == other.key and one.order_id < other.order_id)


# As a list: the nearest first, at one price by submission.
cdef void sort_by_key(PriceHeap* heap) noexcept nogil:
    if heap.n > 1:
        qsort(heap.at, <size_t> heap.n, sizeof(WaitingAt), _by_key)


# As a list: by submission.
cdef void sort_by_order(PriceHeap* heap) noexcept nogil:
    if heap.n > 1:
        qsort(heap.at, <size_t> heap.n, sizeof(WaitingAt), _by_order)


cdef int _by_key(const void* a, const void* b) noexcept nogil:
    cdef const WaitingAt* one = <const WaitingAt*> a
    cdef const WaitingAt* other = <const WaitingAt*> b
    if one.key != other.key:
        return 1 if one.key > other.key else -1
    return _by_order(a, b)


cdef int _by_order(const void* a, const void* b) noexcept nogil:
    cdef int64_t one = (<const WaitingAt*> a).order_id
    cdef int64_t other = (<const WaitingAt*> b).order_id
    return (one > other) - (one < other)


cdef int _grow(PriceHeap* heap) except -1 nogil:
    cdef int32_t capacity = 8 + 2 * heap.capacity
    cdef void* moved = realloc(heap.at, <size_t> capacity * sizeof(WaitingAt))
    if moved == NULL:
        return _no_memory(capacity)
    heap.at = <WaitingAt*> moved
    heap.capacity = capacity
    return 0


cdef int _no_memory(int32_t orders) except -1 with gil:
    raise MemoryError(f"no memory for {orders} orders that wait for a price")
