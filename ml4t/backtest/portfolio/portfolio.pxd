cimport cython
from libc.math cimport isnan
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
    # Book an entry fill: the opening of a position, or an add to it.
    cdef inline void enter(
        self, FillRecord* fill, int64_t t, int64_t decision_row, double decision_close
    ) noexcept nogil:
        cdef Position* position = &self.positions.at[fill.asset]
        cdef double held = position.quantity
        cdef double basis = fill.price if isnan(decision_close) else decision_close
        self.account.before_fill()
        self.account.pay(fill.quantity * fill.price + fill.commission)
        if held == 0.0:
            self.positions.open(fill, t, decision_row, basis)
        else:
            self.positions.add(fill, basis)
        self._finish(position, fill, held)

    # Book a fill against the position. At zero the position stays readable until end_trade.
    cdef inline void exit(self, FillRecord* fill) noexcept nogil:
        cdef Position* position = &self.positions.at[fill.asset]
        cdef double held = position.quantity
        self.account.before_fill()
        self.account.pay(fill.quantity * fill.price + fill.commission)
        self.positions.reduce(fill)
        self._finish(position, fill, held)

    cdef inline void _finish(
        self, const Position* position, FillRecord* fill, double held
    ) noexcept nogil:
        fill.trade_id = position.position_id
        fill.position_after = position.quantity
        self.account.after_fill(fill.asset, held)
        self.holdings.note(fill.asset)

    # Close the books of a position that a fill has brought to zero.
    cdef inline int end_trade(
        self, Position* position, const FillRecord* fill, int64_t decision_row
    ) except -1 nogil:
        self.trades.append(position, fill, decision_row)
        self.positions.end(position)
        return 0

    cdef void split(self, int32_t asset, double ratio, Cursor cursor) noexcept nogil
    cdef void pay_dividend(self, Position* position, double amount) noexcept nogil
    cdef double total_pnl(self) noexcept nogil
    cdef int32_t _code_of(self, object asset) except -1
