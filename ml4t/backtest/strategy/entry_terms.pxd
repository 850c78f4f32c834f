cimport cython
from libc.stdint cimport int8_t, int32_t, int64_t

from ml4t.backtest.core.settings cimport Settings
from ml4t.backtest.core.types cimport TermsRecord
from ml4t.backtest.market.market_data cimport MarketData

# What can be asked of an entry, in the order of ASKED.
cdef enum:
    LIMIT = 0
    STOP = 1
    TRAIL = 2
    TRAIL_PERCENT = 3
    STOP_LOSS = 4
    TAKE_PROFIT = 5
    N_ASKED = 6


@cython.final
cdef class EntryTerms:
    cdef readonly dict given
    """What was asked, by name: columns, numbers and how long to wait; the rest is left out."""
    cdef bint are_some               # something was asked
    cdef int8_t time_in_force
    cdef double number[6]            # NaN: a column, or none
    cdef const double* column[6]     # NULL: a number, or none

    cdef int enter(self, MarketData data, str owner) except -1
    cdef int32_t read(
        self, TermsRecord* terms, int64_t row, double direction, double mark, bint is_signed,
        const Settings* settings
    ) noexcept nogil
    cdef double _asked(self, int what, int64_t row) noexcept nogil
