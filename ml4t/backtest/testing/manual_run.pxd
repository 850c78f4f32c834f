cimport cython
from libc.stdint cimport int64_t

from ml4t.backtest.market.cursor cimport Cursor
from ml4t.backtest.execution.broker cimport Broker
from ml4t.backtest.portfolio.portfolio cimport Portfolio


@cython.final
cdef class ManualRun:
    cdef readonly Cursor cursor
    """Where it stands in the market data."""
    cdef readonly Portfolio portfolio
    """Cash and positions."""
    cdef readonly Broker broker
    """Accepts and fills the orders."""
    cdef int64_t n_seen              # fills before this step
