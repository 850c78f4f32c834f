cimport cython
from libc.stdint cimport int32_t, int64_t

from ml4t.backtest.core.buffer cimport RecordBuffer
from ml4t.backtest.market.cursor cimport Cursor


@cython.final
cdef class PortfolioHistory:
    cdef Cursor cursor
    cdef RecordBuffer fills          # of the run
    cdef int64_t n_timestamps        # that have begun since this history has
    cdef double _traded              # C of section 7
    cdef int64_t _n_traded           # fills in it, or before it began
    cdef RecordBuffer _traded_by     # double: C at the end of each timestamp
    cdef RecordBuffer _brought       # double: x of section 7

    cdef int take_mark(self, double equity, double recorded, double carried) except -1 nogil
    cdef double traded_within(self, int64_t n) noexcept nogil
    cdef void _count_traded(self, bint now_too) noexcept nogil

    # How many values of x there are, and one of them.
    cdef inline int64_t n_brought(self) noexcept nogil:
        return self._brought.count

    cdef inline double brought(self, int64_t i) noexcept nogil:
        return (<const double*> self._brought.at(i))[0]
