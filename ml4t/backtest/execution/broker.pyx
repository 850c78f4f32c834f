"""Broker: accepts orders, fills them as the market would have, and books what they cost."""

cimport cython
from libc.math cimport NAN, fabs, floor
from libc.stdint cimport INT64_MIN, int8_t, int32_t, int64_t
from libc.stdlib cimport calloc, free, realloc

from ml4t.backtest.core.buffer cimport RecordBuffer
from ml4t.backtest.core.settings cimport (
    FILL_NEXT_OPEN, INSUFFICIENT_ALLOW, INSUFFICIENT_REJECT, resolve_settings,
)
from ml4t.backtest.core.types cimport (
    EVENT_CANCELLED, EVENT_REJECTED, EVENT_SCALED, EXIT_NONE, EXIT_OTHER, MOMENT_CLOSE, MOMENT_OPEN,
    ORDER_CANCELLED, ORDER_FILLED, ORDER_OPEN, ORDER_REJECTED, REASON_CASH_IN_LIEU,
    REASON_INSUFFICIENT_CASH, REASON_INSUFFICIENT_MARGIN, REASON_POSITION_CLOSED,
    REASON_SHORT_IN_CASH_ACCOUNT, SOURCE_ENGINE, SOURCE_LEVEL, SOURCE_RULE, SOURCE_STRATEGY,
    EventRecord, FillRecord, OrderRecord,
)
from ml4t.backtest.market.cursor cimport Cursor
from ml4t.backtest.execution.costs cimport fill_commission, slipped
from ml4t.backtest.execution.listener cimport FillListener
from ml4t.backtest.portfolio.portfolio cimport Portfolio
from ml4t.backtest.portfolio.position cimport Position, better, is_negligible, side_of, worse

from ml4t.backtest.core.records import EVENT, FILL, ORDER

# Semantics section 3: halvings of the search for the units that can be paid.
cdef int SEARCH_STEPS = 64


cdef int _out_of_memory(int64_t orders) except -1 with gil:
    raise MemoryError(f"no memory for {orders} waiting orders")


cdef int _impossible_fill(double price, double low, double high) except -1 with gil:
    raise AssertionError(f"a fill at {price} lies outside its bar {low}..{high} and no switch asked for it")


