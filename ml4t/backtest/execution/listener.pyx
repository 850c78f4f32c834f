"""Who is told of every fill, at once: the interface through which risk hears of execution."""

from libc.stdint cimport int32_t

from ml4t.backtest.core.types cimport FillRecord
from ml4t.backtest.portfolio.position cimport Position


cdef class FillListener:
    """Told of each fill after it is booked, and of splits; this one does nothing."""

    cdef int on_fill_booked(self, const FillRecord* fill, Position* position) except -1 nogil:
        return 0

    # Told of a split before the position changes.
    cdef void on_split(self, int32_t asset, double ratio) noexcept nogil:
        pass
