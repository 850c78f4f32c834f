from ml4t.backtest.core.types cimport FillRecord
from ml4t.backtest.portfolio.position cimport Position


cdef class FillListener:
    cdef int on_fill_booked(self, const FillRecord* fill, Position* position) except -1 nogil
    cdef void on_split(self, Position* position, double ratio) noexcept nogil
    cdef void on_dividend(self, Position* position, double dividend) noexcept nogil
