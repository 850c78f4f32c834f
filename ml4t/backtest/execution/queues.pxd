cimport cython
from libc.math cimport fabs
from libc.stdint cimport int8_t, int32_t, int64_t

from ml4t.backtest.core.buffer cimport RecordBuffer
from ml4t.backtest.core.build cimport CHECKED
from ml4t.backtest.core.types cimport OrderRecord
from ml4t.backtest.execution.order_records cimport order_at
from ml4t.backtest.execution.rings cimport Rings
from ml4t.backtest.execution.schedule cimport Phase, fills_in
from ml4t.backtest.execution.targets cimport larger
from ml4t.backtest.market.cursor cimport Cursor
from ml4t.backtest.portfolio.position cimport is_negligible, side_of
from ml4t.backtest.portfolio.positions cimport Positions

# Of more orders of an asset, or assets, the guards would cost more than what they guard.
cdef enum:
    GUARDED = 100


# Orders in the order of submission.
cdef struct Lane:
    int64_t first                # order ids; 0: none
    int64_t last


# The waiting orders of one asset.
cdef struct Queue:
    Lane due                     # those that wait for a moment
    Lane resting                 # those that wait for a price
    double left                  # p and R of semantics section 3: what they leave of the position,
    double entering              # and what they enter
    double most                  # the largest in that sum: the position, or an order
    int32_t n_orders             # in both lanes
    int32_t n_due
    int32_t n_exits              # the reduce-only among them, but for
    int32_t n_children           # those that guard what is held
    int32_t place                # in the list of assets with waiting orders
    int8_t is_counted            # what is counted holds
    int8_t is_over               # they end the position


# Both lanes of a queue, in the order of submission.
cdef struct Lanes:
    int64_t due
    int64_t resting


