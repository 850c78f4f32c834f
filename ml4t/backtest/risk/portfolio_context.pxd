cimport cython
from libc.stdint cimport int32_t, int64_t

from ml4t.backtest.execution.broker cimport Broker
from ml4t.backtest.market.cursor cimport Cursor
from ml4t.backtest.portfolio.account cimport Account
from ml4t.backtest.portfolio.positions cimport Positions
from ml4t.backtest.risk.contexts cimport Contexts
from ml4t.backtest.risk.projection cimport Projection


@cython.final
cdef class PortfolioContext:
    cdef Cursor cursor
    cdef Account account
    cdef Positions held
    cdef Contexts contexts
    cdef Projection projection
    cdef bint is_over                # its rule has answered
    cdef readonly object order
    """The order that is asked about, with the units that other limits have left of it; None at the mark."""
    cdef int32_t asked_asset         # of the order; -1: none
    cdef double asked_units
    cdef double peak

    cdef int _check(self) except -1
    cdef int32_t _code_of(self, object asset) except -1
    cdef double _projected(self, int32_t code) noexcept


cdef PortfolioContext new_portfolio_context()
