cimport cython
from libc.math cimport fabs
from libc.stdint cimport int32_t, int64_t

from ml4t.backtest.market.market_data cimport MarketData


# A price, lowered and raised by as much as two vendors differ by rounding.
cdef inline double a_little_below(double price) noexcept nogil:
    return price - 1e-6 * fabs(price)


cdef inline double a_little_above(double price) noexcept nogil:
    return price + 1e-6 * fabs(price)


cdef struct FineBar:
    double open
    double high
    double low
    double close


# The fine bars of one bar at a time (semantics section 4). Of the fine series itself nothing is kept or copied.
@cython.final
cdef class FineBars:
    cdef MarketData data
    cdef int32_t* _code              # by asset of the run: its code in data; -1: it has no fine bars
    cdef FineBar* at                 # of the last find(), in time order
    cdef int64_t n
    cdef int64_t _capacity
    cdef int64_t _place              # where in the rows of its timestamp the last one stood

    cdef inline bint has(self, int32_t asset) noexcept nogil:
        return self._code[asset] >= 0

    cdef int find(self, int32_t asset, int64_t after, int64_t until) except -1 nogil
    cdef int64_t _row(self, int64_t t, int32_t code) noexcept nogil
    cdef int _take(self, int64_t row) except -1 nogil
    cdef int64_t first_beyond(self, double low, double high) noexcept nogil
    cdef void cut(self, double low, double high) noexcept nogil
    cdef double highest(self) noexcept nogil
    cdef double lowest(self) noexcept nogil
