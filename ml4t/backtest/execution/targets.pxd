# What an order of a target may fill (semantics section 3, Targets).

from libc.math cimport fabs, isnan

from ml4t.backtest.core.types cimport OrderRecord
from ml4t.backtest.execution.costs cimport whole_units
from ml4t.backtest.portfolio.position cimport side_of

# Whether a target is met by so many units, in the sum of which ``most`` was the largest.
cdef inline bint is_met(double target, double units, double most) noexcept nogil:
    return fabs(target - units) <= 1e-12 * larger(most, larger(fabs(target), fabs(units)))


# Of so many units of the order, those that do not take a position past its target.
cdef inline double within_target(
    const OrderRecord* order, double units, double held
) noexcept nogil:
    cdef double room
    cdef double tolerance
    if isnan(order.target_units):
        return units
    room = side_of(order.quantity) * (order.target_units - held)
    tolerance = 1e-12 * larger(units, larger(fabs(order.target_units), fabs(held)))
    if room <= tolerance:
        return 0.0
    return units if units - room <= tolerance else room


# A target in whole units: towards zero.
cdef inline double floored_target(double units) noexcept nogil:
    return side_of(units) * whole_units(fabs(units)) + 0.0  # no -0.0


cdef inline double larger(double a, double b) noexcept nogil:
    return a if a > b else b
