"""OrderBook: every order of one run, from its acceptance to its end."""

cimport cython
from libc.math cimport NAN, fabs, isnan
from libc.stdint cimport int8_t, int32_t, int64_t

from ml4t.backtest.core.buffer cimport RecordBuffer
from ml4t.backtest.core.build cimport CHECKED
from ml4t.backtest.core.settings cimport FILL_NEXT_CLOSE, FILL_NEXT_OPEN, TELL_FILLS, resolve_settings
from ml4t.backtest.core.types cimport (
    EVENT_CANCELLED, EVENT_DUPLICATE_EXIT, EVENT_EXPIRED, EVENT_MODIFIED, EVENT_REJECTED, EXIT_STOP_LOSS,
    EXIT_TAKE_PROFIT, LEDGER_ADJUSTED, ORDER_CANCELLED, ORDER_EXPIRED, ORDER_OPEN, ORDER_REJECTED, REASON_DIVIDEND, REASON_EXIT_PENDING,
    REASON_EXPIRED, REASON_FILL_OR_KILL, REASON_IMMEDIATE_OR_CANCEL, REASON_MODIFY, REASON_NO_POSITION,
    REASON_ONE_CANCELS_OTHER, REASON_POSITION_CLOSED, REASON_SPLIT, REASON_STOP_LOSS, REASON_TAKE_PROFIT, SOURCE_RULE,
    SOURCE_STRATEGY, TYPE_LIMIT, TYPE_MARKET_ON_CLOSE, TYPE_MARKET_ON_OPEN, TYPE_STOP, TYPE_STOP_LIMIT,
    TYPE_TRAILING_STOP, VALID_DAY, VALID_GTD, EventRecord, OrderRecord, TermsRecord,
)
from ml4t.backtest.execution.costs cimport limit_on_tick, whole_units
from ml4t.backtest.execution.event_log cimport EventLog
from ml4t.backtest.execution.expiries cimport Expiries
from ml4t.backtest.execution.ledger cimport Ledger
from ml4t.backtest.execution.order_terms cimport (
    awaited_price, no_terms, say_something, terms_at, waits_above, waits_for_a_price,
)
from ml4t.backtest.execution.queues cimport Lanes, OrderQueues
from ml4t.backtest.execution.resting cimport RestingOrders
from ml4t.backtest.execution.rings cimport Rings
from ml4t.backtest.execution.trailing cimport TrailingOrders
from ml4t.backtest.execution.targets cimport floored_target
from ml4t.backtest.market.cursor cimport Cursor
from ml4t.backtest.portfolio.portfolio cimport Portfolio
from ml4t.backtest.portfolio.position cimport Position, is_negligible, side_of

from functools import partial

from ml4t.backtest.core.records import LEDGER, ORDER, TERMS


