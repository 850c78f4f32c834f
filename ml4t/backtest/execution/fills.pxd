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
from ml4t.backtest.portfolio.position cimport Position


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
    cdef FillRecord blank            # what a record begins as: no order asked for it
    cdef RecordBuffer slippage       # a record for each fill, where a run pays spread or impact
    cdef Counters counters

    cdef int of_order(
        self, OrderRecord* order, double quantity, double rest, const FillPrice* price, int8_t moment,
        int8_t intrabar
    ) except -1 nogil
    cdef int cash_in_lieu(self, const Position* position, double units) except -1 nogil
    cdef FillRecord* _new_fill(
        self, int32_t asset, double quantity, const FillPrice* price, int8_t moment
    ) except NULL nogil
    cdef int _split_slippage(self, double units, const FillPrice* price) except -1 nogil
    cdef void _count_stand_ins(self, int8_t stand_ins) noexcept nogil
    cdef int _charge(self, FillRecord* fill, OrderRecord* order, double commission) except -1 nogil
    cdef int _check(self, const FillRecord* fill) except -1 nogil
    cdef int _book(self, FillRecord* fill, OrderRecord* order) except -1 nogil
    cdef int _tell_debt(self, const FillRecord* fill) except -1 nogil
    cdef void _take_in_open(self, Position* position, const FillRecord* fill) noexcept nogil
