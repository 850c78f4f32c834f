"""Orders that the volume of a bar has cut: where their rest waits, and who takes it back (semantics section 3)."""

cimport cython
from libc.math cimport NAN
from libc.stdint cimport int32_t, int64_t
from libc.stdlib cimport free

from ml4t.backtest.core.settings cimport FILL_NEXT_OPEN, TELL_FILLS
from ml4t.backtest.core.types cimport (
    LEDGER_TRIGGERED, ORDER_OPEN, REASON_CANCEL, REASON_PARTICIPATION, SOURCE_LEVEL, OrderRecord, TermsRecord,
)
from ml4t.backtest.execution.order_book cimport OrderBook
from ml4t.backtest.execution.order_terms cimport awaited_price
from ml4t.backtest.execution.price_heap cimport append, sort_by_order
from ml4t.backtest.execution.queues cimport Lanes
from ml4t.backtest.execution.targets cimport floored_target
from ml4t.backtest.portfolio.position cimport Position


@cython.final
cdef class TriggeredStops:
    """Stop orders that the bar which is walked has reached and has no volume left for.

    Parameters
    ----------
    book : OrderBook
    """

    def __cinit__(self, OrderBook book not None):
        self.book = book

    def __dealloc__(self):
        free(self.waiting.at)

    # While the bar is walked it stays where it is, and is not tried again.
    cdef int add(self, int64_t order_id) except -1 nogil:
        cdef OrderRecord* order = self.book.order(order_id)
        cdef TermsRecord* terms = self.book.terms_of(order)
        if order.is_child:
            order.level = awaited_price(terms)
        terms.is_triggered = 1
        if self.book.settings.ledger != TELL_FILLS:
            self.book.ledger.tell_order(
                LEDGER_TRIGGERED, order, REASON_PARTICIPATION, awaited_price(terms), NAN, NAN, NAN
            )
        return append(&self.waiting, 0.0, order_id)

    # The walk is over: each waits for the open. From the last one on, so that the queue is walked once for all.
    cdef int move(self) except -1 nogil:
        cdef int64_t later = 0
        cdef int32_t i
        cdef OrderRecord* order
        sort_by_order(&self.waiting)
        for i in range(self.waiting.n - 1, -1, -1):
            order = self.book.order(self.waiting.at[i].order_id)
            if order.status == ORDER_OPEN:
                self.book.queues.wait_for_the_open(order, later)
                later = order.order_id
        self.waiting.n = 0
        return 0


# The exit of a stop level has been cut: what is left of it waits.
cdef int go_on_at_the_open(OrderBook book, OrderRecord* order) except -1 nogil:
    cdef Position* position = &book.portfolio.positions.at[order.asset]
    position.exit_is_decided |= SOURCE_LEVEL
    order.fill_at = FILL_NEXT_OPEN
    return book._wait(order)


# A target is said: what waits of another one is cancelled, but beside an exit by rule, which leaves this one nothing
# to do.
cdef int take_back_targets(OrderBook book, int32_t asset, double target) except -1 nogil:
    cdef const Position* position = &book.portfolio.positions.at[asset]
    cdef Lanes lanes
    cdef int64_t order_id
    cdef const OrderRecord* order
    if position.exit_is_decided and target * position.quantity > 0.0:
        return 0
    lanes = book.queues.lanes_of(asset)
    order_id = book.queues.next_of(&lanes)
    while order_id != 0:
        order = book.order(order_id)
        # A place in a basket: it is of a target, of zero where it is a close.
        if order.part != 0 and (0.0 if order.reduce_only else order.target_units) != target:
            book.cancel(order_id, REASON_CANCEL)
        order_id = book.queues.next_of(&lanes)
    return 0
