cimport cython
from libc.stdint cimport int8_t, int32_t, int64_t

from ml4t.backtest.core.build cimport CHECKED
from ml4t.backtest.core.settings cimport Settings
from ml4t.backtest.core.types cimport FillRecord, OrderRecord
from ml4t.backtest.execution.buying_power cimport Means
from ml4t.backtest.execution.costs cimport FillPrice
from ml4t.backtest.execution.cut_orders cimport TriggeredStops
from ml4t.backtest.execution.fills cimport Fills
from ml4t.backtest.execution.fine_bars cimport FineBars
from ml4t.backtest.execution.matching cimport Matching
from ml4t.backtest.execution.order_book cimport OrderBook
from ml4t.backtest.execution.participation cimport Participation
from ml4t.backtest.execution.price_heap cimport PriceHeap, WaitingAt
from ml4t.backtest.execution.resting cimport RestingOrders
from ml4t.backtest.market.cursor cimport Cursor
from ml4t.backtest.portfolio.account cimport Account
from ml4t.backtest.portfolio.armed_levels cimport LevelSource
from ml4t.backtest.portfolio.position cimport Position
from ml4t.backtest.portfolio.position_bar cimport touches
from ml4t.backtest.portfolio.positions cimport Positions


# Where the walk through one bar stands. Of a bar that is walked on its fine bars open to close are those of
# the fine bar of the moment, else its own.
cdef struct Walk:
    int32_t asset
    double bar_high              # of the bar itself
    double bar_low
    double open
    double high
    double low
    double close
    double point[5]              # the path: from each of them to the next
    int n_points
    int at                       # the leg that is walked now starts at this point
    bint rises                   # which way the path goes, or came to where it stands
    int8_t moment
    bint is_on_path              # else what an open meets is tried
    bint is_fine                 # on fine bars
    bint has_ended               # a position ended inside: nothing enters any more
    bint is_ambiguous            # reached on both sides of the open, or after an entry inside
    int8_t unseen                # of a position opened now: Unseen
    bint has_opened              # on fine bars, a position; the two are the prices since
    double seen_high
    double seen_low


