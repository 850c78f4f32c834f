# Which regime a value of a column stands for, and between which values it goes on.

from libc.math cimport INFINITY, isnan, nextafter
from libc.stdint cimport int32_t

from ml4t.backtest.risk.said_levels cimport Slot


cdef struct Range:
    double low                   # from here on
    double high                  # and below this


# The regime of a value; without one (NaN, a label that no rule has) that of now, -1 where none is known. No edge is
# passed by less than the hysteresis, but for the first regime of a position.
cdef inline int32_t regime_of(const Slot* slot, const double* values, double value, int32_t now) noexcept nogil:
    cdef double beyond = slot.hysteresis
    cdef int32_t i
    if isnan(value):
        return now
    if not slot.are_edges:
        for i in range(slot.n_values):
            if values[i] == value:
                return i
        return now
    if now < 0:
        now = 0
        beyond = 0.0
    while now < slot.n_values and value >= values[now] + beyond:
        now += 1
    while now > 0 and value < values[now - 1] - beyond:
        now -= 1
    return now


# The values in which the regime of now goes on: none, while there is none.
cdef inline Range range_of(const Slot* slot, const double* values, int32_t now) noexcept nogil:
    cdef Range stays
    stays.low = INFINITY
    stays.high = -INFINITY
    if now < 0:
        return stays
    if not slot.are_edges:
        stays.low = values[now]
        stays.high = nextafter(values[now], INFINITY)
        return stays
    stays.low = values[now - 1] - slot.hysteresis if now > 0 else -INFINITY
    stays.high = values[now] + slot.hysteresis if now < slot.n_values else INFINITY
    return stays