@cython.final
cdef class Broker:
    """Orders, fills and events of one run.

    Parameters
    ----------
    cursor : Cursor
    portfolio : Portfolio
    config : BacktestConfig
    """

    def __cinit__(self, Cursor cursor not None, Portfolio portfolio not None, config):
        self.cursor = cursor
        self.portfolio = portfolio
        self.settings = resolve_settings(config)
        self.listener = FillListener()
        self.orders = RecordBuffer(sizeof(OrderRecord))
        self.fills = RecordBuffer(sizeof(FillRecord))
        self.events = RecordBuffer(sizeof(EventRecord))
        self.waiting = NULL
        self.n_waiting = 0
        self.waiting_capacity = 0
        self.waiting_of = <int32_t*> calloc(<size_t> cursor.data.n_assets + 1, sizeof(int32_t))
        if self.waiting_of == NULL:
            raise MemoryError(f"no memory for {cursor.data.n_assets} assets")

    def __dealloc__(self):
        free(self.waiting)
        free(self.waiting_of)

    @property
    def n_waiting_orders(self):
        """Orders accepted and not yet filled, cancelled or rejected."""
        return self.n_waiting

    def records(self):
        """Return orders, fills and events so far as structured arrays, by name."""
        return {
            "orders": self.orders.to_array(ORDER),
            "fills": self.fills.to_array(FILL),
            "events": self.events.to_array(EVENT),
        }

    def counts(self):
        """Return the counters of ambiguous bars and of invariants, by name."""
        return {
            "ambiguous_bars": self.counters.ambiguous_bars,
            "price_outside_bar": self.counters.price_outside_bar,
            "stop_better_than_possible": self.counters.stop_better_than_possible,
            "fill_not_later_than_decision": self.counters.fill_not_later_than_decision,
        }

    cdef OrderRecord* order(self, int64_t order_id) noexcept nogil:
        return <OrderRecord*> self.orders.at(order_id - 1)

    # ---- acceptance --------------------------------------------------------------------------

    # Take an order of the strategy; returns its id.
    cdef int64_t accept(
        self, int32_t asset, double quantity, int32_t reason, bint reduce_only
    ) except -1 nogil:
        cdef OrderRecord* order = self._new_order(asset, quantity, SOURCE_STRATEGY, reason)
        cdef Position* position = &self.portfolio.position[asset]
        if reduce_only:
            order.reduce_only = 1
            order.position_id = position.position_id
            position.waiting_exits += 1
        self._wait(order)
        return order.order_id

    # Take the exit of a whole position that a rule decided at this close.
    cdef int64_t accept_exit(
        self, int32_t asset, int8_t exit_kind, int32_t rule, int32_t reason, double level
    ) except -1 nogil:
        cdef Position* position = &self.portfolio.position[asset]
        cdef OrderRecord* order = self._new_order(asset, -position.quantity, SOURCE_RULE, reason)
        order.reduce_only = 1
        order.position_id = position.position_id
        order.exit_kind = exit_kind
        order.rule = rule
        order.level = level
        order.at_open = not self.settings.exit_at_close
        position.waiting_exits += 1
        position.exit_is_decided = 1
        self._wait(order)
        return order.order_id

    # Turn an order of the strategy down at once; it stands in the records with its reason.
    cdef int64_t refuse(self, int32_t asset, double asked, int32_t reason) except -1 nogil:
        cdef OrderRecord* order = self._new_order(asset, 0.0, SOURCE_STRATEGY, reason)
        self._complete(order, ORDER_REJECTED)
        self.log(EVENT_REJECTED, reason, asset, order.order_id, asked, 0.0)
        return order.order_id

    # Cancel an open order; the caller forgets it (forget_done) when it is done with the queue.
    cdef int cancel_order(self, OrderRecord* order, int32_t reason) except -1 nogil:
        cdef Position* position = &self.portfolio.position[order.asset]
        if order.source == SOURCE_RULE and position.position_id == order.position_id:
            position.exit_is_decided = 0
        self._complete(order, ORDER_CANCELLED)
        order.reason = reason
        self.log(
            EVENT_CANCELLED, reason, order.asset, order.order_id, order.quantity,
            order.filled_quantity,
        )
        return 0

    # Units that waiting orders of the asset would add, bought less sold.
    cdef double pending_units(self, int32_t asset) noexcept nogil:
        cdef double units = 0.0
        cdef int64_t i
        cdef OrderRecord* order
        if self.waiting_of[asset] == 0:
            return 0.0
        for i in range(self.n_waiting):
            order = self.order(self.waiting[i])
            if order.asset == asset and order.status == ORDER_OPEN:
                units += order.rest
        return units

    # ---- filling -----------------------------------------------------------------------------

    # Fill the market orders that are due: exits before entries, then by submission.
    cdef int fill_market_orders(self, Phase phase) except -1 nogil:
        cdef int64_t i
        cdef int64_t n = self.n_waiting
        cdef OrderRecord* order
        if n == 0:
            return 0
        if phase == PHASE_OPEN:
            self.mark_open()
        if not self.settings.submission_order:
            for i in range(n):
                order = self.order(self.waiting[i])
                if self._is_due(order, phase):
                    self._fill_against(order, phase)
        for i in range(n):
            order = self.order(self.waiting[i])
            if self._is_due(order, phase):
                self._fill_against(order, phase)
                self._fill_entry(self.order(self.waiting[i]), phase)
        self.forget_done()
        return 0

    # Fill a level that the bar has reached: an order of the whole position, made and filled at once.
    cdef int exit_at_level(
        self, Position* position, double base_price, bint slip, int8_t exit_kind, int32_t rule,
        int32_t reason, double level, int8_t moment, int8_t intrabar
    ) except -1 nogil:
        cdef double quantity = -position.quantity
        cdef double price = base_price
        cdef OrderRecord* order = self._new_order(position.asset, quantity, SOURCE_LEVEL, reason)
        if slip:
            price = slipped(&self.settings, base_price, side_of(quantity))
        order.decision_row = self.cursor.number_of(self.cursor.row_before(position.asset))
        order.decision_time = self.cursor.time_of(self.cursor.row_before(position.asset))
        order.exit_kind = exit_kind
        order.rule = rule
        order.level = level
        order.reduce_only = 1
        order.position_id = position.position_id
        self._complete(order, ORDER_FILLED)
        self._book_exit(order, quantity, base_price, price, moment, intrabar)
        if position.waiting_exits > 0:
            self.forget_done()
        return 0

    # Pay out the fraction of a unit that a split left (whole units): no order, no costs.
    cdef int pay_out(self, Position* position, double units) except -1 nogil:
        cdef double mark = self.portfolio.mark[position.asset]
        cdef double quantity = -side_of(position.quantity) * units
        cdef FillRecord* fill = <FillRecord*> self.fills.append()
        fill.timestamp = self.cursor.now
        fill.decision_time = INT64_MIN
        fill.asset = position.asset
        fill.quantity = quantity
        fill.base_price = mark
        fill.price = mark
        fill.level = NAN
        fill.rule = -1
        fill.reason = REASON_CASH_IN_LIEU
        fill.exit_kind = EXIT_OTHER
        fill.moment = MOMENT_OPEN
        self.portfolio.exit(fill)
        if position.quantity == 0.0:
            self.portfolio.end_trade(position, fill, -1)
            self._end_waiting_exits(position)
        return self.listener.on_fill_booked(fill, position)

    # close_at_end: exit at the last close, with costs.
    cdef int close_position_now(self, Position* position, int32_t reason) except -1 nogil:
        cdef double quantity = -position.quantity
        cdef double mark = self.portfolio.mark[position.asset]
        cdef OrderRecord* order = self._new_order(position.asset, quantity, SOURCE_ENGINE, reason)
        order.exit_kind = EXIT_OTHER
        order.reduce_only = 1
        order.position_id = position.position_id
        self._complete(order, ORDER_FILLED)
        return self._book_exit(
            order, quantity, mark, slipped(&self.settings, mark, side_of(quantity)), MOMENT_CLOSE, 0
        )

    cdef EventRecord* log(
        self, int8_t kind, int32_t reason, int32_t asset, int64_t order_id, double asked, double given
    ) except NULL nogil:
        cdef EventRecord* event = <EventRecord*> self.events.append()
        event.timestamp = self.cursor.now
        event.kind = kind
        event.reason = reason
        event.asset = asset
        event.order_id = order_id
        event.asked = asked
        event.given = given
        event.rule = -1
        return event

    # The mark of an asset is its open from step 2 on, its close from step 4 on.
    cdef void mark_open(self) noexcept nogil:
        cdef int64_t row
        for row in range(self.cursor.first, self.cursor.last):
            self.portfolio.mark[self.cursor.data.asset[row]] = self.cursor.data.open_[row]

    # ---- inside ------------------------------------------------------------------------------

    cdef OrderRecord* _new_order(
        self, int32_t asset, double quantity, int8_t source, int32_t reason
    ) except NULL nogil:
        cdef OrderRecord* order = <OrderRecord*> self.orders.append()
        order.order_id = self.orders.count
        order.timestamp = self.cursor.now
        order.decision_row = self.cursor.number_of(self.cursor.row[asset])
        order.decision_time = self.cursor.now
        order.ended = INT64_MIN
        order.quantity = quantity
        order.rest = quantity
        order.decision_close = self.portfolio.mark[asset]
        order.level = NAN
        order.asset = asset
        order.rule = -1
        order.reason = reason
        order.source = source
        order.status = ORDER_OPEN
        order.exit_kind = EXIT_OTHER
        return order

    cdef int _wait(self, OrderRecord* order) except -1 nogil:
        cdef void* moved
        cdef int64_t capacity
        if self.n_waiting == self.waiting_capacity:
            capacity = 64 if self.waiting_capacity == 0 else 2 * self.waiting_capacity
            moved = realloc(self.waiting, <size_t> capacity * sizeof(int64_t))
            if moved == NULL:
                return _out_of_memory(capacity)
            self.waiting = <int64_t*> moved
            self.waiting_capacity = capacity
        self.waiting[self.n_waiting] = order.order_id
        self.n_waiting += 1
        self.waiting_of[order.asset] += 1
        return 0

    cdef bint _is_due(self, const OrderRecord* order, Phase phase) noexcept nogil:
        if order.status != ORDER_OPEN or not self.cursor.has_row(order.asset):
            return False
        if phase == PHASE_OPEN:
            return order.at_open or (
                order.source != SOURCE_RULE and self.settings.fill_at == FILL_NEXT_OPEN
            )
        if order.at_open:
            return False
        if phase == PHASE_CLOSE:
            return (
                order.timestamp < self.cursor.now and self.settings.fill_at != FILL_NEXT_OPEN
            )
        if phase == PHASE_CLOSE_EXITS:
            return order.source == SOURCE_RULE
        return True

    # The part of an order that reduces its position.
    cdef int _fill_against(self, OrderRecord* order, Phase phase) except -1 nogil:
        cdef Position* position = &self.portfolio.position[order.asset]
        cdef double direction = side_of(order.quantity)
        cdef double wanted = fabs(order.rest)
        cdef double held = fabs(position.quantity)
        cdef double closing = wanted if wanted < held else held
        cdef double base_price
        if held == 0.0 or side_of(position.quantity) == direction:
            return 0
        if is_negligible(held - closing, closing):
            closing = held
        order.rest = direction * (wanted - closing)
        if order.reduce_only or is_negligible(wanted - closing, closing):
            order.rest = 0.0
            self._complete(order, ORDER_FILLED)
            if order.source == SOURCE_RULE:
                position.exit_is_decided = 0  # of a position that was added to, a rest is left
        base_price = self.portfolio.mark[order.asset]
        return self._book_exit(
            order, direction * closing, base_price, slipped(&self.settings, base_price, direction),
            MOMENT_OPEN if phase == PHASE_OPEN else MOMENT_CLOSE, 0,
        )

    # What is left of an order opens or adds, as far as it can be paid.
    cdef int _fill_entry(self, OrderRecord* order, Phase phase) except -1 nogil:
        cdef double asked = fabs(order.rest)
        cdef double direction = side_of(order.quantity)
        cdef double price = slipped(
            &self.settings, self.portfolio.mark[order.asset], direction
        )
        cdef double units
        cdef FillRecord* fill
        cdef Position* position
        cdef int8_t moment = MOMENT_OPEN if phase == PHASE_OPEN else MOMENT_CLOSE
        if order.status != ORDER_OPEN:
            return 0
        units = self._affordable(order, asked, price)
        if units == 0.0:
            return self._leave_unfilled(order)
        if units < asked:
            self.log(
                EVENT_SCALED, self._refusal(order), order.asset, order.order_id, order.rest,
                direction * units,
            )
        fill = self._new_fill(
            order, direction * units, self.portfolio.mark[order.asset], price, moment
        )
        fill.is_entry = 1
        fill.exit_kind = EXIT_NONE
        order.rest = 0.0
        self._complete(order, ORDER_FILLED)
        position = self.portfolio.enter(
            fill, self.cursor.run_t(), order.decision_row, order.decision_close
        )
        return self.listener.on_fill_booked(fill, position)

    # Nothing of an entry could be paid: reject the order, or what an exit fill left of it.
    cdef int _leave_unfilled(self, OrderRecord* order) except -1 nogil:
        cdef int32_t reason = self._refusal(order)
        self.log(EVENT_REJECTED, reason, order.asset, order.order_id, order.rest, 0.0)
        if order.filled_quantity != 0.0:
            self._complete(order, ORDER_FILLED)
        else:
            self._complete(order, ORDER_REJECTED)
            order.reason = reason
        return 0

    cdef int32_t _refusal(self, const OrderRecord* order) noexcept nogil:
        if self.settings.margin_account:
            return REASON_INSUFFICIENT_MARGIN
        return REASON_INSUFFICIENT_CASH if order.quantity > 0.0 else REASON_SHORT_IN_CASH_ACCOUNT

    # Units of an entry that can be paid (semantics sections 3 and 6).
    cdef double _affordable(
        self, const OrderRecord* order, double units, double price
    ) noexcept nogil:
        cdef double net = 0.0
        cdef double gross = 0.0
        cdef double equity = 0.0
        cdef double low = 0.0
        cdef double high = units
        cdef double middle
        cdef int step
        if not self.settings.margin_account and order.quantity < 0.0:
            return 0.0
        if self.settings.on_insufficient == INSUFFICIENT_ALLOW:
            return units
        if self.settings.margin_account:
            self.portfolio.expose(&net, &gross)
            equity = self.portfolio.cash + net
        if self._can_pay(order, units, price, equity, gross):
            return units
        if self.settings.on_insufficient == INSUFFICIENT_REJECT:
            return 0.0
        for step in range(SEARCH_STEPS):
            middle = (low + high) / 2.0
            if self._can_pay(order, middle, price, equity, gross):
                low = middle
            else:
                high = middle
        if is_negligible(low, units):
            return 0.0
        return floor(low) if self.settings.whole_units else low

    cdef bint _can_pay(
        self, const OrderRecord* order, double units, double price, double equity, double gross
    ) noexcept nogil:
        cdef double commission = fill_commission(&self.settings, order, units, price)
        if self.settings.margin_account:
            return self.settings.initial_margin * (gross + units * price) <= equity - commission
        return units * price + commission <= self.portfolio.cash

    cdef int _book_exit(
        self, OrderRecord* order, double quantity, double base_price, double price, int8_t moment,
        int8_t intrabar
    ) except -1 nogil:
        cdef FillRecord* fill = self._new_fill(order, quantity, base_price, price, moment)
        cdef Position* position
        cdef double side
        cdef double open_price
        fill.intrabar = intrabar
        position = self.portfolio.exit(fill)
        if position.quantity == 0.0:
            if moment != MOMENT_CLOSE:
                # What this bar did before the exit: its open; the exit's price is in already.
                side = -side_of(quantity)
                open_price = self.cursor.data.open_[self.cursor.row[order.asset]]
                position.best = better(side, position.best, open_price)
                position.worst = worse(side, position.worst, open_price)
            self.portfolio.end_trade(position, fill, order.decision_row)
            self._end_waiting_exits(position)
        return self.listener.on_fill_booked(fill, position)

    # Append a fill of the order, its costs computed and its sums moved on.
    cdef FillRecord* _new_fill(
        self, OrderRecord* order, double quantity, double base_price, double price, int8_t moment
    ) except NULL nogil:
        cdef double units = fabs(quantity)
        cdef FillRecord* fill = <FillRecord*> self.fills.append()
        fill.order_id = order.order_id
        fill.timestamp = self.cursor.now
        fill.decision_time = order.decision_time
        fill.quantity = quantity
        fill.price = price
        fill.base_price = base_price
        fill.commission = fill_commission(&self.settings, order, units, price)
        fill.slippage_cost = units * fabs(price - base_price)
        fill.level = order.level
        fill.asset = order.asset
        fill.rule = order.rule
        fill.reason = order.reason
        fill.moment = moment
        fill.exit_kind = order.exit_kind
        order.notional += units * price
        order.units += units
        order.filled_quantity += quantity
        if self.cursor.has_row(order.asset):
            self._check_price(fill, self.cursor.row[order.asset])
        if fill.timestamp <= fill.decision_time:
            self.counters.fill_not_later_than_decision += 1
        return fill

    # Invariant of section 4: before slippage a fill lies inside its bar.
    cdef int _check_price(self, const FillRecord* fill, int64_t row) except -1 nogil:
        cdef double low = self.cursor.data.low_[row]
        cdef double high = self.cursor.data.high_[row]
        if low <= fill.base_price and fill.base_price <= high:
            return 0
        self.counters.price_outside_bar += 1
        if self.settings.debug and not self.settings.gap_fill_level:
            return _impossible_fill(fill.base_price, low, high)
        return 0

    cdef void _complete(self, OrderRecord* order, int8_t status) noexcept nogil:
        order.status = status
        order.ended = self.cursor.now

    # A position has ended: what was still to reduce it has nothing left to do.
    cdef int _end_waiting_exits(self, const Position* position) except -1 nogil:
        cdef int64_t i
        cdef OrderRecord* order
        if position.waiting_exits == 0:
            return 0
        for i in range(self.n_waiting):
            order = self.order(self.waiting[i])
            if order.status == ORDER_OPEN and order.position_id == position.position_id:
                self.cancel_order(order, REASON_POSITION_CLOSED)
        return 0

    # Drop the orders that are done from the queue, keeping the order of submission.
    cdef void forget_done(self) noexcept nogil:
        cdef int64_t i
        cdef int64_t kept = 0
        cdef OrderRecord* order
        for i in range(self.n_waiting):
            order = self.order(self.waiting[i])
            if order.status == ORDER_OPEN:
                self.waiting[kept] = self.waiting[i]
                kept += 1
            else:
                self.waiting_of[order.asset] -= 1
        self.n_waiting = kept
