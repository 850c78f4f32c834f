"""Who is told of every fill, at once: the interface through which risk hears of execution."""

from libc.stdint cimport int32_t

from ml4t.backtest.core.types cimport FillRecord
from ml4t.backtest.portfolio.position cimport Position


cdef class FillListener:
    """Told of each fill after it is booked, of splits and dividends; this one does nothing."""

    cdef int on_fill_booked(self, const FillRecord* fill, Position* position) except -1 nogil:
        return 0

    # Told when the target in force has closed a part of its position, which is still held, or had none to close.
    cdef int on_part_closed(self, Position* position, double units, bint is_done) except -1 nogil:
        return 0

    # Told of a split of the asset before its position (flat or not) changes.
    cdef void on_split(self, Position* position, double ratio) noexcept nogil:
        pass

    # Told of a dividend that lowers levels, before the rest of the position held changes.
    cdef void on_dividend(self, Position* position, double dividend) noexcept nogil:
        pass

    # Told when a split or a dividend (the reason) is done with a position that is still held.
    cdef int on_levels_adjusted(self, const Position* position, int32_t reason) except -1 nogil:
        return 0
