# What a target of a part of a position has to close (semantics section 4, scaled exit).

from libc.math cimport fabs

from ml4t.backtest.execution.costs cimport whole_units
from ml4t.backtest.portfolio.position cimport Position, is_negligible

# Units of a part of the largest quantity so far, less those closed; 0: less than an order can have.
cdef inline double units_of_part(
    const Position* position, double part, double closed, bint is_whole
) noexcept nogil:
    cdef double units = part * position.largest - closed
    if is_whole:
        units = whole_units(units)
    return units if units >= 1e-12 else 0.0


# What the target in force closes: no more than is held, and all of that where next to nothing would be left.
cdef inline double units_of_target(const Position* position, bint is_whole) noexcept nogil:
    cdef double held = fabs(position.quantity)
    cdef double units
    if position.levels.target_part == 0.0:
        return held
    units = units_of_part(
        position, position.levels.target_part, position.levels.target_closed, is_whole
    )
    return held if is_negligible(max(held - units, 0.0), units) else units
