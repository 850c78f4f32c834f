cimport cython
from libc.stdint cimport int64_t

from ml4t.backtest.market.cursor cimport Cursor


@cython.final
cdef class SessionEnds:
    cdef Cursor cursor
    cdef bint _is_utc
    cdef const int64_t[::1] _ends    # of ten years, of a zone
    cdef int64_t _n_ends
    cdef int64_t _n_over             # of these, those that are over

    cdef int64_t of_now(self) except? -1 nogil
    cdef int64_t of_day_orders(self) except? -1 nogil
    cdef int _find(self) except -1 with gil
