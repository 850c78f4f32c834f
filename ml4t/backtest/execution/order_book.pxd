cimport cython
from libc.math cimport fabs
from libc.stddef cimport size_t
from libc.stdint cimport int8_t, int32_t, int64_t

from ml4t.backtest.core.buffer cimport RecordBuffer
from ml4t.backtest.core.build cimport CHECKED
from ml4t.backtest.core.guards cimport guard
from ml4t.backtest.core.settings cimport Settings
from ml4t.backtest.core.types cimport VALID_FOK, OrderRecord, TermsRecord
from ml4t.backtest.execution.event_log cimport EventLog
from ml4t.backtest.execution.price_heap cimport PriceHeap
from ml4t.backtest.execution.resting cimport RestingOrders
from ml4t.backtest.execution.schedule cimport Phase
from ml4t.backtest.execution.trailing cimport TrailingOrders
from ml4t.backtest.market.cursor cimport Cursor
from ml4t.backtest.portfolio.portfolio cimport Portfolio
from ml4t.backtest.portfolio.position cimport Position


# Orders in the order of submission.
cdef struct Lane:
    int64_t first                # order ids; 0: none
    int64_t last


# The waiting orders of one asset.
cdef struct Queue:
    Lane due                     # those that wait for a moment
    Lane resting                 # those that wait for a price
    double left                  # p and R of semantics section 3: what they leave of the position,
    double entering              # and what they enter
    double most                  # the largest in that sum: the position, or an order
    int32_t n_orders             # in both lanes
    int32_t n_due
    int32_t n_exits              # the reduce-only among them, but for
    int32_t n_children           # those that guard what is held
    int32_t place                # in the list of assets with waiting orders
    int8_t is_counted            # what is counted holds
    int8_t is_over               # they end the position


# Both lanes of a queue, in the order of submission.
cdef struct Lanes:
    int64_t due
    int64_t resting


