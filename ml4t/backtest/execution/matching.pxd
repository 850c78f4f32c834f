cimport cython
from libc.stdint cimport int8_t, int32_t, int64_t

from ml4t.backtest.core.settings cimport Settings
from ml4t.backtest.core.types cimport OrderRecord
from ml4t.backtest.execution.basket cimport Basket, Share
from ml4t.backtest.execution.buying_power cimport Means
from ml4t.backtest.execution.costs cimport Costs, FillPrice
from ml4t.backtest.execution.fills cimport Fills
from ml4t.backtest.execution.order_book cimport OrderBook
from ml4t.backtest.execution.participation cimport Participation
from ml4t.backtest.execution.schedule cimport Phase
from ml4t.backtest.market.cursor cimport Cursor
from ml4t.backtest.portfolio.account cimport Account
from ml4t.backtest.portfolio.position cimport Position
from ml4t.backtest.portfolio.positions cimport Positions


@cython.final
cdef class Matching:
    cdef Cursor cursor
    cdef Account account
    cdef Positions positions
    cdef OrderBook book
    cdef Basket basket
    cdef Fills fills
    cdef Costs costs
    cdef Participation participation
    cdef Settings settings
    cdef const Means* as_if          # inside a bar: what there would be without its exits; else NULL

    cdef int fill_market_orders(self, Phase phase) except -1 nogil
    cdef int close_all(self, int32_t reason) except -1 nogil
    cdef void _count_beyond(self, const OrderRecord* order) noexcept nogil
    cdef bint _is_against(self, const OrderRecord* order) noexcept nogil
    cdef int reduce(
        self, OrderRecord* order, const FillPrice* price, int8_t moment, int8_t intrabar
    ) except -1 nogil
    cdef int enter(self, OrderRecord* order, const FillPrice* price, int8_t moment) except -1 nogil
    cdef int _slip_mark(self, const OrderRecord* order, FillPrice* price) except -1 nogil
    cdef bint _has_one_turn(self, OrderRecord* order) except -1 nogil
    cdef int _end_turn(self, int64_t order_id) except -1 nogil
    cdef int _kill_unless_whole(self, OrderRecord* order) except -1 nogil
    cdef bint fills_whole(
        self, const OrderRecord* order, double price, bint may_enter
    ) except -1 nogil
    cdef int _exit_first(
        self, Means* means, OrderRecord* order, double units, double price
    ) except -1 nogil
    cdef int _reduce_at_mark(self, OrderRecord* order, int8_t moment) except -1 nogil
    cdef int _reduce_against(self, OrderRecord* order, int8_t moment) except -1 nogil
    cdef int _enter_at_mark(self, OrderRecord* order, int8_t moment) except -1 nogil
    cdef int _find_units(self, OrderRecord* order) except -1 nogil
    cdef int _fill_entry(
        self, OrderRecord* order, double wanted, double asked, double units, const FillPrice* price, int8_t moment
    ) except -1 nogil
    cdef int64_t _enter_together(self, const int64_t* due, int64_t n_due, int8_t moment) except -1 nogil
    cdef bint _joins(self, const OrderRecord* order) noexcept nogil
    cdef int _add_share(self, OrderRecord* order) except -1 nogil
    cdef int _fill_basket(self, int8_t moment) except -1 nogil
    cdef int _leave_unfilled(self, OrderRecord* order, int32_t reason) except -1 nogil