@cython.final
cdef class OrderBook:
    """The orders of one run and their terms; those that wait stand in queues, heaps and rings.

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
        self.cursor = cursor
        self.portfolio = portfolio
        self.events = events
        self.settings = resolve_settings(config)
        self.orders = RecordBuffer(sizeof(OrderRecord))
        self.terms = RecordBuffer(sizeof(TermsRecord))
        self.rings = Rings(self.orders, self.terms)
        self.queues = OrderQueues(
            cursor, portfolio.positions, self.rings, self.settings.submission_order
        )
        self.resting = RestingOrders(self.orders, self.terms, cursor.data.n_assets)
        self.ledger = Ledger(cursor, events, self.orders, config)
        self.trailing = TrailingOrders(
            cursor, self.resting, self.settings.watermark_close, self.ledger
        )
        self.expiries = Expiries(cursor, self.orders, self.terms)

    def makers(self):
        """Return what makes the orders so far, the terms of those that have some, and the ledger."""
        return {
            "orders": partial(self.orders.to_array, ORDER),
            "terms": partial(self.terms.to_array, TERMS),
            "ledger": partial(self.ledger.buffer.to_array, LEDGER),
        }

    # ---- orders come in ----------------------------------------------------------------------

    # It was to cancel an order, or be cancelled by it, and that one has filled.
    cdef bint is_late(self, const TermsRecord* terms) noexcept nogil:
        return terms != NULL and terms.sibling != 0 and self.order(terms.sibling).filled_quantity != 0.0

    # Take an order of the strategy on these terms; their sibling is an order whose ring it is to join.
    cdef int64_t accept_with(
        self, int32_t asset, double quantity, int32_t reason, bint reduce_only, const TermsRecord* terms
    ) except -1 nogil:
        cdef const Position* position = &self.portfolio.positions.at[asset]
        cdef int64_t other_id = terms.sibling
        cdef OrderRecord* order
        if reduce_only and not quantity * position.quantity < 0.0:
            return self.refuse_with(asset, quantity, REASON_NO_POSITION, terms)
        if self.is_late(terms):
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
        self.expiries.wait(order, terms)
        return order.order_id

    # Take the exit of a whole position that a rule, or a limit of the portfolio, decided at this close.
    cdef int64_t accept_exit(
        self, Position* position, int8_t exit_kind, int32_t rule, int32_t reason, int8_t fill_at
    ) except -1 nogil:
        cdef OrderRecord* order = self.make_exit(
            position, -position.quantity, SOURCE_RULE, exit_kind, reason
        )
        order.rule = rule
        order.fill_at = fill_at
        position.exit_is_decided |= SOURCE_RULE
        self._wait(order)
        return order.order_id

    # An order that leaves a position, or a part of it; it does not wait.
    cdef OrderRecord* make_exit(
        self, const Position* position, double quantity, int8_t source, int8_t exit_kind, int32_t reason
    ) except NULL nogil:
        cdef OrderRecord* order = self._new_order(position.asset, quantity, source, reason)
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

    # ---- rings: orders of which one cancels the others -----------------------------------------

    cdef int _join_ring(self, OrderRecord* order, int64_t other_id) except -1 nogil:
        cdef OrderRecord* other = self.order(other_id)
        cdef TermsRecord none = no_terms()
        if other.terms == 0:
            self._put_on(other, &none)
        self.rings.join(order, other)
        return 0

    # The first fill of one cancels the others, by submission.
    cdef int _cancel_ring(self, const OrderRecord* order) except -1 nogil:
        cdef int32_t i
        self.rings.open_ring(order)
        for i in range(self.rings.others.n):
            self.cancel(self.rings.others.at[i].order_id, REASON_ONE_CANCELS_OTHER)
        return 0

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
            self.rings.join(self.order(target), self.order(stop))
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
        cdef Lanes lanes = self.queues.lanes_of(position.asset)
        cdef int64_t order_id = self.queues.next_of(&lanes)
        while order_id != 0:
            if self.order(order_id).position_id == position.position_id:
                self.cancel(order_id, REASON_POSITION_CLOSED)
            order_id = self.queues.next_of(&lanes)
        return 0

    # What has waited for longer than it may is gone, by submission.
    cdef int expire(self) except -1 nogil:
        cdef int32_t i
        self.expiries.collect()
        for i in range(self.expiries.over.n):
            self._end_waiting(
                self.expiries.over.at[i].order_id, ORDER_EXPIRED, EVENT_EXPIRED, REASON_EXPIRED
            )
        return 0

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

    # An order that waits against a position belongs to it from now on, for a limit of the portfolio.
    cdef int make_reduce_only(
        self, OrderRecord* order, const Position* position, int32_t reason, int32_t rule
    ) except -1 nogil:
        cdef EventRecord* event
        order.reduce_only = 1
        order.position_id = position.position_id
        self.queues.count_as_exit(order.asset)
        event = self.events.add(EVENT_MODIFIED, reason, order.asset, order.order_id, order.rest, order.rest)
        event.rule = rule
        return 0

    # A split multiplies what waits; under whole units an order left with nothing is cancelled.
    cdef int split(self, int32_t asset, double ratio) except -1 nogil:
        cdef Lanes lanes = self.queues.lanes_of(asset)
        cdef int64_t order_id = self.queues.next_of(&lanes)
        cdef OrderRecord* order
        cdef double before
        cdef double units
        while order_id != 0:
            order = self.order(order_id)
            before = order.rest
            units = before * ratio
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
                if self.settings.ledger != TELL_FILLS:
                    self.tell_adjusted(order, REASON_SPLIT, before)
            order_id = self.queues.next_of(&lanes)
        self.queues.count_anew(asset)
        self.resting.rekey(asset)
        if CHECKED:
            self.queues.check(asset)
        return 0

    # An action has changed what an order waits for: units, a price.
    cdef int tell_adjusted(
        self, const OrderRecord* order, int32_t reason, double before
    ) except -1 nogil:
        cdef double price = awaited_price(self.terms_of(order)) if order.rests else NAN
        return self.ledger.tell_order(
            LEDGER_ADJUSTED, order, reason, price, NAN, before, order.rest
        )

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
        cdef Lanes lanes = self.queues.lanes_of(asset)
        cdef int64_t order_id = self.queues.next_of(&lanes)
        cdef OrderRecord* order
        while order_id != 0:
            order = self.order(order_id)
            order.decision_close = order.decision_close - dividend
            if not self._fall(order, dividend):
                self.cancel(order_id, REASON_DIVIDEND)
            elif self.settings.ledger != TELL_FILLS and order.rests and (
                not waits_above(order, self.terms_of(order))
            ):
                self.tell_adjusted(order, REASON_DIVIDEND, order.rest)
            order_id = self.queues.next_of(&lanes)
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
