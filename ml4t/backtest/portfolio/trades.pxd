cimport cython
from libc.stdint cimport int64_t

from ml4t.backtest.core.buffer cimport RecordBuffer
from ml4t.backtest.core.types cimport FillRecord, TradeRecord
from ml4t.backtest.portfolio.position cimport Position


@cython.final
cdef class Trades:
    cdef RecordBuffer buffer
    cdef TradeRecord blank           # what a record begins as
    cdef double net_pnl              # of all trades that have ended

    cdef int append(
        self, const Position* position, const FillRecord* fill, int64_t decision_row
    ) except -1 nogil
