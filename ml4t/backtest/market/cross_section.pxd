cimport cython
from libc.stdint cimport int64_t

from ml4t.backtest.market.market_data cimport MarketData
from ml4t.backtest.market.run_sessions cimport RunSessions


@cython.final
cdef class CrossSection:
    cdef readonly MarketData data
    """The market data the bars stand in."""
    cdef readonly int64_t first
    """First row of the timestamp; the last is ``first + len(self) - 1``."""
    cdef int64_t last
    cdef int64_t t
    cdef RunSessions sessions        # None without a calendar

    @staticmethod
    cdef CrossSection new(MarketData data, int64_t t, RunSessions sessions)
