"""Fills: one way to book a fill, whatever made it. An order's status is decided last."""

cimport cython
from libc.math cimport NAN, fabs
from libc.stdint cimport INT64_MIN, int8_t, int64_t

from ml4t.backtest.core.buffer cimport RecordBuffer
from ml4t.backtest.core.types cimport (
    CHOICE_NONE, EVENT_NEGATIVE_CASH, EXIT_NONE, EXIT_OTHER, MOMENT_CLOSE, MOMENT_OPEN, ORDER_FILLED,
    REASON_CASH_IN_LIEU, REASON_NEGATIVE_CASH, SOURCE_STRATEGY, FillRecord, OrderRecord, SlippageRecord,
)
from ml4t.backtest.execution.costs cimport LEAST_LEFT, NO_QUOTES, NO_VOLUME, Costs, FillPrice, unslipped
from ml4t.backtest.execution.fill_listener cimport FillListener
from ml4t.backtest.execution.order_book cimport OrderBook
from ml4t.backtest.execution.participation cimport Participation
from ml4t.backtest.portfolio.position cimport Position, averaged, side_of

from functools import partial

from ml4t.backtest.core.records import FILL, SLIPPAGE


@cython.final
cdef class Fills:
    """The fills of one run: costs, records, and what follows from each.

    Parameters
    ----------
    book : OrderBook
    participation : Participation
    costs : Costs
    """

    def __cinit__(
        self, OrderBook book not None, Participation participation not None, Costs costs not None
    ):
        self.costs = costs
        self.participation = participation
        self.cursor = book.cursor
        self.portfolio = book.portfolio
        self.book = book
        self.settings = book.settings
        self.listener = FillListener()
        self.buffer = RecordBuffer(sizeof(FillRecord))
        self.slippage = RecordBuffer(sizeof(SlippageRecord))
        book.events.fills = self.buffer

    def makers(self):
        """Return what makes the fills so far, and what their slippage was for."""
        return {
            "fills": partial(self.buffer.to_array, FILL),
            "slippage": partial(self.slippage.to_array, SLIPPAGE),
        }

    # A fill of an order, which leaves a rest of it; with none the order is filled. What it costs is found first:
    # a model may fail, and then nothing has happened.
    cdef int of_order(
        self, OrderRecord* order, double quantity, double rest, const FillPrice* price, int8_t moment,
        int8_t intrabar
    ) except -1 nogil:
        cdef double units = fabs(quantity)
        cdef double cash = self.portfolio.account.cash
        cdef double commission = self.costs.commission(order, units, price.paid)
        cdef FillRecord* fill = self._new_fill(order.asset, quantity, price, moment)
        cdef Position* position = &self.portfolio.positions.at[order.asset]
        cdef bint has_ended = False
        fill.order_id = order.order_id
        fill.decision_time = order.decision_time
        fill.level = order.level
        fill.rule = order.rule
        fill.reason = order.reason
        fill.exit_kind = order.exit_kind
        fill.intrabar = intrabar
        fill.commission = commission
        fill.slippage_cost = units * fabs(price.paid - price.base)
        if self.settings.splits_slippage:
            self._split_slippage(units, price)
        if self.settings.is_capped:
            self.participation.take(order.asset, units)
        if price.stand_ins != 0:
            self._count_stand_ins(price.stand_ins)
        self.costs.count(order, units, price.paid)
        self._check(fill)
        _count_fill(order, quantity, price.paid)
        self.book.change_rest(order, rest)
        # What follows from it: cash and position, the trade, the orders that have nothing left to do, the order's own
        # status, and whoever listens.
        if position.quantity != 0.0 and (position.quantity > 0.0) != (quantity > 0.0):
            self.portfolio.exit(fill)
            has_ended = position.quantity == 0.0
        else:
            fill.is_entry = 1
            fill.exit_kind = EXIT_NONE
            self.portfolio.enter(fill, self.cursor.run_t(), order.decision_row, order.decision_close)
        self._tell_if_in_debt(fill, cash)
        if has_ended:
            if moment != MOMENT_CLOSE:
                self._take_in_open(position, fill)
            self.portfolio.end_trade(position, fill, order.decision_row)
        self.book.cut_siblings(order, units)
        if order.rest == 0.0:
            self.book.complete(order, ORDER_FILLED)
            if order.source != SOURCE_STRATEGY:
                # Of a position that was added to, a rest is left.
                position.exit_is_decided &= ~order.source
        if has_ended:
            self.book.cancel_exits(position)
        return self.listener.on_fill_booked(fill, position)

    # A split has left a fraction of a unit: it is paid out at the mark. No order, no costs.
    cdef int cash_in_lieu(self, Position* position, double units) except -1 nogil:
        cdef FillPrice price = unslipped(self.portfolio.account.mark[position.asset])
        cdef double cash = self.portfolio.account.cash
        cdef FillRecord* fill = self._new_fill(
            position.asset, -side_of(position.quantity) * units, &price, MOMENT_OPEN
        )
        fill.order_id = 0
        fill.decision_time = INT64_MIN
        fill.level = NAN
        fill.rule = -1
        fill.reason = REASON_CASH_IN_LIEU
        fill.exit_kind = EXIT_OTHER
        fill.intrabar = CHOICE_NONE
        fill.commission = 0.0
        fill.slippage_cost = 0.0
        if self.settings.splits_slippage:
            self._split_slippage(units, &price)
        self.portfolio.exit(fill)
        self._tell_if_in_debt(fill, cash)
        if position.quantity == 0.0:
            self.portfolio.end_trade(position, fill, -1)
            self.book.cancel_exits(position)
        return self.listener.on_fill_booked(fill, position)

    # ---- inside ------------------------------------------------------------------------------

    cdef int _split_slippage(self, double units, const FillPrice* price) except -1 nogil:
        cdef SlippageRecord* split = <SlippageRecord*> self.slippage.append()
        split.spread_cost = units * price.spread
        split.impact_cost = units * price.impact
        return 0

    cdef void _count_stand_ins(self, int8_t stand_ins) noexcept nogil:
        self.counters.fills_without_quotes += (stand_ins & NO_QUOTES) != 0
        self.counters.fills_without_volume += (stand_ins & NO_VOLUME) != 0
        self.counters.least_left += (stand_ins & LEAST_LEFT) != 0

    # Outside of its bar.
    cdef int _fill_outside(self, const FillRecord* fill, int64_t row) except -1 nogil:
        self.counters.price_outside_bar += 1
        if self.settings.debug and not self.settings.gap_fill_level:
            return _impossible_fill(
                fill.base_price, self.cursor.data.low_[row], self.cursor.data.high_[row]
            )
        return 0

    # A cash account has fallen below zero: an event, once per fall.
    cdef int _tell_debt(self, const FillRecord* fill) except -1 nogil:
        self.book.events.add(
            EVENT_NEGATIVE_CASH, REASON_NEGATIVE_CASH, fill.asset, fill.order_id,
            self.portfolio.account.cash, NAN,
        )
        return 0

# Of an order: the sums over its fills, which its costs are computed from.
cdef inline void _count_fill(OrderRecord* order, double quantity, double price) noexcept nogil:
    cdef double units = fabs(quantity)
    order.notional += units * price
    order.average_price = averaged(order.average_price, order.units, price, units)
    order.units += units
    order.filled_quantity += quantity


cdef int _impossible_fill(double price, double low, double high) except -1 with gil:
    raise AssertionError(
        f"a fill at {price} lies outside its bar {low}..{high} and no switch asked for it"
    )
