# The best of many by their scores: a heap in place (Williams 1964), which nothing has to be allocated for.

from libc.stdint cimport int32_t


# Small, for all of a heap is moved about.
cdef struct Ranked:
    double score                 # the higher the better; no NaN
    int32_t place                # of its bar among those of the timestamp; at one score the lower the better
    int32_t side                 # 1 buys, -1 sells


cdef inline bint is_better(const Ranked* one, const Ranked* other) noexcept nogil:
    return one.score > other.score or (one.score == other.score and one.place < other.place)


# Bring what stands at ``place`` down to where nothing below it is better.
cdef inline void sink(Ranked* at, int32_t n, int32_t place) noexcept nogil:
    cdef Ranked sinking = at[place]
    cdef int32_t child = 2 * place + 1
    while child < n:
        if child + 1 < n and is_better(&at[child + 1], &at[child]):
            child += 1
        if not is_better(&at[child], &sinking):
            break
        at[place] = at[child]
        place = child
        child = 2 * place + 1
    at[place] = sinking


cdef inline void make_heap(Ranked* at, int32_t n) noexcept nogil:
    cdef int32_t place
    for place in range(n // 2 - 1, -1, -1):
        sink(at, n, place)


# The best of a heap of n, which is one of n - 1 then.
cdef inline Ranked take_best(Ranked* at, int32_t n) noexcept nogil:
    cdef Ranked best = at[0]
    at[0] = at[n - 1]
    sink(at, n - 1, 0)
    return best
