cimport cython
from libc.stdint cimport int8_t, int32_t, int64_t

from ml4t.backtest.core.buffer cimport RecordBuffer
from ml4t.backtest.core.settings cimport Settings
from ml4t.backtest.core.types cimport EventRecord, FillRecord, OrderRecord
from ml4t.backtest.market.cursor cimport Cursor
from ml4t.backtest.execution.listener cimport FillListener
from ml4t.backtest.portfolio.portfolio cimport Portfolio
from ml4t.backtest.portfolio.position cimport Position


# The moments at which market orders fill.
cdef enum Phase:
    PHASE_OPEN            # step 2
    PHASE_CLOSE           # end of step 4: orders accepted earlier
    PHASE_CLOSE_EXITS     # then exits decided at this close
    PHASE_AFTER_STRATEGY  # end of step 6, fill_at="close"


cdef struct Counters:
    int64_t ambiguous_bars
    int64_t price_outside_bar
    int64_t stop_better_than_possible
    int64_t fill_not_later_than_decision


@cython.final
cdef class Broker:
    cdef readonly Cursor cursor
    """Where the run stands in the market data."""
    cdef readonly Portfolio portfolio
    """What the fills are booked in."""
    cdef Settings settings
    cdef Counters counters
    cdef FillListener listener
    cdef RecordBuffer orders
    cdef RecordBuffer fills
    cdef RecordBuffer events
    cdef int64_t* waiting            # indexes of open orders, in the order of submission
    cdef int64_t n_waiting
    cdef int64_t waiting_capacity
    cdef int32_t* waiting_of         # by asset: its waiting orders

    cdef OrderRecord* order(self, int64_t order_id) noexcept nogil
    cdef int64_t accept(
        self, int32_t asset, double quantity, int32_t reason, bint reduce_only
    ) except -1 nogil
    cdef int64_t accept_exit(
        self, int32_t asset, int8_t exit_kind, int32_t rule, int32_t reason, double level
    ) except -1 nogil
    cdef int64_t refuse(self, int32_t asset, double asked, int32_t reason) except -1 nogil
    cdef int cancel_order(self, OrderRecord* order, int32_t reason) except -1 nogil
    cdef void forget_done(self) noexcept nogil
    cdef double pending_units(self, int32_t asset) noexcept nogil
    cdef int fill_market_orders(self, Phase phase) except -1 nogil
    cdef int exit_at_level(
        self, Position* position, double base_price, bint slip, int8_t exit_kind, int32_t rule,
        int32_t reason, double level, int8_t moment, int8_t intrabar
    ) except -1 nogil
    cdef int pay_out(self, Position* position, double units) except -1 nogil
    cdef int close_position_now(self, Position* position, int32_t reason) except -1 nogil
    cdef EventRecord* log(
        self, int8_t kind, int32_t reason, int32_t asset, int64_t order_id, double asked, double given
    ) except NULL nogil
    cdef void mark_open(self) noexcept nogil

    # From step 4 on an asset is marked at its close.
    cdef inline void mark_close(self) noexcept nogil:
        cdef int64_t row
        cdef double* mark = self.portfolio.mark
        cdef const int32_t* asset = self.cursor.data.asset
        cdef const double* close = self.cursor.data.close_
        for row in range(self.cursor.first, self.cursor.last):
            mark[asset[row]] = close[row]

    cdef OrderRecord* _new_order(
        self, int32_t asset, double quantity, int8_t source, int32_t reason
    ) except NULL nogil
    cdef int _wait(self, OrderRecord* order) except -1 nogil
    cdef bint _is_due(self, const OrderRecord* order, Phase phase) noexcept nogil
    cdef int _fill_against(self, OrderRecord* order, Phase phase) except -1 nogil
    cdef int _fill_entry(self, OrderRecord* order, Phase phase) except -1 nogil
    cdef int _leave_unfilled(self, OrderRecord* order) except -1 nogil
    cdef int32_t _refusal(self, const OrderRecord* order) noexcept nogil
    cdef bint _can_pay(
        self, const OrderRecord* order, double units, double price, double equity, double gross
    ) noexcept nogil
    cdef int _book_exit(
        self, OrderRecord* order, double quantity, double base_price, double price, int8_t moment,
        int8_t intrabar
    ) except -1 nogil
    cdef FillRecord* _new_fill(
        self, OrderRecord* order, double quantity, double base_price, double price, int8_t moment
    ) except NULL nogil
    cdef double _affordable(
        self, const OrderRecord* order, double units, double price
    ) noexcept nogil
    cdef void _complete(self, OrderRecord* order, int8_t status) noexcept nogil
    cdef int _end_waiting_exits(self, const Position* position) except -1 nogil
    cdef int _check_price(self, const FillRecord* fill, int64_t row) except -1 nogil
