cimport cython
from libc.stdint cimport int32_t, int64_t

from ml4t.backtest.core.run_thread cimport RunThread
from ml4t.backtest.core.types cimport FillRecord
from ml4t.backtest.market.cursor cimport Cursor
from ml4t.backtest.portfolio.account cimport Account
from ml4t.backtest.portfolio.holdings cimport Holdings
from ml4t.backtest.portfolio.position cimport Position
from ml4t.backtest.portfolio.positions cimport Positions
from ml4t.backtest.portfolio.trades cimport Trades


@cython.final
cdef class Portfolio:
    cdef readonly tuple assets
    """Asset names in asset order."""
    cdef Account account
    cdef Positions positions
    cdef Trades trades
    cdef Holdings holdings
    cdef RunThread thread            # of the run that books here
    cdef dict _code

    cdef object state_of(self, int32_t code)
    cdef object levels_of(self, int32_t code)
    cdef Position* enter(
        self, FillRecord* fill, int64_t t, int64_t decision_row, double decision_close
    ) noexcept nogil
    cdef Position* exit(self, FillRecord* fill) noexcept nogil
    cdef int end_trade(
        self, Position* position, const FillRecord* fill, int64_t decision_row
    ) except -1 nogil
    cdef void split(self, int32_t asset, double ratio, Cursor cursor) noexcept nogil
    cdef void pay_dividend(self, Position* position, double amount) noexcept nogil
    cdef void _finish(self, const Position* position, FillRecord* fill, double held) noexcept nogil
    cdef double total_pnl(self) noexcept nogil
    cdef int32_t _code_of(self, object asset) except -1
