"""SessionEnds: when the session of the moment ends."""

cimport cython
from libc.stdint cimport INT64_MAX, int64_t

from ml4t.backtest.market.cursor cimport Cursor

from ml4t.backtest.market.sessions import DAY, midnights, session_zone

cdef int64_t NS_OF_DAY = DAY


@cython.final
cdef class SessionEnds:
    """The ends of the sessions of one run, asked for in the order of time.

    Parameters
    ----------
    cursor : Cursor
        Where the run stands.
    """

    def __cinit__(self, Cursor cursor not None):
        self.cursor = cursor
        self._is_utc = (session_zone(cursor.data.info or {}) or "UTC") == "UTC"

    # The end of the session of now: at the earliest now itself.
    cdef int64_t of_now(self) except? -1 nogil:
        if self.cursor.sessions is not None:
            return self.cursor.sessions.end[self.cursor.sessions.of(self.cursor.now)]
        if self._is_utc:
            return _end_of_day(self.cursor.now)
        if self._n_ends == 0 or self._ends[self._n_ends - 1] < self.cursor.now:
            self._find()
        while self._ends[self._n_over] < self.cursor.now:
            self._n_over += 1
        return self._ends[self._n_over]

    # Until when an order for the day waits: the close, where it is still to come and bars have a time of day.
    cdef int64_t of_day_orders(self) except? -1 nogil:
        cdef int64_t close
        if self.cursor.sessions is None or self.cursor.sessions.are_dates:
            return self.of_now()
        close = self.cursor.sessions.close[self.cursor.sessions.of(self.cursor.now)]
        return close if self.cursor.now <= close else self.of_now()

    cdef int _find(self) except -1 with gil:
        now = self.cursor.now
        last = min(now + 3_660 * DAY, INT64_MAX)
        self._ends = midnights(now, last, session_zone(self.cursor.data.info or {}))
        self._n_ends = self._ends.shape[0]
        self._n_over = 0
        return 0


# The midnight at or after a time, of UTC.
@cython.cdivision(True)
cdef inline int64_t _end_of_day(int64_t now) noexcept nogil:
    cdef int64_t into = now % NS_OF_DAY
    if into <= 0:
        return now - into
    return now + (NS_OF_DAY - into) if now <= INT64_MAX - NS_OF_DAY else INT64_MAX
