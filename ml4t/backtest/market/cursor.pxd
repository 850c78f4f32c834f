cimport cython
from libc.stdint cimport int32_t, int64_t
from libc.string cimport memcpy

from ml4t.backtest.core.build cimport CHECKED
from ml4t.backtest.core.guards cimport guard
from ml4t.backtest.core.prefetch cimport prefetch
from ml4t.backtest.market.market_data cimport MarketData
from ml4t.backtest.market.run_sessions cimport RunSessions

cdef enum:
    WIDE_BLOCK = 8


@cython.final
cdef class Cursor:
    cdef readonly MarketData data
    """The market data the run stands in."""
    cdef readonly int64_t t
    """Position of the timestamp of now; -1 before the first."""
    cdef readonly int64_t now
    """Timestamp of now, nanoseconds UTC."""
    cdef readonly RunSessions sessions
    """The sessions of the run's calendar; None without one."""
    cdef int64_t t_before            # timestamps of the run before data's timestamp 0
    cdef int64_t rows_before         # rows of the run before data's row n_carried
    cdef int64_t* carried_row        # by asset: number in the run of its carried row
    cdef int64_t first               # rows of now are first..last
    cdef int64_t last
    cdef int64_t next_action
    cdef int64_t* row                # by asset: its row of now, or its last one; -1 before its first
    cdef int64_t* previous_row       # by asset: its row before ``row``; -1 when none

    # Step to the next timestamp: its rows become the rows of now.
    cdef inline void advance(self) noexcept nogil:
        cdef int64_t t = self.t + 1
        cdef int64_t row
        cdef int64_t first = self.last
        cdef int64_t last = self.data.offset[t + 1]
        cdef int32_t asset
        cdef const int32_t* asset_of = self.data.asset
        cdef int64_t* current = self.row
        cdef int64_t* previous = self.previous_row
        if CHECKED:
            guard(t < self.data.n_times, b"a run steps past its last timestamp")
            guard(self.data.offset[t] == first, b"rows of a timestamp do not follow those before")
            guard(last <= self.data.n_rows, b"rows of a timestamp lie past the market data")
        self.t = t
        self.now = self.data.time[t]
        self.first = first
        self.last = last
        if self.is_block():
            if CHECKED:
                guard(asset_of[last - 1] == last - first - 1, b"rows of all assets do not stand in their order")
            memcpy(previous, current, <size_t> (last - first) * sizeof(int64_t))
            for row in range(last - first):
                current[row] = first + row
            return
        for row in range(first, last):
            asset = asset_of[row]
            previous[asset] = current[asset]
            current[asset] = row

    # Has every asset a row of now? Rows of a timestamp ascend by asset: that of asset a is then first + a, and what is
    # copied asset by asset may be copied at once. Of a few assets nothing is gained by it: no is said.
    cdef inline bint is_block(self) noexcept nogil:
        return self.last - self.first == self.data.n_assets and self.data.n_assets >= WIDE_BLOCK

    cdef int64_t time_of(self, int64_t row) noexcept nogil
    cdef int enter(self, MarketData data) except -1
    cdef int begin_sessions(self, object calendar) except -1
    cdef int64_t time_before(self) noexcept nogil

    # The number of a row in the whole run, which chunks do not change; -1 for "none".
    cdef inline int64_t number_of(self, int64_t row) noexcept nogil:
        if CHECKED:
            guard(row < self.last, b"a row is numbered that the run has not come to")
        if row >= self.data.n_carried:
            return self.rows_before + row - self.data.n_carried
        return -1 if row < 0 else self.carried_row[self.data.asset[row]]

    # Position of the timestamp of now in the whole run.
    cdef inline int64_t run_t(self) noexcept nogil:
        return self.t_before + self.t

    # Of a single asset: stand at t without having been at the timestamps before.
    cdef inline void arrive(self, int64_t t) noexcept nogil:
        if CHECKED:
            guard(0 <= t < self.data.n_times, b"a quiet bar is no timestamp of the market data")
            guard(self.data.offset[t] == t, b"a quiet bar does not stand in its own row")
        self.t = t
        self.now = self.data.time[t]
        self.first = t
        self.last = t + 1
        self.row[0] = t
        self.previous_row[0] = t - 1

    # What a fill looks at in an asset's next row is far away in memory: it is asked for when its order is made. Where all
    # assets have rows at all timestamps it lies as far away as this timestamp has rows; any other place will do no harm.
    cdef inline void fetch_next_row(self, int32_t asset) noexcept nogil:
        cdef int64_t row = self.row[asset] + self.last - self.first
        prefetch(&self.data.high_[row])
        prefetch(&self.data.low_[row])

    cdef inline bint has_row(self, int32_t asset) noexcept nogil:
        return self.row[asset] >= self.first

    # The asset's last row before now.
    cdef inline int64_t row_before(self, int32_t asset) noexcept nogil:
        return self.previous_row[asset] if self.row[asset] >= self.first else self.row[asset]
