"""Matching: an order and a price. What of it reduces its position, what enters, and what can be paid."""

cimport cython
from libc.math cimport INFINITY, NAN, fabs
from libc.stdint cimport int8_t, int32_t, int64_t

from ml4t.backtest.core.build cimport CHECKED
from ml4t.backtest.core.ranges cimport LEAST_UNITS, MOST_UNITS
from ml4t.backtest.core.settings cimport INSUFFICIENT_ALLOW, TELL_FILLS, Settings
from ml4t.backtest.core.types cimport (
    CHOICE_NONE, EVENT_REJECTED, EVENT_SCALED, EXIT_OTHER, LEDGER_SIZED, MOMENT_CLOSE, MOMENT_OPEN,
    ORDER_FILLED, ORDER_OPEN, ORDER_REJECTED, REASON_NONE, REASON_NO_EQUITY, REASON_POSITION_CLOSED, REASON_TARGET_REACHED,
    REASON_ZERO_QUANTITY, SOURCE_ENGINE, OrderRecord, TermsRecord,
)
from ml4t.backtest.execution.basket cimport IN_BASKET, JOINED, NO_BASKET, Basket, Share
from ml4t.backtest.execution.buying_power cimport (
    Means, affordable_units, can_pay_either_way, is_short_in_cash_account, means_of, units_for,
    why_not_affordable,
)
from ml4t.backtest.execution.costs cimport FillPrice
from ml4t.backtest.execution.fills cimport Fills
from ml4t.backtest.execution.order_terms cimport is_bracket, is_immediate
from ml4t.backtest.execution.participation cimport Participation
from ml4t.backtest.execution.schedule cimport PHASE_OPEN, Phase
from ml4t.backtest.execution.targets cimport within_target
from ml4t.backtest.portfolio.position cimport Position, is_negligible, side_of

from ml4t.backtest.core.ranges import QUANTITY


