"""OrderBook: where an order waits. A queue for each asset, so that nobody walks over what cannot fill."""

cimport cython
from libc.math cimport NAN, fabs, isnan
from libc.stdint cimport INT64_MAX, INT64_MIN, int8_t, int32_t, int64_t
from libc.stdlib cimport calloc, free, qsort, realloc

import numpy as np

from ml4t.backtest.core.buffer cimport RecordBuffer
from ml4t.backtest.core.build cimport CHECKED
from ml4t.backtest.core.settings cimport FILL_CLOSE, FILL_NEXT_CLOSE, FILL_NEXT_OPEN, resolve_settings
from ml4t.backtest.core.types cimport (
    EVENT_CANCELLED, EVENT_DUPLICATE_EXIT, EVENT_EXPIRED, EVENT_MODIFIED, EVENT_REJECTED, EXIT_OTHER, EXIT_STOP_LOSS,
    EXIT_TAKE_PROFIT, ORDER_CANCELLED, ORDER_EXPIRED, ORDER_OPEN, ORDER_REJECTED, REASON_DIVIDEND, REASON_EXIT_PENDING,
    REASON_EXPIRED, REASON_FILL_OR_KILL, REASON_IMMEDIATE_OR_CANCEL, REASON_MODIFY, REASON_NO_POSITION,
    REASON_ONE_CANCELS_OTHER, REASON_POSITION_CLOSED, REASON_SPLIT, REASON_STOP_LOSS, REASON_TAKE_PROFIT, SOURCE_RULE,
    SOURCE_STRATEGY, TYPE_LIMIT, TYPE_MARKET_ON_CLOSE, TYPE_MARKET_ON_OPEN, TYPE_STOP, TYPE_STOP_LIMIT,
    TYPE_TRAILING_STOP, VALID_DAY, VALID_GTD, OrderRecord, TermsRecord,
)
from ml4t.backtest.execution.costs cimport limit_on_tick, whole_units
from ml4t.backtest.execution.event_log cimport EventLog
from ml4t.backtest.execution.order_terms cimport no_terms, say_something, terms_at, waits_above, waits_for_a_price
from ml4t.backtest.execution.price_heap cimport append, pop, push, sort_by_order
from ml4t.backtest.execution.resting cimport RestingOrders
from ml4t.backtest.execution.schedule cimport Phase, fills_in
from ml4t.backtest.execution.trailing cimport TrailingOrders
from ml4t.backtest.execution.targets cimport floored_target, larger
from ml4t.backtest.market.cursor cimport Cursor
from ml4t.backtest.portfolio.portfolio cimport Portfolio
from ml4t.backtest.portfolio.position cimport Position, is_negligible, side_of

from ml4t.backtest.core.records import ORDER, TERMS
from ml4t.backtest.market.sessions import DAY, midnights, session_zone

# Of more orders of an asset, or assets, the guards would cost more than what they guard.
cdef int32_t GUARDED = 100


