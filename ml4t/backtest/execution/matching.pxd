cimport cython
from libc.stdint cimport int8_t, int32_t, int64_t

from ml4t.backtest.core.build cimport CHECKED
from ml4t.backtest.core.settings cimport Settings
from ml4t.backtest.core.types cimport OrderRecord
from ml4t.backtest.execution.basket cimport Basket, Share
from ml4t.backtest.execution.fills cimport Fills
from ml4t.backtest.execution.order_book cimport OrderBook
from ml4t.backtest.execution.schedule cimport Phase
from ml4t.backtest.market.cursor cimport Cursor
from ml4t.backtest.portfolio.account cimport Account
from ml4t.backtest.portfolio.armed_levels cimport LevelSource
from ml4t.backtest.portfolio.position cimport Position
from ml4t.backtest.portfolio.position_bar cimport touches
from ml4t.backtest.portfolio.positions cimport Positions


@cython.final
cdef class Matching:
    cdef Cursor cursor
    cdef Account account
    cdef Positions positions
    cdef OrderBook book
    cdef Basket basket
    cdef Fills fills
    cdef Settings settings

    # Step 3: try the armed levels of every position, in asset order, against its bar.
    cdef inline int try_levels(self) except -1 nogil:
        cdef int32_t i
        cdef int64_t row
        cdef int64_t first = self.cursor.first
        cdef Position* position
        cdef Position* at = self.positions.at
        cdef const int64_t* row_of = self.cursor.row
        cdef const double* high = self.cursor.data.high_
        cdef const double* low = self.cursor.data.low_
        cdef const int32_t* open_asset
        self.positions.settle()
        if CHECKED:
            self.positions.check_settled()
        open_asset = self.positions.open_asset
        # An exit ends a position that has been passed already; the list itself stays as it is.
        for i in range(self.positions.n_open):
            position = &at[open_asset[i]]
            row = row_of[open_asset[i]]
            if row >= first and touches(position, high[row], low[row]):
                self.hit(position, row)
        return 0

    cdef int hit(self, Position* position, int64_t row) except -1 nogil
    cdef int fill_market_orders(self, Phase phase) except -1 nogil
    cdef int close_all(self, int32_t reason) except -1 nogil
    cdef int _check_hit(self, const Position* position, int64_t row) except -1 nogil
    cdef int _exit_stop(
        self, Position* position, double price, int8_t moment, int8_t intrabar
    ) except -1 nogil
    cdef int _exit_target(
        self, Position* position, double price, int8_t moment, int8_t intrabar
    ) except -1 nogil
    cdef int _exit_at_level(
        self, Position* position, const LevelSource* source, double level, double base_price,
        bint slip, int8_t moment, int8_t intrabar
    ) except -1 nogil
    cdef int _reduce(self, OrderRecord* order, int8_t moment) except -1 nogil
    cdef int _enter(self, OrderRecord* order, int8_t moment) except -1 nogil
    cdef int _find_units(self, OrderRecord* order) except -1 nogil
    cdef int _fill_entry(
        self, OrderRecord* order, double asked, double units, double price, int8_t moment
    ) except -1 nogil
    cdef int64_t _enter_together(self, const int64_t* due, int64_t n_due, int8_t moment) except -1 nogil
    cdef bint _joins(self, const OrderRecord* order) noexcept nogil
    cdef int _add_share(self, OrderRecord* order) except -1 nogil
    cdef int _fill_basket(self, int8_t moment) except -1 nogil
    cdef int _leave_unfilled(self, OrderRecord* order, int32_t reason) except -1 nogil
