cimport cython
from libc.stdint cimport int64_t

from ml4t.backtest.market.market_data cimport MarketData


# The values of one row, or of one timestamp, by column name.
@cython.final
cdef class Values:
    cdef MarketData data
    cdef const double** columns
    cdef int64_t row                 # -1 for "none yet": every value is NaN
    cdef dict index
    cdef object last_name            # asked for last, and its column
    cdef Py_ssize_t last_column

    @staticmethod
    cdef Values new(MarketData data, const double** columns, int64_t row, dict index)
    cdef int _find(self, object name) except -1


# Not final: each market data makes a subclass with its columns as attributes.
cdef class MarketEvent:
    cdef readonly MarketData data
    """The market data the bar stands in."""
    cdef readonly int64_t row
    """Row of the bar in the market data."""
    cdef int64_t t
    cdef Values last_signals         # handed out last, and used again as long as nobody kept them
    cdef Values last_indicators
    cdef Values last_context

    @staticmethod
    cdef MarketEvent new(object event_type, MarketData data)


@cython.final
cdef class CrossSection:
    cdef readonly MarketData data
    """The market data the bars stand in."""
    cdef readonly int64_t first
    """First row of the timestamp; the last is ``first + len(self) - 1``."""
    cdef int64_t last
    cdef int64_t t

    @staticmethod
    cdef CrossSection new(MarketData data, int64_t t)


cpdef object event_type(MarketData data)
cpdef object context_at(MarketData data, int64_t t)
cpdef object features_at(MarketData data, int64_t row)
