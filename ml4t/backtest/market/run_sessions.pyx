"""RunSessions: the sessions of one run that has a calendar (semantics section 1)."""

cimport cython
from libc.math cimport NAN
from libc.stdint cimport int64_t

from ml4t.backtest.market.market_data cimport MarketData

import numpy as np
import pandas as pd

from ml4t.backtest.market.session_times import check_covered, dates_of, session_times


# Of a long feed sessions are looked up twice as far each time, up to this time (2200-01-01).
cdef int64_t FARTHEST = 7_258_118_400_000_000_000


@cython.final
cdef class RunSessions:
    """The sessions that the timestamps of a run belong to.

    Parameters
    ----------
    calendar : str or Sessions
    data : MarketData
        Of a feed the first chunk.

    Raises
    ------
    ImportError
        If the calendar is a name and exchange_calendars is not installed.
    ValueError
        If there is no calendar of that name, or it does not know all timestamps.
    """

    def __cinit__(self, calendar, MarketData data not None):
        self.calendar = calendar
        self._begin(data)

    cdef int _begin(self, MarketData data) except -1:
        own = data.timestamps[data.first_t :]
        if len(own) == 0:
            raise ValueError("the market data has no timestamp: there are no sessions to look up")
        self._first = own[0]
        self._dates = dates_of(own, data.info or {})
        self.are_dates = self._dates is not None
        self._may_be_a_date = not self.are_dates and dates_of(own, data.info or {}, of_one=True) is not None
        self._take(session_times(self.calendar, own[0], own[len(own) - 1]))
        return self._check(own)

    cdef int _take(self, object times) except -1:
        self.times = times
        self._ends = self._dates.stamps(times.days) if self.are_dates else times.ends
        self.end = self._ends
        self.open_ = times.opens
        self.close = times.closes
        self.n = self.end.shape[0]
        self.at = 0
        return 0

    # The run goes on in the next chunk.
    cdef int enter(self, MarketData data) except -1:
        own = data.timestamps[data.first_t :]
        if len(own) == 0:
            return 0
        if self.are_dates:
            self._narrow_dates(own)
        if self._may_be_a_date and dates_of(own, data.info or {}, of_one=True) is not None:
            raise ValueError(
                "the first chunk has one timestamp, at midnight, and of one alone nobody knows whether it is a date: with a "
                "calendar a feed of dates begins with two; make its chunks larger"
            )
        self._may_be_a_date = False
        self.reach(own[len(own) - 1])
        return self._check(own)

    # Of zones whose midnights all timestamps were so far, some may be no longer: those of another remain.
    cdef int _narrow_dates(self, object timestamps) except -1:
        cdef int64_t at = self.at
        dates = self._dates.of_more(timestamps)
        if dates is None:
            raise ValueError(
                "the timestamps of the first chunk are dates, those of another have a time of day: with a calendar a feed "
                "has either"
            )
        if dates != self._dates:
            self._dates = dates
            self._take(self.times)
            self.at = at
        return 0

    # Look up sessions as far as a time, where the calendar knows them.
    cdef int reach(self, int64_t time) except -1:
        if self.end[self.n - 1] < time:
            self._take(session_times(self.calendar, self._first, max(time, min(FARTHEST, time + (time - self._first)))))
        return 0

    cdef int _check(self, object timestamps) except -1:
        first, last = timestamps[0], timestamps[len(timestamps) - 1]
        check_covered(self.calendar, self.times, self._ends, first, last, are_dates=self.are_dates)
        # By session, of which there are fewer than timestamps.
        opens, closes = (self._ends - 1, self._ends) if self.are_dates else (self.times.opens, self.times.closes)
        inside = np.searchsorted(timestamps, closes, "right") - np.searchsorted(timestamps, opens, "right")
        self.n_outside += len(timestamps) - inside.sum()
        return 0

    # The session of a time: a run asks about one after the other.
    cdef int64_t of(self, int64_t time) noexcept nogil:
        cdef int64_t low = 0
        cdef int64_t high = self.n - 1
        cdef int64_t middle
        if self.end[self.at] >= time:
            if self.at == 0 or self.end[self.at - 1] < time:
                return self.at
        elif self.at + 1 < self.n and self.end[self.at + 1] >= time:
            self.at += 1
            return self.at
        while low < high:
            middle = (low + high) // 2
            if self.end[middle] < time:
                low = middle + 1
            else:
                high = middle
        self.at = low
        return low

    # Has the session of a time before ended by now?
    cdef bint is_over(self, int64_t before, int64_t now) noexcept nogil:
        cdef int64_t session = self.of(now)
        return session > 0 and before <= self.end[session - 1]

    cpdef double ns_to_close(self, int64_t time) noexcept nogil:
        """Return the nanoseconds until the close of the session of a time: 0 of a date."""
        return 0.0 if self.are_dates else <double> (self.close[self.of(time)] - time)

    cpdef double bar_ns(self, int64_t time, int64_t before) noexcept nogil:
        """Return how long a bar is taken to last, by the timestamp before it (semantics section 4); NaN up to the open."""
        cdef int64_t opened = self.open_[self.of(time)]
        if self.are_dates or time <= opened:
            return NAN
        return <double> (time - (before if before > opened else opened))

    def place(self, int64_t time):
        """Return the place of the session of a time of the run, from 0 on."""
        return self.of(time)

    def has_ended(self, int64_t before, int64_t now):
        """Return whether the session of a time before has ended by now."""
        return self.is_over(before, now)

    def moment(self, int64_t time):
        """Return the moment that a timestamp means (nanoseconds UTC): of a date the close of its session."""
        return self.times.closes[self.of(time)] if self.are_dates else time

    def day(self, int64_t session):
        """Return the date of a session by its place, a ``datetime.date``."""
        return np.datetime64(int(self.times.days[session]), "D").item()

    # The end of the last session whose date lies in the month of that of a time.
    cdef int64_t end_of_month(self, int64_t time) except? -1:
        months = self.times.days.astype("M8[D]").astype("M8[M]")
        return self.end[<int64_t> np.searchsorted(months, months[self.of(time)], "right") - 1]

    def days_of(self, timestamps):
        """Return the date of the session of each timestamp.

        Parameters
        ----------
        timestamps : int64 array, shape (n,), nanoseconds UTC

        Returns
        -------
        datetime64[D] array, shape (n,)
        """
        if len(timestamps) == 0:
            return np.empty(0, "M8[D]")
        self.reach(timestamps[len(timestamps) - 1])
        # Beyond the last session no run goes on: that is told when the chunk is entered.
        at = np.minimum(np.searchsorted(self._ends, timestamps), self.n - 1)
        return self.times.days[at].astype("M8[D]")

    def has_one_bar_each(self, MarketData data not None):
        """Tell whether no session has several of the timestamps of market data, where these are in several sessions."""
        at = np.searchsorted(self._ends, data.timestamps[data.first_t :])
        return self.are_dates or (len(at) > 1 and bool(np.all(np.diff(at) > 0)))
