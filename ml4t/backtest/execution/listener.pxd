from libc.stdint cimport int32_t

from ml4t.backtest.core.types cimport FillRecord
from ml4t.backtest.portfolio.position cimport Position


cdef class FillListener:
    cdef int on_fill_booked(self, const FillRecord* fill, Position* position) except -1 nogil
    cdef void on_split(self, int32_t asset, double ratio) noexcept nogil