@cython.final
cdef class InsideBar:
    cdef Cursor cursor
    cdef Account account
    cdef Positions positions
    cdef OrderBook book
    cdef RestingOrders resting
    cdef TriggeredStops triggered    # which the volume of the bar has cut
    cdef Participation participation
    cdef Matching matching
    cdef Fills fills
    cdef Settings settings
    cdef FineBars fine               # None: bars alone
    cdef Means _as_if                # what there would be if no exit of the step had happened

    # Step 3: armed levels and the orders that wait for a price, in asset order, against their bars.
    cdef inline int try_bars(self) except -1 nogil:
        if self.book.queues.n_resting > 0:
            return self._try_rows()
        if self.positions.n_open > 0:
            return self._try_levels()
        return 0

    # Levels alone: of every position held.
    cdef inline int _try_levels(self) except -1 nogil:
        cdef int32_t i
        cdef int64_t row
        cdef int64_t first = self.cursor.first
        cdef Position* position
        cdef Position* at = self.positions.at
        cdef const int64_t* row_of = self.cursor.row
        cdef const double* high = self.cursor.data.high_
        cdef const double* low = self.cursor.data.low_
        cdef const int32_t* open_asset
        cdef bint is_block = self.cursor.is_block()
        self.positions.settle()
        if CHECKED:
            self.positions.check_settled()
        open_asset = self.positions.open_asset
        # An exit ends a position that has been passed already; the list itself stays as it is.
        for i in range(self.positions.n_open):
            position = &at[open_asset[i]]
            row = first + open_asset[i] if is_block else row_of[open_asset[i]]
            if row >= first and touches(position, high[row], low[row]):
                self._hit(position, row)
        return 0

    cdef int try_bar(self, int32_t asset, int64_t row) except -1 nogil
    cdef int _try_rows(self) except -1 nogil
    cdef int _hit(self, Position* position, int64_t row) except -1 nogil
    cdef int _check_hit(self, const Position* position, int64_t row) except -1 nogil
    cdef bint _tries_levels(self, const Position* position) noexcept nogil
    cdef double _stop(self, const Position* position) noexcept nogil
    cdef double _target(self, const Position* position) noexcept nogil
    cdef double _level(self, const Position* position, bint above) noexcept nogil
    cdef void _stand_before(self, Walk* walk, int32_t asset, int64_t row) noexcept nogil
    cdef int _walk(self, Walk* walk) except -1 nogil
    cdef int _walk_on(self, Walk* walk) except -1 nogil
    cdef bint _is_to_be_opened(self, const Walk* walk) except -1 nogil
    cdef bint _opens(self, Walk* walk) except -1 nogil
    cdef int _tell_no_fine_bars(self, const Walk* walk) except -1 nogil
    cdef int _tell_difference(self, const Walk* walk, double asked, double given) except -1 nogil
    cdef int _walk_fine(self, Walk* walk) except -1 nogil
    cdef int _walk_fine_bar(self, Walk* walk) except -1 nogil
    cdef void _see_from_here(self, Walk* walk) noexcept nogil
    cdef void _take_in_seen(self, const Walk* walk) noexcept nogil
    cdef int _meet_open(self, Walk* walk) except -1 nogil
    cdef int _take_turn(self, Walk* walk, int64_t order_id, bint above) except -1 nogil
    cdef int _meet_levels(self, Walk* walk, double price) except -1 nogil
    cdef int _meet_level(self, Walk* walk, double price) except -1 nogil
    cdef void _choose_path(self, Walk* walk) noexcept nogil
    cdef bint _reaches(self, const Walk* walk, bint above) except -1 nogil
    cdef bint _reaches_beyond(self, const Walk* walk, bint above, double price) noexcept nogil
    cdef bint _reaches_level(self, const Walk* walk, bint above, double price) noexcept nogil
    cdef void _path_from(self, Walk* walk, double price) noexcept nogil
    cdef int _walk_path(self, Walk* walk) except -1 nogil
    cdef int64_t _next_on_leg(self, const Walk* walk, bint rises, double end, double* price) except -1 nogil
    cdef const WaitingAt* _nearest(self, const Walk* walk, bint above) except? NULL nogil
    cdef bint _may_fill(self, const Walk* walk, int64_t order_id, bint above) noexcept nogil
    cdef int _reach_level(self, Walk* walk, Position* position, double level, bint rises) except -1 nogil
    cdef int _meet_children(self, Walk* walk, double price, int64_t after) except -1 nogil
    cdef int8_t _choice_of_child(self, const Walk* walk, const OrderRecord* order) noexcept nogil
    cdef int8_t _choice(self, const Walk* walk, const Position* position, bint is_stop) noexcept nogil
    cdef int _reach(self, Walk* walk, OrderRecord* order, double price) except -1 nogil
    cdef int _at_the_close(self, Walk* walk) except -1 nogil
    cdef int _fill_last(self, Walk* walk, OrderRecord* order, double limit) except -1 nogil
    cdef bint _waits(self, const Walk* walk, const OrderRecord* order) noexcept nogil
    cdef bint _is_reached_still(self, const OrderRecord* order) noexcept nogil
    cdef int _fill(self, Walk* walk, OrderRecord* order, double base_price, bint slips) except -1 nogil
    cdef int _fill_both_parts(
        self, Walk* walk, OrderRecord* order, const FillPrice* price
    ) except -1 nogil
    cdef int _trigger(self, int64_t order_id) except -1 nogil
    cdef int _enter(self, Walk* walk, OrderRecord* order, const FillPrice* price) except -1 nogil
    cdef void _spend(self, const FillRecord* fill) noexcept nogil
    cdef int _exit_stop(
        self, Position* position, double price, int8_t moment, int8_t intrabar
    ) except -1 nogil
    cdef int _exit_target(
        self, Position* position, double price, int8_t moment, int8_t intrabar
    ) except -1 nogil
    cdef int _close_part(
        self, Position* position, double price, int8_t moment, int8_t intrabar
    ) except -1 nogil
    cdef int _fill_what_is_left(
        self, Position* position, OrderRecord* order, bint is_stop, const FillPrice* price, int8_t moment, int8_t intrabar
    ) except -1 nogil
    cdef int _exit_at_level(
        self, Position* position, double units, const LevelSource* source, double level, double base_price,
        bint is_stop, int8_t moment, int8_t intrabar
    ) except -1 nogil