@cython.final
cdef class OrderQueues:
    cdef Cursor cursor
    cdef RecordBuffer orders         # of the book
    cdef Rings rings                 # of the book
    cdef Positions positions
    cdef bint submission_order
    cdef int64_t n_due               # orders that wait for a moment, of all assets
    cdef int64_t n_resting           # and for a price
    cdef int64_t n_reducing          # of both, those that are reduce-only
    cdef Queue* _queue               # by asset
    cdef int32_t* _busy              # the assets with orders that wait for a moment, in no order
    cdef int32_t _n_busy
    cdef int64_t* _due               # order ids of the last collect_due()
    cdef int64_t _due_capacity
    cdef bint is_watched             # somebody asks which assets' orders have changed
    cdef int32_t* changed            # these assets, each once
    cdef int32_t n_changed
    cdef int8_t* _has_changed        # by asset

    # Without a bracket's children, which only guard what is held, as levels do.
    cdef inline int32_t n_waiting_of(self, int32_t asset) noexcept nogil:
        return self._queue[asset].n_orders - self._queue[asset].n_children

    # Reduce-only orders among them.
    cdef inline int32_t n_exits_of(self, int32_t asset) noexcept nogil:
        return self._queue[asset].n_exits

    # Some of them only reduce the position, or guard it.
    cdef inline bint hold_exits_of(self, int32_t asset) noexcept nogil:
        return self._queue[asset].n_exits + self._queue[asset].n_children > 0

    # An order waits that is not reduce-only.
    cdef inline bint hold_entries(self) noexcept nogil:
        return self.n_due + self.n_resting > self.n_reducing

    # What an order asks for has changed.
    cdef inline void count_anew(self, int32_t asset) noexcept nogil:
        self._queue[asset].is_counted = 0
        if self.is_watched:
            self._note(asset)

    # One of the orders that wait for it has become reduce-only.
    cdef inline void count_as_exit(self, int32_t asset) noexcept nogil:
        self._queue[asset].n_exits += 1
        self.n_reducing += 1
        self.count_anew(asset)

    cdef inline void _note(self, int32_t asset) noexcept nogil:
        if not self._has_changed[asset]:
            self._has_changed[asset] = 1
            self.changed[self.n_changed] = asset
            self.n_changed += 1

    cdef inline void forget_changed(self) noexcept nogil:
        cdef int32_t i
        for i in range(self.n_changed):
            self._has_changed[self.changed[i]] = 0
        self.n_changed = 0

    # An order joins the end of its asset's queue.
    cdef inline int join(self, OrderRecord* order) except -1 nogil:
        cdef Queue* queue = &self._queue[order.asset]
        if order.rests:
            self.n_resting += 1
            self._append(&queue.resting, order)
        else:
            self._count_due(queue, order.asset)
            self._append(&queue.due, order)
        order.waits = 1
        # One more at the end of the count: as if it had been counted anew. Without a count there is none to keep.
        if queue.is_counted:
            self._count(queue, order)
        queue.n_orders += 1
        self.n_reducing += order.reduce_only
        queue.n_exits += order.reduce_only != order.is_child
        queue.n_children += order.is_child
        if self.is_watched:
            self._note(order.asset)
        if CHECKED:
            self.check(order.asset)
        return 0

    # One more of the asset's orders waits for a moment.
    cdef inline int _count_due(self, Queue* queue, int32_t asset) except -1 nogil:
        if self.n_due >= self._due_capacity:
            self._reserve_due()
        if queue.n_due == 0:
            queue.place = self._n_busy
            self._busy[self._n_busy] = asset
            self._n_busy += 1
        queue.n_due += 1
        self.n_due += 1
        return 0

    cdef inline void leave(self, OrderRecord* order) noexcept nogil:
        cdef Queue* queue = &self._queue[order.asset]
        order.waits = 0
        self.count_anew(order.asset)
        queue.n_orders -= 1
        self.n_reducing -= order.reduce_only
        queue.n_exits -= order.reduce_only != order.is_child
        queue.n_children -= order.is_child
        if order.rests:
            self.n_resting -= 1
            self._remove(&queue.resting, order)
            return
        self._remove(&queue.due, order)
        self.n_due -= 1
        queue.n_due -= 1
        if queue.n_due == 0:
            self._n_busy -= 1
            if queue.place != self._n_busy:
                self._busy[queue.place] = self._busy[self._n_busy]
                self._queue[self._busy[queue.place]].place = queue.place

    cdef inline void _append(self, Lane* lane, OrderRecord* order) noexcept nogil:
        order.before = lane.last
        if lane.last == 0:
            lane.first = order.order_id
        else:
            order_at(self.orders, lane.last).after = order.order_id
        lane.last = order.order_id

    cdef inline void _remove(self, Lane* lane, const OrderRecord* order) noexcept nogil:
        if order.before == 0:
            lane.first = order.after
        else:
            order_at(self.orders, order.before).after = order.after
        if order.after == 0:
            lane.last = order.before
        else:
            order_at(self.orders, order.after).before = order.before

    cdef inline Lanes lanes_of(self, int32_t asset) noexcept nogil:
        cdef Lanes lanes
        lanes.due = self._queue[asset].due.first
        lanes.resting = self._queue[asset].resting.first
        return lanes

    # The next of both lanes, by submission; 0 at the end. Asked for before the one it follows leaves.
    cdef inline int64_t next_of(self, Lanes* lanes) noexcept nogil:
        cdef int64_t order_id
        if lanes.resting == 0 or (lanes.due != 0 and lanes.due < lanes.resting):
            order_id = lanes.due
            if order_id != 0:
                lanes.due = order_at(self.orders, order_id).after
        else:
            order_id = lanes.resting
            lanes.resting = order_at(self.orders, order_id).after
        return order_id

    # Nothing has been counted: all of the position is left.
    cdef inline void _begin_count(self, Queue* queue, int32_t asset) noexcept nogil:
        queue.left = self.positions.at[asset].quantity
        queue.entering = 0.0
        queue.most = fabs(queue.left)
        queue.is_over = 0
        queue.is_counted = 1

    # One more order fills: its part against what is left of the position, then what enters.
    cdef inline void _count(self, Queue* queue, const OrderRecord* order) noexcept nogil:
        cdef double rest = order.rest
        cdef double left = fabs(queue.left)
        cdef double taken
        if order.is_child or (self.rings.holds(order) and self.rings.holds_one_before(order, False)):
            return
        queue.most = larger(queue.most, fabs(rest))
        if queue.left * rest < 0.0 and not (order.reduce_only and queue.is_over):
            taken = fabs(rest) if fabs(rest) < left else left
            queue.left += side_of(rest) * taken
            if is_negligible(left - taken, taken):
                queue.left = 0.0
                queue.is_over = 1
            rest = 0.0 if is_negligible(fabs(rest) - taken, taken) else rest - side_of(rest) * taken
        if order.reduce_only:
            return
        if self.submission_order:
            queue.left += rest
        else:
            queue.entering += rest

    # Behind the n that have been collected, those of an asset that fill in this phase; returns how many there are then.
    cdef inline int64_t _collect_of(self, int32_t asset, Phase phase, int64_t n) noexcept nogil:
        cdef int64_t order_id = self._queue[asset].due.first
        cdef int64_t now = self.cursor.now
        cdef const OrderRecord* order
        while order_id != 0:
            order = order_at(self.orders, order_id)
            if fills_in(order, phase, now):
                self._due[n] = order_id
                n += 1
            order_id = order.after
        return n

    # Right after units_after(): the largest of what it has summed.
    cdef inline double most_counted(self, int32_t asset) noexcept nogil:
        if self.n_waiting_of(asset) == 0:
            return fabs(self.positions.at[asset].quantity)
        return self._queue[asset].most

    cdef int wait_for_the_open(self, OrderRecord* order, int64_t later) except -1 nogil
    cdef void _insert(self, Lane* lane, OrderRecord* order, int64_t later) noexcept nogil
    cdef double units_after(self, int32_t asset) noexcept nogil
    cdef int watch(self) except -1
    cdef double units_after_due(self, int32_t asset) noexcept nogil
    cdef void add_resting(self, int32_t asset, double* up, double* low) noexcept nogil
    cdef double units_asked(self, int32_t asset) noexcept nogil
    cdef double _entering_of(self, int64_t order_id, double units, double* leaving) noexcept nogil
    cdef const int64_t* collect_due(self, Phase phase, int64_t* n_due) noexcept nogil
    cdef int _reserve_due(self) except -1 nogil
    cdef list ids_of(self, int32_t asset)
    cdef list ids(self)
    cdef int check(self, int32_t asset) except -1 nogil
    cdef int check_counts(self) except -1 nogil


cdef void sort_codes(int32_t* codes, int32_t n) noexcept nogil