@cython.final
cdef class OrderBook:
    """Every order of one run, and those that wait.

    Parameters
    ----------
    cursor : Cursor
    portfolio : Portfolio
    events : EventLog
    config : BacktestConfig
    """

    def __cinit__(
        self, Cursor cursor not None, Portfolio portfolio not None, EventLog events not None, config
    ):
        cdef size_t size = <size_t> cursor.data.n_assets + 1
        self.cursor = cursor
        self.portfolio = portfolio
        self.events = events
        self.settings = resolve_settings(config)
        self.orders = RecordBuffer(sizeof(OrderRecord))
        self.terms = RecordBuffer(sizeof(TermsRecord))
        self.resting = RestingOrders(self.orders, self.terms, cursor.data.n_assets)
        self.trailing = TrailingOrders(cursor, self.resting, self.settings.watermark_close)
        self._queue = <Queue*> calloc(size, sizeof(Queue))
        self._busy = <int32_t*> calloc(size, sizeof(int32_t))
        if self._queue == NULL or self._busy == NULL:
            raise MemoryError(f"no memory for the orders of {cursor.data.n_assets} assets")

    def __dealloc__(self):
        free(self._queue)
        free(self._busy)
        free(self._due)
        free(self._expiring.at)
        free(self._undated.at)
        free(self._ring.at)

    def records(self):
        """Return the orders so far, and the terms of those that have some, as structured arrays."""
        return {"orders": self.orders.to_array(ORDER), "terms": self.terms.to_array(TERMS)}

    # ---- orders come in ----------------------------------------------------------------------

    # Take an order of the strategy; returns its id.
    cdef int64_t accept(
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

    # Take an order of the strategy on these terms; their sibling is an order whose ring it is to join.
    cdef int64_t accept_with(
        self, int32_t asset, double quantity, int32_t reason, bint reduce_only, const TermsRecord* terms
    ) except -1 nogil:
        cdef const Position* position = &self.portfolio.positions.at[asset]
        cdef int64_t other_id = terms.sibling
        cdef OrderRecord* order
        if reduce_only and not quantity * position.quantity < 0.0:
            return self.refuse_with(asset, quantity, REASON_NO_POSITION, terms)
        if other_id != 0 and self.order(other_id).filled_quantity != 0.0:
            return self.refuse_with(asset, quantity, REASON_ONE_CANCELS_OTHER, terms)
        order = self._new_order(asset, quantity, SOURCE_STRATEGY, reason)
        self._put_on(order, terms)
        if other_id != 0 and self.order(other_id).status == ORDER_OPEN:
            self._join_ring(order, other_id)
        if reduce_only:
            order.reduce_only = 1
            order.position_id = position.position_id
        self._wait(order)
        if terms.type == TYPE_TRAILING_STOP:
            self.trailing.follow(order.order_id)
        if terms.time_in_force == VALID_DAY:
            append(&self._undated, 0.0, order.order_id)
        elif terms.time_in_force == VALID_GTD:
            push(&self._expiring, <double> terms.valid_until, order.order_id)
        return order.order_id

    # Take the exit of a whole position that a rule decided at this close.
    cdef int64_t accept_exit(
        self, Position* position, int8_t exit_kind, int32_t rule, int32_t reason
    ) except -1 nogil:
        cdef OrderRecord* order = self.make_exit(position, SOURCE_RULE, exit_kind, reason)
        order.rule = rule
        order.fill_at = FILL_CLOSE if self.settings.exit_at_close else FILL_NEXT_OPEN
        position.exit_is_decided |= SOURCE_RULE
        self._wait(order)
        return order.order_id

    # An order that leaves a whole position; it does not wait.
    cdef OrderRecord* make_exit(
        self, const Position* position, int8_t source, int8_t exit_kind, int32_t reason
    ) except NULL nogil:
        cdef OrderRecord* order = self._new_order(
            position.asset, -position.quantity, source, reason
        )
        order.reduce_only = 1
        order.position_id = position.position_id
        order.exit_kind = exit_kind
        return order

    # Turn an order of the strategy down at once; it stands in the records with its reason.
    cdef int64_t refuse(self, int32_t asset, double asked, int32_t reason) except -1 nogil:
        cdef OrderRecord* order = self._new_order(asset, 0.0, SOURCE_STRATEGY, reason)
        self._end(order, ORDER_REJECTED)
        self.events.add(EVENT_REJECTED, reason, asset, order.order_id, asked, 0.0)
        return order.order_id

    cdef int64_t refuse_with(
        self, int32_t asset, double asked, int32_t reason, const TermsRecord* terms
    ) except -1 nogil:
        cdef int64_t order_id = self.refuse(asset, asked, reason)
        if say_something(terms):
            self._put_on(self.order(order_id), terms)
        return order_id

    cdef int _put_on(self, OrderRecord* order, const TermsRecord* terms) except -1 nogil:
        cdef TermsRecord* own = <TermsRecord*> self.terms.append()
        own[0] = terms[0]
        own.sibling = 0
        own.limit = limit_on_tick(&self.settings, order.quantity, own.limit)
        order.terms = <int32_t> self.terms.count
        order.rests = waits_for_a_price(terms)
        if terms.type == TYPE_MARKET_ON_OPEN:
            order.fill_at = FILL_NEXT_OPEN
        elif terms.type == TYPE_MARKET_ON_CLOSE:
            order.fill_at = FILL_NEXT_CLOSE
        order.maker = terms.type == TYPE_LIMIT or terms.type == TYPE_STOP_LIMIT
        return 0

    # ---- rings: orders of which one cancels the others -----------------------------------------

    cdef int _join_ring(self, OrderRecord* order, int64_t other_id) except -1 nogil:
        cdef OrderRecord* other = self.order(other_id)
        cdef TermsRecord none = no_terms()
        cdef TermsRecord* ring
        if other.terms == 0:
            self._put_on(other, &none)
        ring = self.terms_of(other)
        self.terms_of(order).sibling = other_id if ring.sibling == 0 else ring.sibling
        ring.sibling = order.order_id
        return 0

    # The first fill of one cancels the others, by submission.
    cdef int _cancel_ring(self, const OrderRecord* order) except -1 nogil:
        cdef TermsRecord* terms = self.terms_of(order)
        cdef int64_t next_id
        cdef int32_t i
        self._ring.n = 0
        while terms.sibling != 0:
            next_id = terms.sibling
            terms.sibling = 0
            if next_id != order.order_id:
                append(&self._ring, 0.0, next_id)
                terms = self.terms_of(self.order(next_id))
        sort_by_order(&self._ring)
        for i in range(self._ring.n):
            self.cancel(self._ring.at[i].order_id, REASON_ONE_CANCELS_OTHER)
        return 0

    # One that waits for the same asset stands in its ring and was submitted before it.
    cdef bint _is_another(self, const OrderRecord* order) noexcept nogil:
        cdef const OrderRecord* other = self.order(self.terms_of(order).sibling)
        while other.order_id != order.order_id:
            if other.asset == order.asset and other.order_id < order.order_id:
                return True
            other = self.order(self.terms_of(other).sibling)
        return False

    # ---- brackets: orders that guard what an order has entered, one cancels the other ---------

    # Of the units that an order has entered its children are made, the stop first. Whoever holds a pointer
    # to an order has to fetch it anew.
    cdef int protect(
        self, int64_t parent_id, const Position* position, double units
    ) except -1 nogil:
        cdef TermsRecord terms = self.terms_of(self.order(parent_id))[0]
        cdef TermsRecord given
        cdef int64_t stop = 0
        cdef int64_t target = 0
        if not isnan(terms.stop_loss):
            given = terms_at(TYPE_STOP, terms.stop_loss)
            stop = self._accept_child(
                parent_id, position, units, &given, EXIT_STOP_LOSS, REASON_STOP_LOSS
            )
        if not isnan(terms.take_profit):
            given = terms_at(TYPE_LIMIT, terms.take_profit)
            target = self._accept_child(
                parent_id, position, units, &given, EXIT_TAKE_PROFIT, REASON_TAKE_PROFIT
            )
        if stop != 0 and target != 0:
            self.terms_of(self.order(stop)).sibling = target
            self.terms_of(self.order(target)).sibling = stop
        return 0

    # Decided when its parent was.
    cdef int64_t _accept_child(
        self, int64_t parent_id, const Position* position, double units, const TermsRecord* given,
        int8_t exit_kind, int32_t reason
    ) except -1 nogil:
        cdef OrderRecord* child = self._new_order(
            position.asset, -side_of(position.quantity) * units, SOURCE_STRATEGY, reason
        )
        cdef const OrderRecord* parent = self.order(parent_id)
        child.decision_row = parent.decision_row
        child.decision_time = parent.decision_time
        child.decision_close = parent.decision_close
        child.reduce_only = 1
        child.is_child = 1
        child.position_id = position.position_id
        child.exit_kind = exit_kind
        self._put_on(child, given)
        self.terms_of(child).parent = parent_id
        self._wait(child)
        return child.order_id

    cdef int _cut_siblings(self, const OrderRecord* order, double units) except -1 nogil:
        cdef int64_t next_id = self.terms_of(order).sibling
        cdef OrderRecord* other
        cdef double left
        cdef double before
        while next_id != 0 and next_id != order.order_id:
            other = self.order(next_id)
            next_id = self.terms_of(other).sibling
            before = other.rest
            left = fabs(before) - units
            if left <= 1e-12 * units:
                self.cancel(other.order_id, REASON_ONE_CANCELS_OTHER)
            else:
                self.change_rest(other, side_of(before) * left)
                other.quantity = other.filled_quantity + other.rest
                self.events.add(
                    EVENT_MODIFIED, REASON_ONE_CANCELS_OTHER, other.asset, other.order_id, before, other.rest
                )
        return 0

    # An order that has ended is cancelled by no other.
    cdef void _leave_ring(self, const OrderRecord* order) noexcept nogil:
        cdef TermsRecord* terms = self.terms_of(order)
        cdef TermsRecord* before
        cdef int64_t before_id
        if terms == NULL or terms.sibling == 0:
            return
        before_id = terms.sibling
        before = self.terms_of(self.order(before_id))
        while before.sibling != order.order_id:
            before_id = before.sibling
            before = self.terms_of(self.order(before_id))
        before.sibling = 0 if terms.sibling == before_id else terms.sibling
        terms.sibling = 0

    # ---- orders leave ------------------------------------------------------------------------

    # Cancel an order that waits. Whoever is filling orders meanwhile finds it marked and passes it over.
    cdef int cancel(self, int64_t order_id, int32_t reason) except -1 nogil:
        cdef const OrderRecord* order = self.order(order_id)
        cdef Position* position = &self.portfolio.positions.at[order.asset]
        if order.source != SOURCE_STRATEGY and position.position_id == order.position_id:
            position.exit_is_decided &= ~order.source
        return self._end_waiting(order_id, ORDER_CANCELLED, EVENT_CANCELLED, reason)

    # An order that is tried once has had its turn: what it has left is cancelled.
    cdef int end_immediate(self, int64_t order_id) except -1 nogil:
        if self.is_fill_or_kill(self.order(order_id)):
            return self.cancel(order_id, REASON_FILL_OR_KILL)
        return self.cancel(order_id, REASON_IMMEDIATE_OR_CANCEL)

    cdef int _end_waiting(
        self, int64_t order_id, int8_t status, int8_t event, int32_t reason
    ) except -1 nogil:
        cdef OrderRecord* order = self.order(order_id)
        self.complete(order, status)
        order.reason = reason
        self.events.add(event, reason, order.asset, order_id, order.quantity, order.filled_quantity)
        return 0

    cdef int _cancel_exits(self, const Position* position) except -1 nogil:
        cdef Lanes lanes = _lanes_of(&self._queue[position.asset])
        cdef int64_t order_id = self._next_of(&lanes)
        while order_id != 0:
            if self.order(order_id).position_id == position.position_id:
                self.cancel(order_id, REASON_POSITION_CLOSED)
            order_id = self._next_of(&lanes)
        return 0

    # A session begins at its first timestamp; what has waited for longer than it may is gone, by submission.
    cdef int expire(self) except -1 nogil:
        cdef int32_t n_early = 0
        cdef int32_t i
        cdef int64_t order_id
        cdef const OrderRecord* order
        self._begin_session()
        while self._expiring.n > 0 and self._expiring.at[0].key <= <double> self.cursor.now:
            order_id = self._expiring.at[0].order_id
            pop(&self._expiring)
            append(&self._undated, 0.0, order_id)
        sort_by_order(&self._undated)
        for i in range(self._undated.n):
            order = self.order(self._undated.at[i].order_id)
            if order.status != ORDER_OPEN:
                continue
            if self.terms_of(order).valid_until < self.cursor.now:
                self._end_waiting(order.order_id, ORDER_EXPIRED, EVENT_EXPIRED, REASON_EXPIRED)
            else:
                push(&self._expiring, <double> self.terms_of(order).valid_until, order.order_id)
        self._undated.n = 0
        return 0

    # Day orders accepted since the last timestamp wait until the end of its session.
    cdef int _begin_session(self) except -1 nogil:
        cdef int32_t i
        cdef const OrderRecord* order
        cdef int64_t end
        if self._undated.n == 0:
            return 0
        end = self._end_of_session()
        for i in range(self._undated.n):
            order = self.order(self._undated.at[i].order_id)
            if order.status == ORDER_OPEN:
                self.terms_of(order).valid_until = end
        return 0

    # The end of the session of now; those of a year are found at a time.
    cdef int64_t _end_of_session(self) except? -1 with gil:
        now = self.cursor.now
        ends = self._session_ends
        if ends is None or ends[len(ends) - 1] < now:
            last = min(now + 366 * DAY, INT64_MAX)
            ends = self._session_ends = midnights(now, last, session_zone(self.cursor.data.info or {}))
        return ends[np.searchsorted(ends, now)]

    # Change an order that waits: other units on its side, other prices where it has some; NaN leaves alone.
    cdef int modify(self, int64_t order_id, double quantity, double limit, double stop) except -1 nogil:
        cdef OrderRecord* order = self.order(order_id)
        cdef TermsRecord* terms = self.terms_of(order)
        cdef double before = order.rest
        if not isnan(quantity):
            order.quantity = order.filled_quantity + quantity
            self.change_rest(order, quantity)
        if terms != NULL:
            terms.amount = terms.amount if isnan(quantity) else 0.0
            terms.limit = terms.limit if isnan(limit) else limit_on_tick(&self.settings, order.quantity, limit)
            terms.stop = terms.stop if isnan(stop) else stop
        if order.rests:
            self.resting.wait(order)
        self.events.add(EVENT_MODIFIED, REASON_MODIFY, order.asset, order_id, before, order.rest)
        return 0

    # The order has come to its end. What waited, of the strategy or a rule, waits no more.
    cdef void complete(self, OrderRecord* order, int8_t status) noexcept nogil:
        if order.waits:
            order.waits = 0
            self._leave(order)
            self._leave_ring(order)
        self._end(order, status)

    cdef inline void _end(self, OrderRecord* order, int8_t status) noexcept nogil:
        order.status = status
        order.rest = 0.0
        order.ended = self.cursor.now

    # A split multiplies what waits; under whole units an order left with nothing is cancelled.
    cdef int split(self, int32_t asset, double ratio) except -1 nogil:
        cdef Lanes lanes = _lanes_of(&self._queue[asset])
        cdef int64_t order_id = self._next_of(&lanes)
        cdef OrderRecord* order
        cdef double units
        while order_id != 0:
            order = self.order(order_id)
            units = order.rest * ratio
            order.target_units = order.target_units * ratio
            if self.settings.whole_units:
                units = side_of(units) * whole_units(fabs(units))
                order.target_units = floored_target(order.target_units)
            if units == 0.0:
                self.cancel(order_id, REASON_SPLIT)
            else:
                order.quantity = order.filled_quantity + units
                order.rest = units
                order.decision_close = order.decision_close / ratio
                self._split_terms(order, ratio)
            order_id = self._next_of(&lanes)
        self._queue[asset].is_counted = 0
        self.resting.rekey(asset)
        if CHECKED and self._queue[asset].n_orders < GUARDED:
            self._check_queue(asset)
        return 0

    cdef void _split_terms(self, const OrderRecord* order, double ratio) noexcept nogil:
        cdef TermsRecord* terms = self.terms_of(order)
        if terms != NULL:
            terms.limit = terms.limit / ratio
            terms.stop = terms.stop / ratio
            terms.stop_loss = terms.stop_loss / ratio
            terms.take_profit = terms.take_profit / ratio
            terms.water = terms.water / ratio
            terms.trail = terms.trail / ratio

    # On the ex-date what lies below the market falls by the dividend, and what was decided was decided at a close
    # with it. An order that falls to nothing is cancelled.
    cdef int go_ex_dividend(self, int32_t asset, double dividend) except -1 nogil:
        cdef Lanes lanes = _lanes_of(&self._queue[asset])
        cdef int64_t order_id = self._next_of(&lanes)
        cdef OrderRecord* order
        while order_id != 0:
            order = self.order(order_id)
            order.decision_close = order.decision_close - dividend
            if not self._fall(order, dividend):
                self.cancel(order_id, REASON_DIVIDEND)
            order_id = self._next_of(&lanes)
        return self.resting.rekey(asset)

    # What waits below, a buy limit or a sell stop: both its prices. Returns whether they are still prices.
    cdef bint _fall(self, const OrderRecord* order, double dividend) noexcept nogil:
        cdef TermsRecord* terms = self.terms_of(order)
        cdef bint is_signed = self.cursor.data.is_signed[order.asset]
        if terms == NULL:
            return True
        self._lower_bracket(order, dividend)
        if not order.rests or waits_above(order, terms):
            return True
        terms.limit = terms.limit - dividend
        terms.stop = terms.stop - dividend
        terms.water = terms.water - dividend
        return is_signed or not (terms.limit <= 0.0 or terms.stop <= 0.0)

    # What the children of the order are to wait for below the market; what falls to nothing is gone.
    cdef void _lower_bracket(self, const OrderRecord* order, double dividend) noexcept nogil:
        cdef TermsRecord* terms = self.terms_of(order)
        cdef double* below = &terms.stop_loss if order.quantity > 0.0 else &terms.take_profit
        below[0] = below[0] - dividend
        if below[0] <= 0.0 and not self.cursor.data.is_signed[order.asset]:
            below[0] = NAN

    # ---- what waits --------------------------------------------------------------------------

    # The next of both lanes, by submission; 0 at the end. Asked for before the one it follows leaves.
    cdef inline int64_t _next_of(self, Lanes* lanes) noexcept nogil:
        cdef int64_t order_id
        if lanes.resting == 0 or (lanes.due != 0 and lanes.due < lanes.resting):
            order_id = lanes.due
            if order_id != 0:
                lanes.due = self.order(order_id).after
        else:
            order_id = lanes.resting
            lanes.resting = self.order(order_id).after
        return order_id

    # What the position of the asset is after all that waits for it (semantics section 3, after orders).
    cdef double units_after(self, int32_t asset) noexcept nogil:
        cdef Queue* queue = &self._queue[asset]
        cdef Lanes lanes
        cdef int64_t order_id
        if queue.n_orders == queue.n_children:
            return self.portfolio.positions.at[asset].quantity
        if not queue.is_counted:
            self._begin_count(queue, asset)
            lanes = _lanes_of(queue)
            order_id = self._next_of(&lanes)
            while order_id != 0:
                self._count(queue, self.order(order_id))
                order_id = self._next_of(&lanes)
        return queue.left + queue.entering

    # Of a plain order just accepted, with what was left after the orders before it: say so if it asks for
    # units that a reduce-only order takes already.
    cdef int tell_duplicate(self, int64_t order_id, double after) except -1 nogil:
        cdef const OrderRecord* order = self.order(order_id)
        cdef double held = self.portfolio.positions.at[order.asset].quantity
        cdef double free = side_of(held) * after
        cdef double asked = fabs(order.rest)
        if not order.rest * held < 0.0:
            return 0
        if asked > fabs(held):
            asked = fabs(held)
        if free < 0.0:
            free = 0.0
        if free >= asked or is_negligible(asked - free, asked):
            return 0
        self.events.add(
            EVENT_DUPLICATE_EXIT, REASON_EXIT_PENDING, order.asset, order_id, order.quantity,
            side_of(order.rest) * free,
        )
        return 0

    # The orders that fill in this phase, in the order of submission. Their assets have a row now.
    cdef const int64_t* collect_due(self, Phase phase, int64_t* n_due) noexcept nogil:
        cdef int64_t i
        cdef int64_t row
        n_due[0] = 0
        if self._n_busy == 1:
            # Most often a single asset has orders: they stand in order already.
            if self.cursor.has_row(self._busy[0]):
                self._collect_of(self._busy[0], phase, n_due)
            return self._due
        if self._n_busy <= self.cursor.last - self.cursor.first:
            for i in range(self._n_busy):
                if self.cursor.has_row(self._busy[i]):
                    self._collect_of(self._busy[i], phase, n_due)
        else:
            for row in range(self.cursor.first, self.cursor.last):
                if self._queue[self.cursor.data.asset[row]].n_due > 0:
                    self._collect_of(self.cursor.data.asset[row], phase, n_due)
        if not _ascends(self._due, n_due[0]):
            qsort(self._due, <size_t> n_due[0], sizeof(int64_t), _by_number)
        return self._due

    # Ids of the waiting orders of an asset, or of all (-1), in the order of submission.
    cdef list waiting_ids(self, int32_t asset):
        cdef int32_t i
        if asset >= 0:
            return self._ids_of(asset)
        ids = []
        if self.resting.n > 0:
            for asset in range(self.cursor.data.n_assets):
                ids += self._ids_of(asset)
        else:
            for i in range(self._n_busy):
                ids += self._ids_of(self._busy[i])
        ids.sort()
        return ids

    cdef list _ids_of(self, int32_t asset):
        cdef Lanes lanes = _lanes_of(&self._queue[asset])
        cdef int64_t order_id = self._next_of(&lanes)
        ids = []
        while order_id != 0:
            ids.append(order_id)
            order_id = self._next_of(&lanes)
        return ids

    # ---- inside ------------------------------------------------------------------------------

    cdef inline OrderRecord* _new_order(
        self, int32_t asset, double quantity, int8_t source, int32_t reason
    ) except NULL nogil:
        cdef OrderRecord* order = <OrderRecord*> self.orders.append()
        order.order_id = self.orders.count
        order.timestamp = self.cursor.now
        order.decision_row = self.cursor.number_of(self.cursor.row[asset])
        # Before the first bar (on_start) nothing has been decided on.
        order.decision_time = self.cursor.now if self.cursor.t >= 0 else INT64_MIN
        order.ended = INT64_MIN
        order.target_units = NAN
        order.quantity = quantity
        order.rest = quantity
        order.decision_close = self.portfolio.account.decision_close(asset, self.cursor)
        order.level = NAN
        order.asset = asset
        order.rule = -1
        order.reason = reason
        order.source = source
        order.status = ORDER_OPEN
        order.exit_kind = EXIT_OTHER
        order.fill_at = self.settings.fill_at
        return order

    # The order joins the end of its asset's queue.
    cdef inline int _wait(self, OrderRecord* order) except -1 nogil:
        cdef Queue* queue = &self._queue[order.asset]
        if order.rests:
            self.resting.wait(order)
            self.resting.n += 1
            self._join(&queue.resting, order)
        else:
            self._wait_for_a_moment(queue, order.asset)
            self._join(&queue.due, order)
        order.waits = 1
        if queue.n_orders == 0:
            self._begin_count(queue, order.asset)
        # One more at the end of the count: as if it had been counted anew.
        if queue.is_counted:
            self._count(queue, order)
        queue.n_orders += 1
        queue.n_exits += order.reduce_only != order.is_child
        queue.n_children += order.is_child
        if CHECKED and queue.n_orders < GUARDED:
            self._check_queue(order.asset)
        return 0

    # One more of the asset's orders does.
    cdef inline int _wait_for_a_moment(self, Queue* queue, int32_t asset) except -1 nogil:
        if self.n_waiting >= self._due_capacity:
            self._reserve_due()
        if queue.n_due == 0:
            queue.place = self._n_busy
            self._busy[self._n_busy] = asset
            self._n_busy += 1
        queue.n_due += 1
        self.n_waiting += 1
        return 0

    cdef inline void _join(self, Lane* lane, OrderRecord* order) noexcept nogil:
        order.before = lane.last
        if lane.last == 0:
            lane.first = order.order_id
        else:
            self.order(lane.last).after = order.order_id
        lane.last = order.order_id

    # Nothing has been counted: all of the position is left.
    cdef inline void _begin_count(self, Queue* queue, int32_t asset) noexcept nogil:
        queue.left = self.portfolio.positions.at[asset].quantity
        queue.entering = 0.0
        queue.most = fabs(queue.left)
        queue.is_over = 0
        queue.is_counted = 1

    # One more order fills: its part against what is left of the position, then what enters.
    cdef inline void _count(self, Queue* queue, const OrderRecord* order) noexcept nogil:
        cdef double rest = order.rest
        cdef double left = fabs(queue.left)
        cdef double taken
        if order.is_child or (self._is_in_ring(order) and self._is_another(order)):
            return
        queue.most = larger(queue.most, fabs(rest))
        if queue.left * rest < 0.0 and not (order.reduce_only and queue.is_over):
            taken = fabs(rest) if fabs(rest) < left else left
            queue.left += side_of(rest) * taken
            if is_negligible(left - taken, taken):
                queue.left = 0.0
                queue.is_over = 1
            rest = 0.0 if is_negligible(fabs(rest) - taken, taken) else rest - side_of(rest) * taken
        if order.reduce_only:
            return
        if self.settings.submission_order:
            queue.left += rest
        else:
            queue.entering += rest

    cdef inline void _leave(self, const OrderRecord* order) noexcept nogil:
        cdef Queue* queue = &self._queue[order.asset]
        queue.is_counted = 0
        queue.n_orders -= 1
        queue.n_exits -= order.reduce_only != order.is_child
        queue.n_children -= order.is_child
        if order.rests:
            self.resting.n -= 1
            self._part(&queue.resting, order)
            return
        self._part(&queue.due, order)
        self.n_waiting -= 1
        queue.n_due -= 1
        if queue.n_due == 0:
            self._n_busy -= 1
            if queue.place != self._n_busy:
                self._busy[queue.place] = self._busy[self._n_busy]
                self._queue[self._busy[queue.place]].place = queue.place

    cdef inline void _part(self, Lane* lane, const OrderRecord* order) noexcept nogil:
        if order.before == 0:
            lane.first = order.after
        else:
            self.order(order.before).after = order.after
        if order.after == 0:
            lane.last = order.before
        else:
            self.order(order.after).before = order.before

    # Room for the ids of all that may be due.
    cdef int _reserve_due(self) except -1 nogil:
        cdef int64_t capacity = 64 + 2 * self.n_waiting
        cdef void* moved = realloc(self._due, <size_t> capacity * sizeof(int64_t))
        if moved == NULL:
            return _out_of_memory(capacity)
        self._due = <int64_t*> moved
        self._due_capacity = capacity
        return 0

    cdef inline void _collect_of(self, int32_t asset, Phase phase, int64_t* n_due) noexcept nogil:
        cdef int64_t order_id = self._queue[asset].due.first
        cdef int64_t n = n_due[0]
        cdef int64_t now = self.cursor.now
        cdef const OrderRecord* order
        while order_id != 0:
            order = self.order(order_id)
            if fills_in(order, phase, now):
                self._due[n] = order_id
                n += 1
            order_id = order.after
        n_due[0] = n

    # Guard: the queue holds its asset's waiting orders, as many as it says, in the order of their ids, and
    # what they leave where it says so.
    cdef int _check_queue(self, int32_t asset) except -1 nogil:
        cdef int64_t before = 0
        cdef Lanes lanes = _lanes_of(&self._queue[asset])
        cdef int64_t order_id = self._next_of(&lanes)
        cdef int32_t n = 0
        cdef int32_t n_exits = 0
        cdef Queue counted
        self._begin_count(&counted, asset)
        while order_id != 0:
            if not (before < order_id <= self.orders.count):
                return _broken_queue(asset, order_id)
            if self.order(order_id).asset != asset or self.order(order_id).status != ORDER_OPEN:
                return _broken_queue(asset, order_id)
            n += 1
            n_exits += self.order(order_id).reduce_only != self.order(order_id).is_child
            self._count(&counted, self.order(order_id))
            before = order_id
            order_id = self._next_of(&lanes)
        if n != self._queue[asset].n_orders:
            return _broken_queue(asset, before)
        if n_exits != self._queue[asset].n_exits:
            return _broken_queue(asset, before)
        if self._queue[asset].is_counted and (
            self._queue[asset].left != counted.left or self._queue[asset].entering != counted.entering
        ):
            return _broken_queue(asset, before)
        return 0

    # Guard: what waits is what the queues of the busy assets hold, and these know their places.
    cdef int check_counts(self) except -1 nogil:
        cdef int64_t n_waiting = 0
        cdef int32_t i
        if self._n_busy >= GUARDED:
            return 0
        for i in range(self._n_busy):
            if self._queue[self._busy[i]].place != i or self._queue[self._busy[i]].n_due == 0:
                return _broken_queue(self._busy[i], 0)
            n_waiting += self._queue[self._busy[i]].n_due
            if self._queue[self._busy[i]].n_orders < GUARDED:
                self._check_queue(self._busy[i])
        return 0 if n_waiting == self.n_waiting else _broken_queue(-1, n_waiting)


cdef inline Lanes _lanes_of(const Queue* queue) noexcept nogil:
    cdef Lanes lanes
    lanes.due = queue.due.first
    lanes.resting = queue.resting.first
    return lanes


cdef int _broken_queue(int32_t asset, int64_t order_id) except -1 with gil:
    raise AssertionError(f"the queue of asset {asset} is broken at order {order_id}")


cdef int _out_of_memory(int64_t orders) except -1 with gil:
    raise MemoryError(f"no memory for {orders} orders")


cdef inline bint _ascends(const int64_t* numbers, int64_t n) noexcept nogil:
    cdef int64_t i
    for i in range(1, n):
        if numbers[i - 1] > numbers[i]:
            return False
    return True


cdef int _by_number(const void* a, const void* b) noexcept nogil:
    cdef int64_t one = (<const int64_t*> a)[0]
    cdef int64_t other = (<const int64_t*> b)[0]
    return (one > other) - (one < other)
