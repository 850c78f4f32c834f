cimport cython
from libc.stdint cimport int8_t, int32_t, int64_t

from ml4t.backtest.core.buffer cimport RecordBuffer
from ml4t.backtest.core.settings cimport Settings
from ml4t.backtest.core.types cimport FillRecord, OrderRecord
from ml4t.backtest.execution.costs cimport Costs, FillPrice
from ml4t.backtest.execution.fill_listener cimport FillListener
from ml4t.backtest.execution.order_book cimport OrderBook
from ml4t.backtest.execution.participation cimport Participation
from ml4t.backtest.market.cursor cimport Cursor
from ml4t.backtest.portfolio.portfolio cimport Portfolio
from ml4t.backtest.portfolio.position cimport Position, better, side_of, worse


# How often a bar or a fill was out of the ordinary; the summary says so.
cdef struct Counters:
    int64_t ambiguous_bars
    int64_t bars_opened              # walked on their fine bars
    int64_t no_fine_bars
    int64_t fine_bars_differ
    int64_t price_outside_bar
    int64_t stop_better_than_possible
    int64_t fill_not_later_than_decision
    int64_t fills_without_quotes
    int64_t fills_without_volume
    int64_t least_left


@cython.final
cdef class Fills:
    cdef Cursor cursor
    cdef Portfolio portfolio
    cdef OrderBook book
    cdef Participation participation
    cdef Costs costs
    cdef Settings settings
    cdef FillListener listener       # told of each fill at once
    cdef RecordBuffer buffer
    cdef RecordBuffer slippage       # a record for each fill, where a run pays spread or impact
    cdef Counters counters

    cdef int of_order(
        self, OrderRecord* order, double quantity, double rest, const FillPrice* price, int8_t moment,
        int8_t intrabar
    ) except -1 nogil
    cdef int cash_in_lieu(self, Position* position, double units) except -1 nogil

    # What of a fill is known without an order; the caller sets the rest.
    cdef inline FillRecord* _new_fill(
        self, int32_t asset, double quantity, const FillPrice* price, int8_t moment
    ) except NULL nogil:
        cdef FillRecord* fill = <FillRecord*> self.buffer.append_to_fill(sizeof(FillRecord))
        fill.timestamp = self.cursor.now
        fill.asset = asset
        fill.quantity = quantity
        fill.base_price = price.base
        fill.price = price.paid
        fill.moment = moment
        fill.is_entry = 0
        # Until it is booked.
        fill.trade_id = 0
        fill.position_after = 0.0
        return fill

    # The invariants of section 4: before slippage a fill lies inside its bar, and it is later than what
    # caused it.
    cdef inline int _check(self, const FillRecord* fill) except -1 nogil:
        cdef int64_t row = self.cursor.row[fill.asset]
        cdef double price = fill.base_price
        if fill.timestamp <= fill.decision_time:
            self.counters.fill_not_later_than_decision += 1
        if row < self.cursor.first or (
            self.cursor.data.low_[row] <= price and price <= self.cursor.data.high_[row]
        ):
            return 0
        return self._fill_outside(fill, row)

    cdef inline int _tell_if_in_debt(self, const FillRecord* fill, double before) except -1 nogil:
        if before >= 0.0 and self.portfolio.account.cash < 0.0 and not self.settings.margin_account:
            return self._tell_debt(fill)
        return 0

    # What the bar of an exit did before it: its open. The exit's own price is in already.
    cdef inline void _take_in_open(self, Position* position, const FillRecord* fill) noexcept nogil:
        cdef double side = -side_of(fill.quantity)
        cdef double open_price = self.cursor.data.open_[self.cursor.row[fill.asset]]
        if position.unseen != 0 and position.opened_t == self.cursor.run_t():
            return  # it opened inside, after the open
        position.best = better(side, position.best, open_price)
        position.worst = worse(side, position.worst, open_price)

    cdef int _split_slippage(self, double units, const FillPrice* price) except -1 nogil
    cdef void _count_stand_ins(self, int8_t stand_ins) noexcept nogil
    cdef int _fill_outside(self, const FillRecord* fill, int64_t row) except -1 nogil
    cdef int _tell_debt(self, const FillRecord* fill) except -1 nogil