@cython.final
cdef class Matching:
    """What fills of an order, and the market orders that fill at the open and at the close.

    Parameters
    ----------
    fills : Fills
    """

    def __cinit__(self, Fills fills not None):
        self.fills = fills
        self.book = fills.book
        self.costs = fills.costs
        self.basket = Basket(fills.book, fills.costs)
        self.participation = fills.participation
        self.cursor = fills.cursor
        self.account = fills.portfolio.account
        self.positions = fills.portfolio.positions
        self.settings = fills.settings
        self.as_if = NULL

    # ---- steps 2, 4 and 6: market orders ------------------------------------------------------

    # Fill the market orders that are due: exits before entries, then by submission.
    cdef int fill_market_orders(self, Phase phase) except -1 nogil:
        cdef int8_t moment = MOMENT_OPEN if phase == PHASE_OPEN else MOMENT_CLOSE
        cdef const int64_t* due
        cdef int64_t n_due = 0
        cdef int64_t i
        cdef int64_t tried = 0       # the last order of the baskets that have had their turn
        cdef bint may_lack = self.settings.on_insufficient != INSUFFICIENT_ALLOW
        cdef OrderRecord* order
        if self.book.queues.n_due == 0:
            return 0
        if phase == PHASE_OPEN:
            self.account.mark_open(self.cursor)
        if CHECKED:
            self.book.queues.check_counts()
        due = self.book.queues.collect_due(phase, &n_due)
        # Where nothing is held there is nothing to reduce.
        if not self.settings.submission_order and self.positions.n_open > 0:
            for i in range(n_due):
                order = self.book.order(due[i])
                if self.book.is_fill_or_kill(order):
                    if self._has_one_turn(order):
                        continue
                    if self._is_against(order):
                        self._kill_unless_whole(order)
                self._reduce_at_mark(order, moment)
        for i in range(n_due):
            order = self.book.order(due[i])
            # Most have had their turn by now: against their position, or in a basket.
            if order.status != ORDER_OPEN:
                continue
            if self.book.is_fill_or_kill(order):
                self._kill_unless_whole(order)
            self._reduce_at_mark(order, moment)
            # The last order that is due has nobody to share with.
            if order.part != NO_BASKET and due[i] > tried and may_lack and i < n_due - 1:
                tried = self._enter_together(due + i, n_due - i, moment)
            self._enter_at_mark(order, moment)
            if self.settings.is_capped:
                self._end_turn(due[i])
        return 0

    # An order that is tried once, and that the volume of the bar has cut.
    cdef int _end_turn(self, int64_t order_id) except -1 nogil:
        cdef const OrderRecord* order = self.book.order(order_id)
        if order.status == ORDER_OPEN and order.terms != 0 and is_immediate(self.book.terms_of(order)):
            return self.book.end_immediate(order_id)
        return 0

    # close_at_end: every position leaves at its last close, with costs.
    cdef int close_all(self, int32_t reason) except -1 nogil:
        cdef int32_t i
        cdef int32_t n
        cdef Position* position
        cdef OrderRecord* order
        cdef FillPrice price
        self.positions.settle()
        if CHECKED:
            self.positions.check_settled()
        n = self.positions.n_open
        for i in range(n):
            position = &self.positions.at[self.positions.open_asset[i]]
            order = self.book.make_exit(
                position, -position.quantity, SOURCE_ENGINE, EXIT_OTHER, reason
            )
            if self.settings.is_capped:
                self._count_beyond(order)
            self._slip_mark(order, &price)
            self.fills.of_order(order, order.quantity, 0.0, &price, MOMENT_CLOSE, CHOICE_NONE)
        return 0

    # All of it is closed, whatever the volume of the bar.
    cdef void _count_beyond(self, const OrderRecord* order) noexcept nogil:
        cdef double units = fabs(order.quantity)
        self.participation.n_closed_beyond += self.participation.cut(order.asset, units) < units

    cdef int _reduce_against(self, OrderRecord* order, int8_t moment) except -1 nogil:
        cdef FillPrice price
        if self.settings.is_capped and not self.participation.has_volume(order):
            return 0
        if self.book.has_no_units(order) and self._find_units(order) == 0:
            return 0
        self._slip_mark(order, &price)
        return self._close(order, &price, moment, CHOICE_NONE)

    # The part of an order that reduces its position, at a price before and after slippage.
    cdef int reduce(
        self, OrderRecord* order, const FillPrice* price, int8_t moment, int8_t intrabar
    ) except -1 nogil:
        # Cancelled since the orders were collected: a position ended, or a rule cancelled it.
        if not self._may_reduce(order):
            return 0
        return self._close(order, price, moment, intrabar)

    # What is left of an order opens or adds, as far as it can be paid.
    cdef int enter(self, OrderRecord* order, const FillPrice* price, int8_t moment) except -1 nogil:
        cdef double wanted
        cdef double asked
        cdef double units
        if order.status != ORDER_OPEN:
            return 0
        wanted = within_target(
            order, fabs(order.rest), self.positions.at[order.asset].quantity
        )
        if wanted == 0.0:
            return self.book.cancel(order.order_id, REASON_TARGET_REACHED)
        if order.reduce_only:
            return self.book.cancel(order.order_id, REASON_POSITION_CLOSED)
        asked = wanted
        if self.settings.is_capped:
            asked = self.participation.cut(order.asset, wanted)
        units = affordable_units(self.costs, self.account, self.as_if, order, asked, price.paid)
        return self._fill_entry(order, wanted, asked, units, price, moment)

    # Of the units that an entry wants the volume of the bar leaves those asked, and of these so many can be paid.
    # What its target left out is cancelled, what the volume cut off waits.
    cdef int _fill_entry(
        self, OrderRecord* order, double wanted, double asked, double units, const FillPrice* price, int8_t moment
    ) except -1 nogil:
        cdef double direction = side_of(order.quantity)
        cdef bint is_cut = asked < wanted and units == asked
        cdef double left_out = fabs(order.rest) - (asked if is_cut else wanted)
        if units == 0.0:
            return self._leave_unfilled(order, why_not_affordable(&self.settings, order))
        if units < asked:
            self.book.events.add(
                EVENT_SCALED, why_not_affordable(&self.settings, order), order.asset,
                order.order_id, order.rest, direction * units,
            )
        if is_cut:
            self.participation.tell(order.asset, order.order_id, order.rest, direction * units)
        self.fills.of_order(
            order, direction * units, direction * left_out, price, moment, CHOICE_NONE
        )
        if order.status == ORDER_OPEN and not is_cut:
            self.book.cancel(order.order_id, REASON_TARGET_REACHED)
        if order.terms != 0 and is_bracket(self.book.terms_of(order)):
            return self.book.protect(order.order_id, &self.positions.at[order.asset], units)
        return 0

    # An order of money comes to its first turn to fill, and finds its units; 0 when it is rejected.
    cdef int _find_units(self, OrderRecord* order) except -1 nogil:
        cdef double direction = side_of(order.quantity)
        cdef TermsRecord* terms = self.book.terms_of(order)
        cdef double amount = terms.amount
        cdef double equity
        cdef double units
        cdef FillPrice price
        self._slip_mark(order, &price)
        if terms.is_weight:
            equity = self.account.equity()
            if not equity > 0.0:
                self._leave_unfilled(order, REASON_NO_EQUITY)
                return 0
            amount = amount * equity
        units = units_for(self.costs, order, amount, price.paid)
        if units < LEAST_UNITS:
            self._leave_unfilled(order, REASON_ZERO_QUANTITY)
            return 0
        if units > MOST_UNITS:
            return _too_many(order, units)
        terms.amount = 0.0
        if self.settings.ledger != TELL_FILLS:
            self.book.ledger.tell_order(
                LEDGER_SIZED, order, REASON_NONE, NAN, price.paid, order.rest, direction * units
            )
        order.quantity = direction * units
        self.book.change_rest(order, direction * units)
        return 1

    # ---- fill or kill ------------------------------------------------------------------------

    # It goes beyond its position: both its parts fill in its turn to enter, or none.
    cdef bint _has_one_turn(self, OrderRecord* order) except -1 nogil:
        cdef double held = self.positions.at[order.asset].quantity
        if order.status != ORDER_OPEN or not held * order.quantity < 0.0:
            return False
        if self.book.has_no_units(order) and self._find_units(order) == 0:
            return False
        return _units_beyond(order, held) > 0.0

    # Of a market order, in its turn to enter.
    cdef int _kill_unless_whole(self, OrderRecord* order) except -1 nogil:
        cdef FillPrice price
        if order.status != ORDER_OPEN:
            return 0
        if self.book.has_no_units(order) and self._find_units(order) == 0:
            return 0
        self._slip_mark(order, &price)
        if self.fills_whole(order, price.paid, True):
            return 0
        return self.book.end_immediate(order.order_id)

    # Whether all of an order can fill: what goes beyond its position may enter, and can be paid after its exit.
    cdef bint fills_whole(
        self, const OrderRecord* order, double price, bint may_enter
    ) except -1 nogil:
        cdef double held = self.positions.at[order.asset].quantity
        cdef double units = _units_beyond(order, held)
        cdef OrderRecord after = order[0]
        cdef Means means
        cdef bint can_pay
        if self.settings.is_capped and (
            self.participation.cut(order.asset, fabs(order.rest)) < fabs(order.rest)
        ):
            return False
        if units == 0.0:
            return True
        if not may_enter or is_short_in_cash_account(&self.settings, order):
            return False
        if self.settings.on_insufficient == INSUFFICIENT_ALLOW:
            return True
        means = means_of(&self.settings, self.account)
        if held * order.quantity < 0.0:
            self._exit_first(&means, &after, -held, price)
        can_pay = can_pay_either_way(self.costs, &means, self.as_if, &after, units, price)
        self.costs.suppose_nothing()
        return can_pay

    # What there is to pay with, and what the order has paid, once it has filled so many units as an exit.
    cdef int _exit_first(
        self, Means* means, OrderRecord* order, double units, double price
    ) except -1 nogil:
        cdef double mark = self.account.mark[order.asset]
        cdef double fee = self.costs.commission(order, fabs(units), price)
        means.cash = means.cash - (units * price + fee)
        means.equity = means.equity + (units * (mark - price) - fee)
        means.gross = means.gross - fabs(units * mark)
        self.costs.suppose(order, fabs(units), price)
        order.notional += fabs(units) * price
        order.units += fabs(units)
        return 0

    # ---- baskets -----------------------------------------------------------------------------

    # The basket of the first of these orders has come to its entries: those due now are paid as one.
    # Returns the last of its orders.
    cdef int64_t _enter_together(self, const int64_t* due, int64_t n_due, int8_t moment) except -1 nogil:
        cdef int64_t accepted = self.book.order(due[0]).decision_time
        cdef int64_t i
        cdef int64_t n = 0
        cdef OrderRecord* order
        if self.book.order(due[0]).status != ORDER_OPEN or self.book.order(due[0]).reduce_only:
            return due[0]
        while n < n_due and self.book.order(due[n]).decision_time == accepted:
            order = self.book.order(due[n])
            if order.status == ORDER_OPEN and order.part != NO_BASKET and self._joins(order):
                order.part = JOINED
                self._reduce_at_mark(order, moment)
            n += 1
        self.basket.n = 0
        for i in range(n):
            order = self.book.order(due[i])
            if order.status == ORDER_OPEN and order.part == JOINED:
                self._add_share(order)
        if self.basket.n > 1:
            self._fill_basket(moment)
        return due[n - 1]

    # What an order that has joined is to enter, once all before it have. What enters nothing comes in its
    # own turn.
    cdef int _add_share(self, OrderRecord* order) except -1 nogil:
        cdef double held = self.positions.at[order.asset].quantity
        cdef double direction = side_of(order.quantity)
        cdef double units
        cdef double left = INFINITY
        cdef int64_t behind = -1
        order.part = IN_BASKET
        if self.settings.is_capped:
            left = self.participation.left(order.asset)
        if order.before != 0:
            behind = self.book.order(order.before).part - 1
            if behind < 0:
                return 0
            held = self.basket.shares[behind].reached
            left = self.basket.shares[behind].left
        if order.reduce_only or held * direction < 0.0 or left == 0.0:
            return 0
        if self.book.has_no_units(order) and self._find_units(order) == 0:
            return 0
        units = within_target(order, fabs(order.rest), held)
        if units == 0.0:
            return self.book.cancel(order.order_id, REASON_TARGET_REACHED)
        if is_short_in_cash_account(&self.settings, order):
            return self._leave_unfilled(order, why_not_affordable(&self.settings, order))
        return self._slip_mark(order, &self.basket.add(order, held, units, left).price)

    # A rule that is asked at a fill may cancel an order that is still to fill.
    cdef int _fill_basket(self, int8_t moment) except -1 nogil:
        cdef double part = self.basket.payable_part()
        cdef const Share* share
        cdef OrderRecord* order
        cdef int64_t i
        for i in range(self.basket.n):
            share = &self.basket.shares[i]
            order = self.book.order(share.order_id)
            if order.status == ORDER_OPEN:
                self._fill_entry(
                    order, share.wanted, share.units, self.basket.units_of(share, part), &share.price, moment
                )
        return 0

    # Nothing of an entry could be paid: reject the order, or what an exit fill left of it.
    cdef int _leave_unfilled(self, OrderRecord* order, int32_t reason) except -1 nogil:
        self.book.events.add(EVENT_REJECTED, reason, order.asset, order.order_id, order.rest, 0.0)
        if order.filled_quantity != 0.0:
            self.book.complete(order, ORDER_FILLED)
        else:
            self.book.complete(order, ORDER_REJECTED)
            order.reason = reason
        return 0


# What an order has beyond the position that it is against; all of it where there is none.
cdef double _units_beyond(const OrderRecord* order, double held) noexcept nogil:
    cdef double wanted = fabs(order.rest)
    cdef double closing = 0.0
    if held * order.quantity < 0.0:
        closing = wanted if wanted < fabs(held) else fabs(held)
    return 0.0 if is_negligible(wanted - closing, closing) else wanted - closing


cdef int _too_many(const OrderRecord* order, double units) except -1 with gil:
    raise ValueError(
        f"order {order.order_id} is sized at its fill, and comes to {units:g} units: an order must be of a size in "
        f"{QUANTITY} units"
    )
