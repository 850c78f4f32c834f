cimport cython
from libc.math cimport fabs, isnan
from libc.stdint cimport int8_t, int32_t, int64_t

from ml4t.backtest.core.settings cimport Settings
from ml4t.backtest.core.types cimport ORDER_OPEN, OrderRecord
from ml4t.backtest.execution.basket cimport JOINED, Basket, Share
from ml4t.backtest.execution.buying_power cimport Means
from ml4t.backtest.execution.costs cimport Costs, FillPrice
from ml4t.backtest.execution.fills cimport Fills
from ml4t.backtest.execution.order_book cimport OrderBook
from ml4t.backtest.execution.participation cimport Participation
from ml4t.backtest.execution.schedule cimport Phase
from ml4t.backtest.execution.targets cimport within_target
from ml4t.backtest.market.cursor cimport Cursor
from ml4t.backtest.portfolio.account cimport Account
from ml4t.backtest.portfolio.position cimport Position, is_negligible, side_of
from ml4t.backtest.portfolio.positions cimport Positions


@cython.final
cdef class Matching:
    cdef Cursor cursor
    cdef Account account
    cdef Positions positions
    cdef OrderBook book
    cdef Basket basket
    cdef Fills fills
    cdef Costs costs
    cdef Participation participation
    cdef Settings settings
    cdef const Means* as_if          # inside a bar: what there would be without its exits; else NULL

    cdef inline bint _is_against(self, const OrderRecord* order) noexcept nogil:
        return self.positions.at[order.asset].quantity * order.quantity < 0.0

    # What a market order pays for a unit, found when its units are.
    cdef inline int _slip_mark(self, const OrderRecord* order, FillPrice* price) except -1 nogil:
        return self.costs.slip(order, self.account.mark[order.asset], False, price)

    # Most orders that are tried reduce nothing, or have done so: they are passed over without a call.
    cdef inline int _reduce_at_mark(self, OrderRecord* order, int8_t moment) except -1 nogil:
        return self._reduce_against(order, moment) if self._may_reduce(order) else 0

    cdef inline bint _may_reduce(self, const OrderRecord* order) noexcept nogil:
        cdef double held = self.positions.at[order.asset].quantity
        return order.status == ORDER_OPEN and held != 0.0 and (held > 0.0) != (order.quantity > 0.0)

    # An order that is against its position closes as much of it as it may.
    cdef inline int _close(
        self, OrderRecord* order, const FillPrice* price, int8_t moment, int8_t intrabar
    ) except -1 nogil:
        cdef double quantity = self.positions.at[order.asset].quantity
        cdef double direction = side_of(order.quantity)
        cdef double wanted = fabs(order.rest)
        cdef double held = fabs(quantity)
        cdef double closing = wanted
        cdef double rest
        if not isnan(order.target_units) and self.book.queues.n_waiting_of(order.asset) == 1:
            closing = within_target(order, wanted, quantity)
            if closing == 0.0:
                return 0
        if closing > held:
            closing = held
        if is_negligible(held - closing, closing):
            closing = held
        if self.settings.is_capped and self.participation.cut(order.asset, closing) < closing:
            closing = self.participation.left(order.asset)
            self.participation.tell(order.asset, order.order_id, order.rest, direction * closing)
            return self.fills.of_order(
                order, direction * closing, direction * (wanted - closing), price, moment, intrabar
            )
        rest = direction * (wanted - closing)
        if order.reduce_only or is_negligible(wanted - closing, closing):
            rest = 0.0
        return self.fills.of_order(
            order, direction * closing, rest, price, moment, intrabar
        )

    cdef inline int _enter_at_mark(self, OrderRecord* order, int8_t moment) except -1 nogil:
        cdef FillPrice price
        if order.status != ORDER_OPEN:
            return 0
        if self.settings.is_capped and not self.participation.has_volume(order):
            return 0
        if self.book.has_no_units(order) and self._find_units(order) == 0:
            return 0
        self._slip_mark(order, &price)
        return self.enter(order, &price, moment)

    # Whether nothing waits for the asset before it but orders that have joined.
    cdef inline bint _joins(self, const OrderRecord* order) noexcept nogil:
        return order.before == 0 or self.book.order(order.before).part == JOINED

    cdef int fill_market_orders(self, Phase phase) except -1 nogil
    cdef int close_all(self, int32_t reason) except -1 nogil
    cdef void _count_beyond(self, const OrderRecord* order) noexcept nogil
    cdef int reduce(
        self, OrderRecord* order, const FillPrice* price, int8_t moment, int8_t intrabar
    ) except -1 nogil
    cdef int enter(self, OrderRecord* order, const FillPrice* price, int8_t moment) except -1 nogil
    cdef bint _has_one_turn(self, OrderRecord* order) except -1 nogil
    cdef int _end_turn(self, int64_t order_id) except -1 nogil
    cdef int _kill_unless_whole(self, OrderRecord* order) except -1 nogil
    cdef bint fills_whole(
        self, const OrderRecord* order, double price, bint may_enter
    ) except -1 nogil
    cdef int _exit_first(
        self, Means* means, OrderRecord* order, double units, double price
    ) except -1 nogil
    cdef int _reduce_against(self, OrderRecord* order, int8_t moment) except -1 nogil
    cdef int _find_units(self, OrderRecord* order) except -1 nogil
    cdef int _fill_entry(
        self, OrderRecord* order, double wanted, double asked, double units, const FillPrice* price, int8_t moment
    ) except -1 nogil
    cdef int64_t _enter_together(self, const int64_t* due, int64_t n_due, int8_t moment) except -1 nogil
    cdef int _add_share(self, OrderRecord* order) except -1 nogil
    cdef int _fill_basket(self, int8_t moment) except -1 nogil
    cdef int _leave_unfilled(self, OrderRecord* order, int32_t reason) except -1 nogil
