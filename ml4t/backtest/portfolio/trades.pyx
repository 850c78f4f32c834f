"""Trades: the round trips that have ended, flat to flat (semantics section 5)."""

cimport cython

from ml4t.backtest.core.buffer cimport RecordBuffer
from ml4t.backtest.core.types cimport TradeRecord


@cython.final
cdef class Trades:
    """The trades of one run, in the order in which they ended."""

    def __cinit__(self):
        self.buffer = RecordBuffer(sizeof(TradeRecord))
