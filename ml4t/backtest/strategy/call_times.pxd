cimport cython
from libc.stdint cimport int32_t, int64_t

from ml4t.backtest.market.market_data cimport MarketData
from ml4t.backtest.market.run_sessions cimport RunSessions

# Whether a timestamp is due.
cdef enum:
    NOT_DUE = 0
    DUE = 1
    DUE_IF_PERIOD_ENDS = 2           # the last of a chunk: what follows decides


@cython.final
cdef class CallTimes:
    cdef readonly object every
    """Every so many timestamps, or the edge of a period; None: all of them."""
    cdef readonly object column
    """The column that has to be on; None: none has to."""
    cdef readonly int32_t below
    """Positions of which there have to be fewer; 0: as many as there are."""
    cdef const double* rows          # the column, where it is one of bars; else NULL
    cdef const char* due             # by timestamp of the data
    cdef object _due                 # keeps it alive
    cdef object _period              # number of the last timestamp seen; None before the first
    cdef str _time_zone
    cdef RunSessions sessions        # of the calendar of the run; None without one

    cdef int enter(self, MarketData data, int64_t n_before) except -1
    cdef object _due_by_every(self, MarketData data, int64_t n_before)
    cdef object _due_by_period(self, MarketData data)
    cdef object _numbers_of(self, object timestamps)
    cdef object _is_on(self, MarketData data)
    cdef int ends_before(self, MarketData following) except -1

    cdef inline bint is_full(self, int32_t n_open) noexcept nogil:
        return self.below > 0 and n_open >= self.below

    # The first timestamp from t on, and before ``end``, that may be due while so many positions are held.
    cdef inline int64_t next_due(self, int64_t t, int64_t end, int32_t n_open) noexcept nogil:
        if self.is_full(n_open):
            return end
        while t < end and self.due[t] == NOT_DUE:
            t += 1
        return t
