"""Where a run stands in its market data: the timestamp of now and each asset's last rows."""

cimport cython
from libc.stdint cimport INT64_MIN, int64_t
from libc.stdlib cimport free, malloc

from ml4t.backtest.data.market_data cimport MarketData


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
        if self.row == NULL or self.previous_row == NULL:
            raise MemoryError(f"no memory for {data.n_assets} assets")
        for asset in range(data.n_assets):
            self.row[asset] = -1
            self.previous_row[asset] = -1
        self.t = -1
        self.now = 0
        self.first = 0
        self.last = 0
        self.next_action = 0

    def __dealloc__(self):
        free(self.row)
        free(self.previous_row)

    # The timestamp of a row of the past; INT64_MIN for "none".
    cdef int64_t time_of(self, int64_t row) noexcept nogil:
        cdef int64_t low = 0
        cdef int64_t high = self.t
        cdef int64_t middle
        if row < 0:
            return INT64_MIN
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
