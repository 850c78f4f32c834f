"""Who is told of every fill, at once: the interface through which risk hears of execution."""

from ml4t.backtest.core.types cimport FillRecord
from ml4t.backtest.portfolio.position cimport Position


cdef class FillListener:
    """Told of each fill after it is booked, and of splits; this one does nothing."""

    cdef int on_fill_booked(self, const FillRecord* fill, Position* position) except -1 nogil:
        return 0

    # Told of a split of the asset before its position (flat or not) changes.
    cdef void on_split(self, Position* position, double ratio) noexcept nogil:
        pass
