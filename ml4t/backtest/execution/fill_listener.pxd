from libc.stdint cimport int32_t

from ml4t.backtest.core.types cimport FillRecord
from ml4t.backtest.portfolio.position cimport Position


cdef class FillListener:
    cdef int on_fill_booked(self, const FillRecord* fill, Position* position) except -1 nogil
    cdef int on_part_closed(self, Position* position, double units, bint is_done) except -1 nogil
    cdef void on_split(self, Position* position, double ratio) noexcept nogil
    cdef void on_dividend(self, Position* position, double dividend) noexcept nogil
    cdef int on_levels_adjusted(self, const Position* position, int32_t reason) except -1 nogil
