cimport cython
from libc.stdint cimport int64_t

from ml4t.backtest.market.market_data cimport MarketData


@cython.final
cdef class RunSessions:
    cdef readonly object calendar
    """The name of a calendar, or session times; None: days of a zone."""
    cdef readonly object times
    """The SessionTimes."""
    cdef readonly bint are_dates
    """Whether timestamps are dates: the moment of each is the close of its session."""
    cdef readonly int64_t n_outside
    """Timestamps seen so far that are beyond the open and the close of their session."""
    cdef object _ends
    cdef const int64_t[::1] end      # by session, as timestamps are stamped
    cdef const int64_t[::1] open_
    cdef const int64_t[::1] close
    cdef int64_t n                   # sessions
    cdef int64_t at                  # the session found last
    cdef int64_t _first              # timestamp of the run
    cdef bint _may_be_a_date         # the first chunk had one timestamp, a midnight, and it was taken for a time
    cdef object _dates               # Dates: how timestamps stand for dates; None where they do not

    cdef int64_t of(self, int64_t time) noexcept nogil
    cdef int enter(self, MarketData data) except -1
    cdef bint is_over(self, int64_t before, int64_t now) noexcept nogil
    cpdef double ns_to_close(self, int64_t time) noexcept nogil
    cpdef double bar_ns(self, int64_t time, int64_t before) noexcept nogil
    cdef int _narrow_dates(self, object timestamps) except -1
    cdef int reach(self, int64_t time) except -1
    cdef int64_t end_of_month(self, int64_t time) except? -1
    cdef int _begin(self, MarketData data) except -1
    cdef int _take(self, object times) except -1
    cdef int _check(self, object timestamps) except -1