@cython.final
cdef class OrderBook:
    cdef Cursor cursor
    cdef Portfolio portfolio
    cdef EventLog events
    cdef Settings settings
    cdef RecordBuffer orders         # every order ever made, by order id
    cdef RecordBuffer terms          # of orders that have some
    cdef RestingOrders resting
    cdef TrailingOrders trailing     # those of them whose price follows the market
    cdef int64_t n_waiting           # orders that wait for a moment
    cdef PriceHeap _expiring         # by the time they wait until, as near as a double tells
    cdef PriceHeap _undated          # day orders whose session has not begun
    cdef object _session_ends        # of a year, an int64 array; None before the first day order
    cdef int64_t n_left_alone        # targets that would have traded too little
    cdef Queue* _queue               # by asset
    cdef int32_t* _busy              # the assets with orders that wait for a moment, in no order
    cdef int32_t _n_busy
    cdef PriceHeap _ring             # what a fill cancels, without keys
    cdef int64_t* _due               # order ids of the last collect_due()
    cdef int64_t _due_capacity

    cdef inline OrderRecord* order(self, int64_t order_id) noexcept nogil:
        if CHECKED:
            guard(1 <= order_id <= self.orders.count, b"an order is asked for that is not there")
        return <OrderRecord*> (
            self.orders._bytes + <size_t> (order_id - 1) * sizeof(OrderRecord)
        )

    # None for an order without terms of its own.
    cdef inline TermsRecord* terms_of(self, const OrderRecord* order) noexcept nogil:
        if order.terms == 0:
            return NULL
        return <TermsRecord*> self.terms.at(order.terms - 1)

    # Its units are to be found at its fill.
    cdef inline bint has_no_units(self, const OrderRecord* order) noexcept nogil:
        return order.terms != 0 and self.terms_of(order).amount != 0.0

    cdef inline bint is_fill_or_kill(self, const OrderRecord* order) noexcept nogil:
        return order.terms != 0 and self.terms_of(order).time_in_force == VALID_FOK

    # Without a bracket's children, which only guard what is held, as levels do.
    cdef inline int32_t n_waiting_of(self, int32_t asset) noexcept nogil:
        return self._queue[asset].n_orders - self._queue[asset].n_children

    # Reduce-only orders among them.
    cdef inline int32_t n_exits_of(self, int32_t asset) noexcept nogil:
        return self._queue[asset].n_exits

    cdef int64_t accept(
        self, int32_t asset, double quantity, int32_t reason, bint reduce_only
    ) except -1 nogil
    cdef int64_t accept_with(
        self, int32_t asset, double quantity, int32_t reason, bint reduce_only, const TermsRecord* terms
    ) except -1 nogil
    cdef int64_t accept_exit(
        self, Position* position, int8_t exit_kind, int32_t rule, int32_t reason
    ) except -1 nogil
    cdef OrderRecord* make_exit(
        self, const Position* position, int8_t source, int8_t exit_kind, int32_t reason
    ) except NULL nogil
    cdef int64_t refuse(self, int32_t asset, double asked, int32_t reason) except -1 nogil
    cdef int64_t refuse_with(
        self, int32_t asset, double asked, int32_t reason, const TermsRecord* terms
    ) except -1 nogil
    cdef int _put_on(self, OrderRecord* order, const TermsRecord* terms) except -1 nogil
    cdef int cancel(self, int64_t order_id, int32_t reason) except -1 nogil
    cdef int end_immediate(self, int64_t order_id) except -1 nogil
    # A position has ended: what was still to reduce it has nothing left to do.
    cdef inline int cancel_exits(self, const Position* position) except -1 nogil:
        if self._queue[position.asset].n_exits + self._queue[position.asset].n_children == 0:
            return 0
        return self._cancel_exits(position)

    # A fill has left so much of the order.
    cdef inline void change_rest(self, OrderRecord* order, double rest) noexcept nogil:
        order.rest = rest
        self._queue[order.asset].is_counted = 0

    cdef int _end_waiting(
        self, int64_t order_id, int8_t status, int8_t event, int32_t reason
    ) except -1 nogil
    cdef int protect(
        self, int64_t parent_id, const Position* position, double units
    ) except -1 nogil
    cdef int64_t _accept_child(
        self, int64_t parent_id, const Position* position, double units, const TermsRecord* given,
        int8_t exit_kind, int32_t reason
    ) except -1 nogil
    # A fill of a bracket's child takes as much from the other; of any other order it cancels those of its ring.
    cdef inline int cut_siblings(self, const OrderRecord* order, double units) except -1 nogil:
        if not self._is_in_ring(order):
            return 0
        return self._cut_siblings(order, units) if order.is_child else self._cancel_ring(order)

    cdef inline bint _is_in_ring(self, const OrderRecord* order) noexcept nogil:
        return order.terms != 0 and self.terms_of(order).sibling != 0

    cdef int _join_ring(self, OrderRecord* order, int64_t other_id) except -1 nogil
    cdef int _cancel_ring(self, const OrderRecord* order) except -1 nogil
    cdef bint _is_another(self, const OrderRecord* order) noexcept nogil

    cdef int _cut_siblings(self, const OrderRecord* order, double units) except -1 nogil
    cdef void _leave_ring(self, const OrderRecord* order) noexcept nogil
    cdef int _cancel_exits(self, const Position* position) except -1 nogil
    cdef void complete(self, OrderRecord* order, int8_t status) noexcept nogil
    # What has expired by now is to be removed, or a session begins.
    cdef inline bint has_expiries(self) noexcept nogil:
        return self._undated.n > 0 or (
            self._expiring.n > 0 and self._expiring.at[0].key <= <double> self.cursor.now
        )

    # Some order that waits may change at any timestamp: it expires, or follows the market.
    cdef inline bint may_change(self) noexcept nogil:
        return self._undated.n > 0 or self._expiring.n > 0 or self.trailing.waiting.n > 0

    cdef int expire(self) except -1 nogil
    cdef int _begin_session(self) except -1 nogil
    cdef int64_t _end_of_session(self) except? -1 with gil
    cdef int modify(self, int64_t order_id, double quantity, double limit, double stop) except -1 nogil
    cdef int split(self, int32_t asset, double ratio) except -1 nogil
    cdef int go_ex_dividend(self, int32_t asset, double dividend) except -1 nogil
    cdef int64_t _next_of(self, Lanes* lanes) noexcept nogil
    cdef void _split_terms(self, const OrderRecord* order, double ratio) noexcept nogil
    cdef bint _fall(self, const OrderRecord* order, double dividend) noexcept nogil
    cdef void _lower_bracket(self, const OrderRecord* order, double dividend) noexcept nogil
    cdef double units_after(self, int32_t asset) noexcept nogil
    # Right after units_after(): the largest of what it has summed.
    cdef inline double most_counted(self, int32_t asset) noexcept nogil:
        if self.n_waiting_of(asset) == 0:
            return fabs(self.portfolio.positions.at[asset].quantity)
        return self._queue[asset].most

    cdef int tell_duplicate(self, int64_t order_id, double after) except -1 nogil
    cdef const int64_t* collect_due(self, Phase phase, int64_t* n_due) noexcept nogil
    cdef list waiting_ids(self, int32_t asset)
    cdef list _ids_of(self, int32_t asset)
    cdef OrderRecord* _new_order(
        self, int32_t asset, double quantity, int8_t source, int32_t reason
    ) except NULL nogil
    cdef int _wait(self, OrderRecord* order) except -1 nogil
    cdef int _wait_for_a_moment(self, Queue* queue, int32_t asset) except -1 nogil
    cdef void _join(self, Lane* lane, OrderRecord* order) noexcept nogil
    cdef void _part(self, Lane* lane, const OrderRecord* order) noexcept nogil
    cdef void _begin_count(self, Queue* queue, int32_t asset) noexcept nogil
    cdef void _count(self, Queue* queue, const OrderRecord* order) noexcept nogil
    cdef void _end(self, OrderRecord* order, int8_t status) noexcept nogil
    cdef void _leave(self, const OrderRecord* order) noexcept nogil
    cdef int _reserve_due(self) except -1 nogil
    cdef void _collect_of(self, int32_t asset, Phase phase, int64_t* n_due) noexcept nogil
    cdef int _check_queue(self, int32_t asset) except -1 nogil
    cdef int check_counts(self) except -1 nogil
