"""OrderQueues: where an order waits. A queue for each asset, so that nobody walks over what cannot fill."""

cimport cython
from libc.math cimport fabs
from libc.stdint cimport int8_t, int32_t, int64_t
from libc.stdlib cimport calloc, free, qsort, realloc

from ml4t.backtest.core.buffer cimport RecordBuffer
from ml4t.backtest.core.settings cimport FILL_NEXT_OPEN
from ml4t.backtest.core.types cimport ORDER_OPEN, OrderRecord
from ml4t.backtest.execution.order_records cimport order_at
from ml4t.backtest.execution.rings cimport Rings
from ml4t.backtest.execution.schedule cimport Phase
from ml4t.backtest.market.cursor cimport Cursor
from ml4t.backtest.portfolio.positions cimport Positions


@cython.final
cdef class OrderQueues:
    """The waiting orders of one run.

    Parameters
    ----------
    cursor : Cursor
    positions : Positions
    rings : Rings
        Those of the book, with its orders.
    submission_order : bool
        Orders fill as they were submitted, instead of exits before entries.
    """

    def __cinit__(
        self, Cursor cursor not None, Positions positions not None, Rings rings not None,
        bint submission_order
    ):
        cdef size_t size = <size_t> cursor.data.n_assets + 1
        self.cursor = cursor
        self.positions = positions
        self.rings = rings
        self.orders = rings.orders
        self.submission_order = submission_order
        self._queue = <Queue*> calloc(size, sizeof(Queue))
        self._busy = <int32_t*> calloc(size, sizeof(int32_t))
        if self._queue == NULL or self._busy == NULL:
            raise MemoryError(f"no memory for the orders of {cursor.data.n_assets} assets")

    def __dealloc__(self):
        free(self._queue)
        free(self._busy)
        free(self._due)
        free(self.changed)
        free(self._has_changed)

    # An order that has waited for a price waits for an open from now on, at its place by submission: before the
    # later one, or, that not known (0), looked for from the end. Nothing else of it changes.
    cdef int wait_for_the_open(self, OrderRecord* order, int64_t later) except -1 nogil:
        cdef Queue* queue = &self._queue[order.asset]
        self._remove(&queue.resting, order)
        self.n_resting -= 1
        self._count_due(queue, order.asset)
        order.rests = 0
        order.fill_at = FILL_NEXT_OPEN
        self._insert(&queue.due, order, later)
        return 0

    cdef void _insert(self, Lane* lane, OrderRecord* order, int64_t later) noexcept nogil:
        cdef int64_t earlier = lane.last if later == 0 else order_at(self.orders, later).before
        while earlier > order.order_id:
            later = earlier
            earlier = order_at(self.orders, earlier).before
        order.before = earlier
        order.after = later
        if earlier == 0:
            lane.first = order.order_id
        else:
            order_at(self.orders, earlier).after = order.order_id
        if later == 0:
            lane.last = order.order_id
        else:
            order_at(self.orders, later).before = order.order_id

    # What the position of the asset is after all that waits for it (semantics section 3, after orders).
    cdef double units_after(self, int32_t asset) noexcept nogil:
        cdef Queue* queue = &self._queue[asset]
        cdef Lanes lanes
        cdef int64_t order_id
        if self.n_waiting_of(asset) == 0:
            return self.positions.at[asset].quantity
        if not queue.is_counted:
            self._begin_count(queue, asset)
            lanes = self.lanes_of(asset)
            order_id = self.next_of(&lanes)
            while order_id != 0:
                self._count(queue, order_at(self.orders, order_id))
                order_id = self.next_of(&lanes)
        return queue.left + queue.entering

    # From now on assets whose orders change are noted; all of them have, to begin with.
    cdef int watch(self) except -1:
        cdef int32_t asset
        cdef size_t size = <size_t> self.cursor.data.n_assets + 1
        if not self.is_watched:
            self.changed = <int32_t*> calloc(size, sizeof(int32_t))
            self._has_changed = <int8_t*> calloc(size, sizeof(int8_t))
        if self.changed == NULL or self._has_changed == NULL:
            raise MemoryError(f"no memory for the orders of {self.cursor.data.n_assets} assets")
        self.is_watched = True
        for asset in range(<int32_t> self.cursor.data.n_assets):
            self._note(asset)
        return 0

    # What the position of the asset is after those that wait for a moment (section 7).
    cdef double units_after_due(self, int32_t asset) noexcept nogil:
        cdef Queue* queue = &self._queue[asset]
        cdef Queue counted
        cdef int64_t order_id = queue.due.first
        if queue.resting.first == 0:
            return self.units_after(asset)
        self._begin_count(&counted, asset)
        while order_id != 0:
            self._count(&counted, order_at(self.orders, order_id))
            order_id = order_at(self.orders, order_id).after
        return counted.left + counted.entering

    # What those that wait for a price may add to either side; of a ring the first on its side.
    cdef void add_resting(self, int32_t asset, double* up, double* low) noexcept nogil:
        cdef int64_t order_id = self._queue[asset].resting.first
        cdef const OrderRecord* order
        while order_id != 0:
            order = order_at(self.orders, order_id)
            order_id = order.after
            if order.reduce_only or (self.rings.holds(order) and self.rings.holds_one_before(order, True)):
                continue
            if order.rest > 0.0:
                up[0] += order.rest
            else:
                low[0] += order.rest

    # What they would trade: those that may enter, of a ring the first on its side, and what the others may leave of
    # what is held.
    cdef double units_asked(self, int32_t asset) noexcept nogil:
        cdef double held = fabs(self.positions.at[asset].quantity)
        cdef double leaving = 0.0
        cdef double entering = self._entering_of(self._queue[asset].due.first, 0.0, &leaving)
        entering = self._entering_of(self._queue[asset].resting.first, entering, NULL)
        return entering + (leaving if leaving < held else held)

    # From one order of a lane on, added to ``units``; what only reduces goes to ``leaving``.
    cdef double _entering_of(self, int64_t order_id, double units, double* leaving) noexcept nogil:
        cdef const OrderRecord* order
        while order_id != 0:
            order = order_at(self.orders, order_id)
            order_id = order.after
            if order.reduce_only:
                if leaving != NULL:
                    leaving[0] += fabs(order.rest)
            elif not (self.rings.holds(order) and self.rings.holds_one_before(order, True)):
                units += fabs(order.rest)
        return units

    # The orders that fill in this phase, in the order of submission. Their assets have a row now.
    cdef const int64_t* collect_due(self, Phase phase, int64_t* n_due) noexcept nogil:
        cdef int64_t i
        cdef int64_t row
        cdef int64_t n = 0
        cdef const int32_t* asset = self.cursor.data.asset
        if self._n_busy == 1:
            # Most often a single asset has orders: they stand in order already.
            if self.cursor.has_row(self._busy[0]):
                n = self._collect_of(self._busy[0], phase, n)
            n_due[0] = n
            return self._due
        if self._n_busy <= self.cursor.last - self.cursor.first:
            for i in range(self._n_busy):
                if self.cursor.has_row(self._busy[i]):
                    n = self._collect_of(self._busy[i], phase, n)
        else:
            for row in range(self.cursor.first, self.cursor.last):
                if self._queue[asset[row]].n_due > 0:
                    n = self._collect_of(asset[row], phase, n)
        if not _ascends(self._due, n):
            qsort(self._due, <size_t> n, sizeof(int64_t), _by_number)
        n_due[0] = n
        return self._due

    # Room for the ids of all that may be due.
    cdef int _reserve_due(self) except -1 nogil:
        cdef int64_t capacity = 64 + 2 * self.n_due
        cdef void* moved = realloc(self._due, <size_t> capacity * sizeof(int64_t))
        if moved == NULL:
            return _out_of_memory(capacity)
        self._due = <int64_t*> moved
        self._due_capacity = capacity
        return 0

    # Ids of the waiting orders of an asset, in the order of submission.
    cdef list ids_of(self, int32_t asset):
        cdef Lanes lanes = self.lanes_of(asset)
        cdef int64_t order_id = self.next_of(&lanes)
        ids = []
        while order_id != 0:
            ids.append(order_id)
            order_id = self.next_of(&lanes)
        return ids

    # Of all assets.
    cdef list ids(self):
        cdef int32_t asset
        cdef int32_t i
        ids = []
        if self.n_resting > 0:
            for asset in range(self.cursor.data.n_assets):
                ids += self.ids_of(asset)
        else:
            for i in range(self._n_busy):
                ids += self.ids_of(self._busy[i])
        ids.sort()
        return ids

    # Guard: the queue holds its asset's waiting orders, as many as it says, in the order of their ids, and
    # what they leave where it says so.
    cdef int check(self, int32_t asset) except -1 nogil:
        cdef const Queue* queue = &self._queue[asset]
        cdef int64_t before = 0
        cdef Lanes lanes = self.lanes_of(asset)
        cdef int64_t order_id = self.next_of(&lanes)
        cdef const OrderRecord* order
        cdef int32_t n = 0
        cdef int32_t n_exits = 0
        cdef Queue counted
        if queue.n_orders >= GUARDED:
            return 0
        self._begin_count(&counted, asset)
        while order_id != 0:
            if not (before < order_id <= self.orders.count):
                return _broken(asset, order_id)
            order = order_at(self.orders, order_id)
            if order.asset != asset or order.status != ORDER_OPEN:
                return _broken(asset, order_id)
            n += 1
            n_exits += order.reduce_only != order.is_child
            self._count(&counted, order)
            before = order_id
            order_id = self.next_of(&lanes)
        if n != queue.n_orders or n_exits != queue.n_exits:
            return _broken(asset, before)
        if queue.is_counted and (
            queue.left != counted.left or queue.entering != counted.entering
        ):
            return _broken(asset, before)
        return 0

    # Guard: what waits is what the queues of the busy assets hold, and these know their places.
    cdef int check_counts(self) except -1 nogil:
        cdef int64_t n_due = 0
        cdef int32_t i
        if self._n_busy >= GUARDED:
            return 0
        for i in range(self._n_busy):
            if self._queue[self._busy[i]].place != i or self._queue[self._busy[i]].n_due == 0:
                return _broken(self._busy[i], 0)
            n_due += self._queue[self._busy[i]].n_due
            self.check(self._busy[i])
        return 0 if n_due == self.n_due else _broken(-1, n_due)


cdef int _broken(int32_t asset, int64_t order_id) except -1 with gil:
    raise AssertionError(f"the queue of asset {asset} is broken at order {order_id}")


cdef int _out_of_memory(int64_t orders) except -1 with gil:
    raise MemoryError(f"no memory for {orders} orders")


cdef inline bint _ascends(const int64_t* numbers, int64_t n) noexcept nogil:
    cdef int64_t i
    for i in range(1, n):
        if numbers[i - 1] > numbers[i]:
            return False
    return True


# Bring codes of assets in order.
cdef void sort_codes(int32_t* codes, int32_t n) noexcept nogil:
    cdef int32_t i
    for i in range(1, n):
        if codes[i] < codes[i - 1]:
            qsort(codes, <size_t> n, sizeof(int32_t), _by_code)
            return


cdef int _by_code(const void* one, const void* other) noexcept nogil:
    cdef int32_t a = (<const int32_t*> one)[0]
    cdef int32_t b = (<const int32_t*> other)[0]
    return (a > b) - (a < b)


cdef int _by_number(const void* a, const void* b) noexcept nogil:
    cdef int64_t one = (<const int64_t*> a)[0]
    cdef int64_t other = (<const int64_t*> b)[0]
    return (one > other) - (one < other)
