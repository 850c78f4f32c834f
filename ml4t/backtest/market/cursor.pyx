"""Where a run stands in its market data: the timestamp of now and each asset's last rows."""

cimport cython
from libc.stdint cimport INT64_MIN, int64_t
from libc.stdlib cimport free, malloc

from ml4t.backtest.core.build cimport CHECKED
from ml4t.backtest.core.guards cimport guard
from ml4t.backtest.market.market_data cimport MarketData
from ml4t.backtest.market.run_sessions cimport RunSessions


@cython.final
cdef class Cursor:
    """A walk over market data, one timestamp at a time.

    Parameters
    ----------
    data : MarketData
    """

    def __cinit__(self, MarketData data not None):
        cdef int64_t asset
        self.data = data
        self.row = <int64_t*> malloc(<size_t> (data.n_assets + 1) * sizeof(int64_t))
        self.previous_row = <int64_t*> malloc(<size_t> (data.n_assets + 1) * sizeof(int64_t))
        self.carried_row = <int64_t*> malloc(<size_t> (data.n_assets + 1) * sizeof(int64_t))
        if self.row == NULL or self.previous_row == NULL or self.carried_row == NULL:
            raise MemoryError(f"no memory for {data.n_assets} assets")
        for asset in range(data.n_assets):
            self.row[asset] = -1
            self.previous_row[asset] = -1
            self.carried_row[asset] = -1
        self.t = -1
        self.now = data.time[data.first_t] if data.n_times > data.first_t else INT64_MIN
        self.first = 0
        self.last = 0
        self.next_action = 0

    def __dealloc__(self):
        free(self.row)
        free(self.previous_row)
        free(self.carried_row)

    # Before the first timestamp: a calendar says what sessions are.
    cdef int begin_sessions(self, object calendar) except -1:
        self.sessions = RunSessions(calendar, self.data)
        return 0

    # The timestamp before now; INT64_MIN at the first of the run.
    cdef int64_t time_before(self) noexcept nogil:
        return self.data.time[self.t - 1] if self.t > 0 else INT64_MIN

    # The timestamp of a row of the past; INT64_MIN for "none".
    cdef int64_t time_of(self, int64_t row) noexcept nogil:
        cdef int64_t low = 0
        cdef int64_t high = self.t
        cdef int64_t middle
        if CHECKED:
            guard(row < self.last, b"a row is asked for that the run has not come to")
        if row < 0:
            return INT64_MIN
        if row < self.data.n_carried:
            return self.data.carried_time[row]
        if self.t > 0 and row >= self.data.offset[self.t - 1]:
            low = self.t - 1 if row < self.first else self.t
            return self.data.time[low]
        while low < high:
            middle = (low + high + 1) // 2
            if self.data.offset[middle] <= row:
                low = middle
            else:
                high = middle - 1
        return self.data.time[low]

    # Go on in the next chunk of the same run: its carried rows are the last rows of the assets.
    cdef int enter(self, MarketData data) except -1:
        cdef int64_t row
        cdef int64_t n_seen = 0
        cdef int32_t asset
        if data.assets != self.data.assets or data.first_t == 0:
            raise ValueError(
                "a chunk must have the assets of the first one, in the same order, and carry their "
                "last bars over"
            )
        if data.time[0] != self.now:
            raise ValueError("a chunk must begin with the last timestamp of the chunk before")
        for asset in range(<int32_t> data.n_assets):
            n_seen += self.row[asset] >= 0
        if n_seen != data.n_carried:
            raise ValueError(
                f"a chunk must carry over the last bars of {n_seen} assets, had {data.n_carried}"
            )
        for row in range(data.n_carried):
            if self.row[data.asset[row]] < 0:
                raise ValueError(
                    "a chunk carries over a bar of "
                    f"{data.assets[data.asset[row]]!r}, which has had none"
                )
        if self.sessions is not None:
            self.sessions.enter(data)
        for asset in range(<int32_t> data.n_assets):
            self.carried_row[asset] = self.number_of(self.row[asset])
        self.rows_before += self.data.n_rows - self.data.n_carried
        self.t_before += self.data.n_times - 1
        self.data = data
        for row in range(data.n_carried):
            self.row[data.asset[row]] = row
        self.t = 0
        self.first = 0
        self.last = data.n_carried
        self.next_action = 0
        return 0
