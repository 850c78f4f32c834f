"""RestingOrders: orders that wait for a price, so kept that a bar meets only those it reaches."""

cimport cython
from libc.stddef cimport size_t
from libc.stdint cimport int32_t, int64_t
from libc.stdlib cimport calloc, free

from ml4t.backtest.core.buffer cimport RecordBuffer
from ml4t.backtest.core.types cimport ORDER_OPEN, OrderRecord
from ml4t.backtest.execution.order_records cimport order_at, terms_of
from ml4t.backtest.execution.order_terms cimport nearness, waits_above
from ml4t.backtest.execution.price_heap cimport PriceHeap, WaitingAt, append, pop, push, sort_by_key, sort_by_order


@cython.final
cdef class RestingOrders:
    """Of one run, by asset.

    Parameters
    ----------
    orders, terms : RecordBuffer
        Those of the book.
    n_assets : int
    """

    def __cinit__(self, RecordBuffer orders not None, RecordBuffer terms not None, int n_assets):
        self.orders = orders
        self.terms = terms
        self.n_assets = n_assets

    def __dealloc__(self):
        cdef int32_t asset
        if self._of != NULL:
            for asset in range(self.n_assets):
                free(self._of[asset].above.at)
                free(self._of[asset].below.at)
        free(self._of)
        free(self.rising.at)
        free(self.falling.at)
        free(self.passed.at)
        free(self.met.at)
        free(self.late.at)
        free(self.tried.at)

    # An order waits for its price, as its terms have it now.
    cdef int wait(self, const OrderRecord* order) except -1 nogil:
        cdef double key = nearness(order, terms_of(self.terms, order))
        cdef RestingSide* side
        if self._of == NULL:
            self._of = <RestingSide*> calloc(<size_t> self.n_assets, sizeof(RestingSide))
            if self._of == NULL:
                return _no_memory(self.n_assets)
        side = &self._of[order.asset]
        if waits_above(order, terms_of(self.terms, order)):
            if side.above.n > side.most_above:
                side.most_above = self._tidy(&side.above, True)
            return push(&side.above, key, order.order_id)
        if side.below.n > side.most_below:
            side.most_below = self._tidy(&side.below, False)
        return push(&side.below, key, order.order_id)

    # Take out the orders that a bar from low to high reaches, the nearest of each side first, at one price by
    # submission. What still waits for a price then goes back with wait_again().
    cdef int collect_touched(self, int32_t asset, double high, double low) except -1 nogil:
        self.collect_none()
        return self.collect_more(asset, high, low)

    cdef void collect_none(self) noexcept nogil:
        self.rising.n = 0
        self.falling.n = 0
        self.passed.n = 0

    # Those too that have come since.
    cdef int collect_more(self, int32_t asset, double high, double low) except -1 nogil:
        if self._of == NULL:
            return 0
        self._take(&self._of[asset].above, True, high, &self.rising)
        self._take(&self._of[asset].below, False, -low, &self.falling)
        return 0

    # The nearest of a side cannot fill in this bar any more: the next one comes to its place.
    cdef int pass_over(self, bint above) except -1 nogil:
        cdef PriceHeap* touched = &self.rising if above else &self.falling
        cdef int64_t order_id = touched.at[0].order_id
        pop(touched)
        if self._waits_on(order_id, above):
            return append(&self.passed, 1.0 if above else -1.0, order_id)
        return 0

    cdef bint _waits_on(self, int64_t order_id, bint above) noexcept nogil:
        cdef const OrderRecord* order = order_at(self.orders, order_id)
        return order.status == ORDER_OPEN and order.rests and (
            waits_above(order, terms_of(self.terms, order)) == above
        )

    # Of the orders that the bar reaches, those that a price meets and that were submitted after that one, by
    # submission. Returns how many.
    cdef int collect_met(self, double price, int64_t after) except -1 nogil:
        cdef int32_t i
        self.met.n = 0
        for i in range(self.rising.n):
            if self.rising.at[i].key <= price and self.rising.at[i].order_id > after:
                append(&self.met, 1.0, self.rising.at[i].order_id)
        for i in range(self.falling.n):
            if -self.falling.at[i].key >= price and self.falling.at[i].order_id > after:
                append(&self.met, -1.0, self.falling.at[i].order_id)
        sort_by_order(&self.met)
        return self.met.n

    # A stop that the open triggers is a limit order for the rest of the bar.
    cdef int add_touched(self, const OrderRecord* order) except -1 nogil:
        cdef double key = nearness(order, terms_of(self.terms, order))
        if waits_above(order, terms_of(self.terms, order)):
            return push(&self.rising, key, order.order_id)
        return push(&self.falling, key, order.order_id)

    cdef int wait_for_the_close(self, int64_t order_id) except -1 nogil:
        return push(&self.late, <double> order_id, order_id)

    # The first submitted of those that wait for the close; 0: none is left.
    cdef int64_t next_late(self) except -1 nogil:
        cdef int64_t order_id
        if self.late.n == 0:
            return 0
        order_id = self.late.at[0].order_id
        pop(&self.late)
        append(&self.tried, 0.0, order_id)
        return order_id

    # A fine bar of the bar is done: what has waited for its close is a limit order for the rest of the bar.
    cdef int go_on(self) except -1 nogil:
        cdef const OrderRecord* order
        cdef int64_t i
        for i in range(self.tried.n):
            order = order_at(self.orders, self.tried.at[i].order_id)
            terms_of(self.terms, order).is_triggered = 1
            if order.status == ORDER_OPEN:
                self.add_touched(order)
        self.tried.n = 0
        return 0

    cdef int wait_again(self) except -1 nogil:
        cdef const OrderRecord* order
        cdef int64_t i
        for i in range(self.passed.n):
            self._wait_again(self.passed.at[i].order_id, self.passed.at[i].key > 0.0)
        for i in range(self.rising.n):
            self._wait_again(self.rising.at[i].order_id, True)
        for i in range(self.falling.n):
            self._wait_again(self.falling.at[i].order_id, False)
        # From the next bar on they are limit orders like others.
        for i in range(self.tried.n):
            order = order_at(self.orders, self.tried.at[i].order_id)
            terms_of(self.terms, order).is_triggered = 1
            if order.status == ORDER_OPEN:
                self.wait(order)
        self.tried.n = 0
        return 0

    # An order that the bar has moved to the other side stands there already.
    cdef int _wait_again(self, int64_t order_id, bint above) except -1 nogil:
        if self._waits_on(order_id, above):
            return self.wait(order_at(self.orders, order_id))
        return 0

    # A split or a dividend has moved prices of the asset.
    cdef int rekey(self, int32_t asset) except -1 nogil:
        if self._of != NULL:
            self._rekey(&self._of[asset].above, True)
            self._rekey(&self._of[asset].below, False)
        return 0

    # Each order once, where it stands now. What is sorted is a heap.
    cdef void _rekey(self, PriceHeap* heap, bint above) noexcept nogil:
        cdef const OrderRecord* order
        cdef int32_t n_kept = 0
        cdef int32_t i
        for i in range(heap.n):
            order = order_at(self.orders, heap.at[i].order_id)
            if self._waits_on(order.order_id, above):
                heap.at[n_kept].order_id = order.order_id
                heap.at[n_kept].key = nearness(order, terms_of(self.terms, order))
                n_kept += 1
        heap.n = n_kept
        _sort(heap)

    # Without what is stale. Returns up to how many entries it may grow before the next time.
    cdef int32_t _tidy(self, PriceHeap* heap, bint above) noexcept nogil:
        self._rekey(heap, above)
        return 16 + 2 * heap.n

    cdef bint _is_stale(self, int64_t order_id, double key, bint above) noexcept nogil:
        cdef const OrderRecord* order = order_at(self.orders, order_id)
        return not self._waits_on(order_id, above) or key != nearness(order, terms_of(self.terms, order))

    # Changed back to a price that it had before, an order stands there twice, one behind the other.
    cdef int _take(self, PriceHeap* heap, bint above, double most, PriceHeap* touched) except -1 nogil:
        cdef WaitingAt nearest
        cdef int64_t before = 0
        while heap.n > 0 and heap.at[0].key <= most:
            nearest = heap.at[0]
            pop(heap)
            if nearest.order_id == before or self._is_stale(nearest.order_id, nearest.key, above):
                continue
            before = nearest.order_id
            push(touched, nearest.key, nearest.order_id)
        return 0


# By price, then by submission; what stands there twice, once.
cdef void _sort(PriceHeap* heap) noexcept nogil:
    cdef int32_t n_kept = 0
    cdef int32_t i
    if heap.n < 2:
        return
    sort_by_key(heap)
    for i in range(heap.n):
        if n_kept == 0 or heap.at[n_kept - 1].order_id != heap.at[i].order_id:
            heap.at[n_kept] = heap.at[i]
            n_kept += 1
    heap.n = n_kept


cdef int _no_memory(int64_t n) except -1 with gil:
    raise MemoryError(f"no memory for orders that wait for a price ({n})")

