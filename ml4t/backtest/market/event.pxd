from libc.stdint cimport int64_t

from ml4t.backtest.market.market_data cimport MarketData
from ml4t.backtest.market.run_sessions cimport RunSessions
from ml4t.backtest.market.values cimport Values


# Not final: each market data makes a subclass with its columns as attributes.
cdef class MarketEvent:
    cdef readonly MarketData data
    """The market data the bar stands in."""
    cdef readonly int64_t row
    """Row of the bar in the market data."""
    cdef int64_t t
    cdef RunSessions sessions        # None without a calendar
    cdef Values last_signals         # handed out last, and used again as long as nobody kept them
    cdef Values last_indicators
    cdef Values last_context

    @staticmethod
    cdef MarketEvent new(object event_type, MarketData data)


cpdef object event_type(MarketData data)
