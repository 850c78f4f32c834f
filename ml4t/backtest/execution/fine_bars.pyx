"""FineBars: the fine bars of the bar that is walked, found when it is, cut to it where they differ by rounding."""

cimport cython
from libc.math cimport INFINITY
from libc.stddef cimport size_t
from libc.stdint cimport int32_t, int64_t
from libc.stdlib cimport free, malloc, realloc

from ml4t.backtest.market.market_data cimport MarketData


@cython.final
cdef class FineBars:
    """The fine series of a run.

    Parameters
    ----------
    data : MarketData
        The fine bars, of all assets of the run or some.
    assets : tuple
        Assets of the run, in their order.
    """

    def __cinit__(self, MarketData data not None, tuple assets not None):
        cdef Py_ssize_t i
        self.data = data
        self._code = <int32_t*> malloc(<size_t> (len(assets) + 1) * sizeof(int32_t))
        if self._code == NULL:
            raise MemoryError(f"no memory for the codes of {len(assets)} assets")
        codes = {asset: code for code, asset in enumerate(data.assets)}
        for i in range(len(assets)):
            self._code[i] = codes.get(assets[i], -1)

    def __dealloc__(self):
        free(self._code)
        free(self.at)

    # Those of an asset stamped after one time and up to another.
    cdef int find(self, int32_t asset, int64_t after, int64_t until) except -1 nogil:
        cdef int64_t t = _first_after(self.data.time, self.data.n_times, after)
        cdef int64_t row
        self.n = 0
        while t < self.data.n_times and self.data.time[t] <= until:
            row = self._row(t, self._code[asset])
            if row >= 0:
                self._take(row)
            t += 1
        return 0

    # The row of an asset at a timestamp, -1: it has none. Most often it stands where it stood before.
    cdef int64_t _row(self, int64_t t, int32_t code) noexcept nogil:
        cdef int64_t first = self.data.offset[t]
        cdef int64_t end = self.data.offset[t + 1]
        cdef int64_t last = end
        cdef int64_t middle = first + self._place
        while first < last:
            if middle >= last:
                middle = (first + last) // 2
            if self.data.asset[middle] < code:
                first = middle + 1
            else:
                last = middle
                if self.data.asset[middle] == code:
                    first = middle
            middle = (first + last) // 2
        if first < end and self.data.asset[first] == code:
            self._place = first - self.data.offset[t]
            return first
        return -1

    cdef int _take(self, int64_t row) except -1 nogil:
        cdef FineBar* bars
        cdef int64_t capacity
        if self.n == self._capacity:
            capacity = 2 * self._capacity if self._capacity > 0 else 64
            bars = <FineBar*> realloc(self.at, <size_t> capacity * sizeof(FineBar))
            if bars == NULL:
                return _no_memory(capacity)
            self.at = bars
            self._capacity = capacity
        self.at[self.n].open = self.data.open_[row]
        self.at[self.n].high = self.data.high_[row]
        self.at[self.n].low = self.data.low_[row]
        self.at[self.n].close = self.data.close_[row]
        self.n += 1
        return 0

    # The first of them that lies beyond a bar from low to high, by more than rounding; n: none does.
    cdef int64_t first_beyond(self, double low, double high) noexcept nogil:
        cdef int64_t i
        for i in range(self.n):
            if self.at[i].low < a_little_below(low) or self.at[i].high > a_little_above(high):
                return i
        return self.n

    # Into a bar from low to high; what comes to its low or its high but for rounding is it.
    cdef void cut(self, double low, double high) noexcept nogil:
        cdef int64_t i
        cdef FineBar* bar
        cdef double near_low = a_little_above(low)
        cdef double near_high = a_little_below(high)
        for i in range(self.n):
            bar = &self.at[i]
            bar.open = _within(bar.open, low, high)
            bar.close = _within(bar.close, low, high)
            bar.low = low if bar.low <= near_low else _within(bar.low, low, high)
            bar.high = high if bar.high >= near_high else _within(bar.high, low, high)

    cdef double highest(self) noexcept nogil:
        cdef int64_t i
        cdef double high = -INFINITY
        for i in range(self.n):
            high = self.at[i].high if self.at[i].high > high else high
        return high

    cdef double lowest(self) noexcept nogil:
        cdef int64_t i
        cdef double low = INFINITY
        for i in range(self.n):
            low = self.at[i].low if self.at[i].low < low else low
        return low


cdef double _within(double price, double low, double high) noexcept nogil:
    if price < low:
        return low
    return high if price > high else price


# Position of the first of the times that is later than that one.
cdef int64_t _first_after(const int64_t* time, int64_t n, int64_t after) noexcept nogil:
    cdef int64_t first = 0
    cdef int64_t last = n
    cdef int64_t middle
    while first < last:
        middle = (first + last) // 2
        if time[middle] <= after:
            first = middle + 1
        else:
            last = middle
    return first


cdef int _no_memory(int64_t n) except -1 with gil:
    raise MemoryError(f"no memory for {n} fine bars of one bar")
