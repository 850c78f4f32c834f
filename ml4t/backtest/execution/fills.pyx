"""Fills: one way to book a fill, whatever made it. An order's status is decided last."""

cimport cython
from libc.math cimport NAN, fabs
from libc.stdint cimport INT64_MIN, int8_t, int32_t, int64_t

from ml4t.backtest.core.buffer cimport RecordBuffer
from ml4t.backtest.core.types cimport (
    EVENT_NEGATIVE_CASH, EXIT_NONE, EXIT_OTHER, MOMENT_CLOSE, MOMENT_OPEN, ORDER_FILLED,
    REASON_CASH_IN_LIEU, REASON_NEGATIVE_CASH, SOURCE_STRATEGY, FillRecord, OrderRecord,
    SlippageRecord,
)
from ml4t.backtest.execution.costs cimport LEAST_LEFT, NO_QUOTES, NO_VOLUME, Costs, FillPrice, unslipped
from ml4t.backtest.execution.fill_listener cimport FillListener
from ml4t.backtest.execution.order_book cimport OrderBook
from ml4t.backtest.execution.participation cimport Participation
from ml4t.backtest.portfolio.position cimport Position, averaged, better, side_of, worse

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
        self.blank.decision_time = INT64_MIN
        self.blank.level = NAN
        self.blank.rule = -1
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
        cdef double commission = self.costs.commission(order, fabs(quantity), price.paid)
        cdef FillRecord* fill = self._new_fill(order.asset, quantity, price, moment)
        fill.order_id = order.order_id
        fill.decision_time = order.decision_time
        fill.level = order.level
        fill.rule = order.rule
        fill.reason = order.reason
        fill.exit_kind = order.exit_kind
        fill.intrabar = intrabar
        if self.settings.is_capped:
            self.participation.take(order.asset, fabs(quantity))
        if price.stand_ins != 0:
            self._count_stand_ins(price.stand_ins)
        self._charge(fill, order, commission)
        self._check(fill)
        self.book.change_rest(order, rest)
        return self._book(fill, order)

    # A split has left a fraction of a unit: it is paid out at the mark. No order, no costs.
    cdef int cash_in_lieu(self, const Position* position, double units) except -1 nogil:
        cdef FillPrice price = unslipped(self.portfolio.account.mark[position.asset])
        cdef FillRecord* fill = self._new_fill(
            position.asset, -side_of(position.quantity) * units, &price, MOMENT_OPEN
        )
        fill.reason = REASON_CASH_IN_LIEU
        fill.exit_kind = EXIT_OTHER
        return self._book(fill, NULL)

    # ---- inside ------------------------------------------------------------------------------

    cdef inline FillRecord* _new_fill(
        self, int32_t asset, double quantity, const FillPrice* price, int8_t moment
    ) except NULL nogil:
        cdef FillRecord* fill = <FillRecord*> self.buffer.append_like(&self.blank, sizeof(FillRecord))
        fill.timestamp = self.cursor.now
        fill.asset = asset
        fill.quantity = quantity
        fill.base_price = price.base
        fill.price = price.paid
        fill.moment = moment
        if self.settings.splits_slippage:
            self._split_slippage(fabs(quantity), price)
        return fill

    cdef int _split_slippage(self, double units, const FillPrice* price) except -1 nogil:
        cdef SlippageRecord* split = <SlippageRecord*> self.slippage.append()
        split.spread_cost = units * price.spread
        split.impact_cost = units * price.impact
        return 0

    cdef void _count_stand_ins(self, int8_t stand_ins) noexcept nogil:
        self.counters.fills_without_quotes += (stand_ins & NO_QUOTES) != 0
        self.counters.fills_without_volume += (stand_ins & NO_VOLUME) != 0
        self.counters.least_left += (stand_ins & LEAST_LEFT) != 0

    # Costs of the fill; the sums they are computed from move on.
    cdef inline int _charge(
        self, FillRecord* fill, OrderRecord* order, double commission
    ) except -1 nogil:
        cdef double units = fabs(fill.quantity)
        fill.commission = commission
        self.costs.count(order, units, fill.price)
        fill.slippage_cost = units * fabs(fill.price - fill.base_price)
        order.notional += units * fill.price
        order.average_price = averaged(order.average_price, order.units, fill.price, units)
        order.units += units
        order.filled_quantity += fill.quantity
        return 0

    # The invariants of section 4: before slippage a fill lies inside its bar, and it is later than what
    # caused it.
    cdef inline int _check(self, const FillRecord* fill) except -1 nogil:
        cdef int64_t row = self.cursor.row[fill.asset]
        cdef double low
        cdef double high
        if fill.timestamp <= fill.decision_time:
            self.counters.fill_not_later_than_decision += 1
        if not self.cursor.has_row(fill.asset):
            return 0
        low = self.cursor.data.low_[row]
        high = self.cursor.data.high_[row]
        if low <= fill.base_price and fill.base_price <= high:
            return 0
        self.counters.price_outside_bar += 1
        if self.settings.debug and not self.settings.gap_fill_level:
            return _impossible_fill(fill.base_price, low, high)
        return 0

    # Everything that follows from a fill: cash, position, trade, the orders that have nothing left to
    # do, the order's own status, and whoever listens.
    cdef inline int _book(self, FillRecord* fill, OrderRecord* order) except -1 nogil:
        cdef Position* position = &self.portfolio.positions.at[fill.asset]
        cdef int64_t decision_row = -1 if order == NULL else order.decision_row
        cdef double held = position.quantity
        cdef double cash = self.portfolio.account.cash
        if held != 0.0 and side_of(held) != side_of(fill.quantity):
            self.portfolio.exit(fill)
        else:
            fill.is_entry = 1
            fill.exit_kind = EXIT_NONE
            self.portfolio.enter(fill, self.cursor.run_t(), decision_row, order.decision_close)
        if cash >= 0.0 and self.portfolio.account.cash < 0.0 and not self.settings.margin_account:
            self._tell_debt(fill)
        if position.quantity == 0.0:
            if order != NULL and fill.moment != MOMENT_CLOSE:
                self._take_in_open(position, fill)
            self.portfolio.end_trade(position, fill, decision_row)
        if order != NULL:
            self.book.cut_siblings(order, fabs(fill.quantity))
        if order != NULL and order.rest == 0.0:
            self.book.complete(order, ORDER_FILLED)
            if order.source != SOURCE_STRATEGY:
                # Of a position that was added to, a rest is left.
                position.exit_is_decided &= ~order.source
        if position.quantity == 0.0:
            self.book.cancel_exits(position)
        return self.listener.on_fill_booked(fill, position)

    # A cash account has fallen below zero: an event, once per fall.
    cdef int _tell_debt(self, const FillRecord* fill) except -1 nogil:
        self.book.events.add(
            EVENT_NEGATIVE_CASH, REASON_NEGATIVE_CASH, fill.asset, fill.order_id,
            self.portfolio.account.cash, NAN,
        )
        return 0

    # What the bar of an exit did before it: its open. The exit's own price is in already.
    cdef inline void _take_in_open(self, Position* position, const FillRecord* fill) noexcept nogil:
        cdef double side = -side_of(fill.quantity)
        cdef double open_price = self.cursor.data.open_[self.cursor.row[fill.asset]]
        if position.unseen != 0 and position.opened_t == self.cursor.run_t():
            return  # it opened inside, after the open
        position.best = better(side, position.best, open_price)
        position.worst = worse(side, position.worst, open_price)


cdef int _impossible_fill(double price, double low, double high) except -1 with gil:
    raise AssertionError(
        f"a fill at {price} lies outside its bar {low}..{high} and no switch asked for it"
    )
