cimport cython
from libc.math cimport fabs
from libc.stdint cimport int8_t, int32_t, int64_t

from ml4t.backtest.core.buffer cimport RecordBuffer
from ml4t.backtest.core.types cimport FillRecord
from ml4t.backtest.portfolio.position cimport Position


@cython.final
cdef class Portfolio:
    cdef readonly double cash
    """Cash owned (currency); negative is borrowed, in a margin account only."""
    cdef readonly double initial_cash
    """Cash at the start (currency)."""
    cdef readonly tuple assets
    """Asset names in asset order."""
    cdef readonly int32_t n_open
    """Open positions."""
    cdef Position* position          # by asset
    cdef double* mark                # by asset; NaN before its first bar
    cdef int32_t* open_asset         # the assets of open positions, in asset order
    cdef int64_t next_position_id
    cdef double closed_pnl           # net P&L of ended trades
    cdef RecordBuffer trades
    cdef RecordBuffer holdings
    cdef int32_t* touched            # assets whose units or price moved at the timestamp of now
    cdef int32_t n_touched
    cdef int8_t* is_touched

    cdef object state_of(self, int32_t code)
    cdef object levels_of(self, int32_t code)
    cdef double net(self) noexcept nogil
    cdef double gross(self) noexcept nogil
    cdef double equity(self) noexcept nogil

    # Net and gross exposure at the marks of the moment: the sums of section 10, from 0.0, one term at a
    # time, in asset order.
    cdef inline void expose(self, double* net, double* gross) noexcept nogil:
        cdef double long_less_short = 0.0
        cdef double long_and_short = 0.0
        cdef double value
        cdef int32_t i
        cdef int32_t asset
        for i in range(self.n_open):
            asset = self.open_asset[i]
            value = self.position[asset].quantity * self.mark[asset]
            long_less_short += value
            long_and_short += fabs(value)
        net[0] = long_less_short
        gross[0] = long_and_short

    cdef double total_pnl(self) noexcept nogil
    cdef Position* enter(
        self, FillRecord* fill, int64_t t, int64_t decision_row, double decision_close
    ) noexcept nogil
    cdef Position* exit(self, FillRecord* fill) noexcept nogil
    cdef int end_trade(self, Position* position, const FillRecord* fill, int64_t decision_row) except -1 nogil
    cdef void apply_split(self, int32_t asset, double ratio) noexcept nogil
    cdef void apply_dividend(self, int32_t asset, double amount) noexcept nogil
    cdef int record_holdings(self, int64_t t) except -1 nogil
    cdef void touch(self, int32_t asset) noexcept nogil
    cdef void _open(
        self, Position* position, const FillRecord* fill, int64_t t, int64_t decision_row
    ) noexcept nogil
    cdef void _take_in(self, Position* position, double price) noexcept nogil
    cdef void _insert(self, int32_t asset) noexcept nogil
    cdef void _remove(self, int32_t asset) noexcept nogil
