"""Orders that the volume of a bar has cut: where their rest waits, and who takes it back (semantics section 3)."""

cimport cython
from libc.stdint cimport int32_t, int64_t
from libc.stdlib cimport free

from ml4t.backtest.core.settings cimport FILL_NEXT_OPEN
from ml4t.backtest.core.types cimport ORDER_OPEN, REASON_CANCEL, SOURCE_LEVEL, OrderRecord, TermsRecord
from ml4t.backtest.execution.order_book cimport Lane, Lanes, OrderBook, Queue
from ml4t.backtest.execution.order_terms cimport awaited_price
from ml4t.backtest.execution.price_heap cimport append, sort_by_order
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
        return append(&self.waiting, 0.0, order_id)

    # The walk is over: each goes to its place by submission among those that wait for an open. From the last on,
    # so that the queue is walked once for all of them.
    cdef int move(self) except -1 nogil:
        cdef int64_t later = 0
        cdef int32_t i
        cdef OrderRecord* order
        sort_by_order(&self.waiting)
        for i in range(self.waiting.n - 1, -1, -1):
            order = self.book.order(self.waiting.at[i].order_id)
            if order.status == ORDER_OPEN:
                later = self._move(order, later)
        self.waiting.n = 0
        return 0

    # Before the later one, which has been moved; 0: there is none. Returns its id.
    cdef int64_t _move(self, OrderRecord* order, int64_t later) except -1 nogil:
        cdef Queue* queue = &self.book._queue[order.asset]
        self.book._part(&queue.resting, order)
        self.book.resting.n -= 1
        self.book._wait_for_a_moment(queue, order.asset)
        order.rests = 0
        order.fill_at = FILL_NEXT_OPEN
        self._put_before(&queue.due, order, later)
        return order.order_id

    cdef void _put_before(self, Lane* lane, OrderRecord* order, int64_t later) noexcept nogil:
        cdef int64_t earlier = lane.last if later == 0 else self.book.order(later).before
        while earlier > order.order_id:
            later = earlier
            earlier = self.book.order(earlier).before
        order.before = earlier
        order.after = later
        if earlier == 0:
            lane.first = order.order_id
        else:
            self.book.order(earlier).after = order.order_id
        if later == 0:
            lane.last = order.order_id
        else:
            self.book.order(later).before = order.order_id


# The exit of a stop level has been cut: what is left of it waits.
cdef int go_on_at_the_open(OrderBook book, OrderRecord* order) except -1 nogil:
    cdef Position* position = &book.portfolio.positions.at[order.asset]
    position.exit_is_decided |= SOURCE_LEVEL
    order.fill_at = FILL_NEXT_OPEN
    return book._wait(order)


# A target is said: what waits of another one is not waited for, but beside an exit by rule, which leaves this one
# nothing to do.
cdef int take_back_targets(OrderBook book, int32_t asset, double units) except -1 nogil:
    cdef const Position* position = &book.portfolio.positions.at[asset]
    if position.exit_is_decided and units * position.quantity > 0.0:
        return 0
    return take_back(book, asset, floored_target(units) if book.settings.whole_units else units + 0.0)


# What waits for the asset of other targets than that one is cancelled; NaN: of all, and of entries by signal.
cdef int take_back(OrderBook book, int32_t asset, double target) except -1 nogil:
    cdef Lanes lanes
    cdef int64_t order_id
    cdef const OrderRecord* order
    lanes.due = book._queue[asset].due.first
    lanes.resting = book._queue[asset].resting.first
    order_id = book._next_of(&lanes)
    while order_id != 0:
        order = book.order(order_id)
        # A place in a basket: it is of a target, of zero where it is a close.
        if order.part != 0 and (0.0 if order.reduce_only else order.target_units) != target:
            book.cancel(order_id, REASON_CANCEL)
        order_id = book._next_of(&lanes)
    return 0
