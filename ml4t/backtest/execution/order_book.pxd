cimport cython
from libc.math cimport NAN
from libc.stdint cimport INT64_MIN, int8_t, int32_t, int64_t

from ml4t.backtest.core.buffer cimport RecordBuffer
from ml4t.backtest.core.settings cimport Settings
from ml4t.backtest.core.types cimport (
    EXIT_OTHER, ORDER_OPEN, REASON_NO_POSITION, SOURCE_STRATEGY, VALID_FOK, OrderRecord, TermsRecord,
)
from ml4t.backtest.execution.event_log cimport EventLog
from ml4t.backtest.execution.expiries cimport Expiries
from ml4t.backtest.execution.ledger cimport Ledger
from ml4t.backtest.execution.order_records cimport order_at, terms_of
from ml4t.backtest.execution.queues cimport OrderQueues
from ml4t.backtest.execution.resting cimport RestingOrders
from ml4t.backtest.execution.rings cimport Rings
from ml4t.backtest.execution.trailing cimport TrailingOrders
from ml4t.backtest.market.cursor cimport Cursor
from ml4t.backtest.portfolio.portfolio cimport Portfolio
from ml4t.backtest.portfolio.position cimport Position


@cython.final
cdef class OrderBook:
    cdef Cursor cursor
    cdef Portfolio portfolio
    cdef EventLog events
    cdef Ledger ledger
    cdef Settings settings
    cdef RecordBuffer orders         # every order ever made, by order id
    cdef RecordBuffer terms          # of orders that have some
    cdef OrderQueues queues          # those that wait, by asset
    cdef RestingOrders resting       # those of them that wait for a price
    cdef TrailingOrders trailing     # those of these whose price follows the market
    cdef Rings rings                 # those of which one cancels the others
    cdef Expiries expiries           # those that wait for so long alone
    cdef int64_t n_left_alone        # targets that would have traded too little

    cdef inline OrderRecord* order(self, int64_t order_id) noexcept nogil:
        return order_at(self.orders, order_id)

    cdef inline TermsRecord* terms_of(self, const OrderRecord* order) noexcept nogil:
        return terms_of(self.terms, order)

    # Its units are to be found at its fill.
    cdef inline bint has_no_units(self, const OrderRecord* order) noexcept nogil:
        return order.terms != 0 and self.terms_of(order).amount != 0.0

    cdef inline bint is_fill_or_kill(self, const OrderRecord* order) noexcept nogil:
        return order.terms != 0 and self.terms_of(order).time_in_force == VALID_FOK

    cdef inline OrderRecord* _new_order(
        self, int32_t asset, double quantity, int8_t source, int32_t reason
    ) except NULL nogil:
        cdef OrderRecord* order = <OrderRecord*> self.orders.append_to_fill(sizeof(OrderRecord))
        cdef int64_t now = self.cursor.now
        order.order_id = self.orders.count
        order.timestamp = now
        # Before the first bar (on_start) nothing has been decided on.
        order.decision_time = now if self.cursor.t >= 0 else INT64_MIN
        order.decision_row = self.cursor.number_of(self.cursor.row[asset])
        order.ended = INT64_MIN
        order.position_id = 0
        order.quantity = quantity
        order.filled_quantity = 0.0
        order.rest = quantity
        order.decision_close = self.portfolio.account.decision_close(asset, self.cursor)
        order.notional = 0.0
        order.units = 0.0
        order.average_price = 0.0
        order.level = NAN
        order.target_units = NAN
        order.accepted = quantity
        order.place = self.events.place()
        order.asset = asset
        order.rule = -1
        order.reason = reason
        order.cause = reason
        order.terms = 0
        order.source = source
        order.reduce_only = 0
        order.status = ORDER_OPEN
        order.exit_kind = EXIT_OTHER
        order.fill_at = <int8_t> self.settings.fill_at
        order.rests = 0
        order.is_child = 0
        order.maker = 0
        order.part = 0
        order.before = 0
        order.after = 0
        order.waits = 0
        return order

    cdef inline int _wait(self, OrderRecord* order) except -1 nogil:
        if order.rests:
            self.resting.wait(order)
        self.cursor.fetch_next_row(order.asset)
        return self.queues.join(order)

    # Take an order of the strategy; returns its id.
    cdef inline int64_t accept(
        self, int32_t asset, double quantity, int32_t reason, bint reduce_only
    ) except -1 nogil:
        cdef const Position* position = &self.portfolio.positions.at[asset]
        cdef OrderRecord* order
        if reduce_only and not quantity * position.quantity < 0.0:
            return self.refuse(asset, quantity, REASON_NO_POSITION)
        order = self._new_order(asset, quantity, SOURCE_STRATEGY, reason)
        if reduce_only:
            order.reduce_only = 1
            order.position_id = position.position_id
        self._wait(order)
        return order.order_id

    cdef bint is_late(self, const TermsRecord* terms) noexcept nogil
    cdef int64_t accept_with(
        self, int32_t asset, double quantity, int32_t reason, bint reduce_only, const TermsRecord* terms
    ) except -1 nogil
    cdef int make_reduce_only(
        self, OrderRecord* order, const Position* position, int32_t reason, int32_t rule
    ) except -1 nogil
    cdef int64_t accept_exit(
        self, Position* position, int8_t exit_kind, int32_t rule, int32_t reason, int8_t fill_at
    ) except -1 nogil
    cdef OrderRecord* make_exit(
        self, const Position* position, double quantity, int8_t source, int8_t exit_kind, int32_t reason
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
        return self._cancel_exits(position) if self.queues.hold_exits_of(position.asset) else 0

    # A fill has left so much of the order.
    cdef inline void change_rest(self, OrderRecord* order, double rest) noexcept nogil:
        order.rest = rest
        self.queues.count_anew(order.asset)

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
        if not self.rings.holds(order):
            return 0
        return self._cut_siblings(order, units) if order.is_child else self._cancel_ring(order)

    cdef int _join_ring(self, OrderRecord* order, int64_t other_id) except -1 nogil
    cdef int _cancel_ring(self, const OrderRecord* order) except -1 nogil
    cdef int _cut_siblings(self, const OrderRecord* order, double units) except -1 nogil
    cdef int _cancel_exits(self, const Position* position) except -1 nogil
    # The order has come to its end. What waited waits no more.
    cdef inline void complete(self, OrderRecord* order, int8_t status) noexcept nogil:
        if order.waits:
            self.queues.leave(order)
            if self.rings.holds(order):
                self.rings.leave(order)
        self._end(order, status)

    cdef inline void _end(self, OrderRecord* order, int8_t status) noexcept nogil:
        order.status = status
        order.rest = 0.0
        order.ended = self.cursor.now

    # Some order that waits may change at any timestamp: it expires, or follows the market.
    cdef inline bint may_change(self) noexcept nogil:
        return self.expiries.any() or self.trailing.waiting.n > 0

    cdef int expire(self) except -1 nogil
    cdef int modify(self, int64_t order_id, double quantity, double limit, double stop) except -1 nogil
    cdef int split(self, int32_t asset, double ratio) except -1 nogil
    cdef int go_ex_dividend(self, int32_t asset, double dividend) except -1 nogil
    cdef int tell_adjusted(
        self, const OrderRecord* order, int32_t reason, double before
    ) except -1 nogil
    cdef void _split_terms(self, const OrderRecord* order, double ratio) noexcept nogil
    cdef bint _fall(self, const OrderRecord* order, double dividend) noexcept nogil
    cdef void _lower_bracket(self, const OrderRecord* order, double dividend) noexcept nogil
    cdef int tell_duplicate(self, int64_t order_id, double after) except -1 nogil
