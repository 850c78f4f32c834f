cimport cython
from libc.stddef cimport size_t
from libc.stdint cimport int8_t, int32_t, int64_t

from ml4t.backtest.core.buffer cimport RecordBuffer
from ml4t.backtest.core.build cimport CHECKED
from ml4t.backtest.core.guards cimport guard
from ml4t.backtest.core.settings cimport Settings
from ml4t.backtest.core.types cimport OrderRecord
from ml4t.backtest.execution.event_log cimport EventLog
from ml4t.backtest.execution.schedule cimport Phase
from ml4t.backtest.market.cursor cimport Cursor
from ml4t.backtest.portfolio.portfolio cimport Portfolio
from ml4t.backtest.portfolio.position cimport Position


# The waiting orders of one asset, in the order of submission.
cdef struct Queue:
    int64_t first                # order ids; 0: none
    int64_t last
    double left                  # p and R of semantics section 3: what they leave of the position,
    double entering              # and what they enter
    int32_t n_orders
    int32_t n_exits              # the reduce-only among them
    int32_t place                # in the list of assets with waiting orders
    int8_t is_counted            # ``left``, ``entering`` and ``is_over`` hold
    int8_t is_over               # they end the position


@cython.final
cdef class OrderBook:
    cdef Cursor cursor
    cdef Portfolio portfolio
    cdef EventLog events
    cdef Settings settings
    cdef RecordBuffer orders         # every order ever made, by order id
    cdef int64_t n_waiting
    cdef int64_t n_left_alone        # targets that would have traded too little
    cdef Queue* _queue               # by asset
    cdef int32_t* _busy              # the assets with waiting orders, in no order
    cdef int32_t _n_busy
    cdef int64_t* _due               # order ids of the last collect_due()
    cdef int64_t _due_capacity

    cdef inline OrderRecord* order(self, int64_t order_id) noexcept nogil:
        if CHECKED:
            guard(1 <= order_id <= self.orders.count, b"an order is asked for that is not there")
        return <OrderRecord*> (
            self.orders._bytes + <size_t> (order_id - 1) * sizeof(OrderRecord)
        )

    cdef inline int32_t n_waiting_of(self, int32_t asset) noexcept nogil:
        return self._queue[asset].n_orders

    # Reduce-only orders among them.
    cdef inline int32_t n_exits_of(self, int32_t asset) noexcept nogil:
        return self._queue[asset].n_exits

    cdef int64_t accept(
        self, int32_t asset, double quantity, int32_t reason, bint reduce_only
    ) except -1 nogil
    cdef int64_t accept_exit(
        self, Position* position, int8_t exit_kind, int32_t rule, int32_t reason
    ) except -1 nogil
    cdef OrderRecord* make_exit(
        self, const Position* position, int8_t source, int8_t exit_kind, int32_t reason
    ) except NULL nogil
    cdef int64_t refuse(self, int32_t asset, double asked, int32_t reason) except -1 nogil
    cdef int cancel(self, int64_t order_id, int32_t reason) except -1 nogil
    # A position has ended: what was still to reduce it has nothing left to do.
    cdef inline int cancel_exits(self, const Position* position) except -1 nogil:
        if self._queue[position.asset].first == 0:
            return 0
        return self._cancel_exits(position)

    # A fill has left so much of the order.
    cdef inline void change_rest(self, OrderRecord* order, double rest) noexcept nogil:
        order.rest = rest
        self._queue[order.asset].is_counted = 0

    cdef int _cancel_exits(self, const Position* position) except -1 nogil
    cdef void complete(self, OrderRecord* order, int8_t status) noexcept nogil
    cdef int split(self, int32_t asset, double ratio) except -1 nogil
    cdef void go_ex_dividend(self, int32_t asset, double amount) noexcept nogil
    cdef double units_after(self, int32_t asset) noexcept nogil
    cdef int tell_duplicate(self, int64_t order_id, double after) except -1 nogil
    cdef const int64_t* collect_due(self, Phase phase, int64_t* n_due) noexcept nogil
    cdef list waiting_ids(self, int32_t asset)
    cdef list _ids_of(self, int32_t asset)
    cdef OrderRecord* _new_order(
        self, int32_t asset, double quantity, int8_t source, int32_t reason
    ) except NULL nogil
    cdef int _wait(self, OrderRecord* order) except -1 nogil
    cdef void _begin_count(self, Queue* queue, int32_t asset) noexcept nogil
    cdef void _count(self, Queue* queue, const OrderRecord* order) noexcept nogil
    cdef void _end(self, OrderRecord* order, int8_t status) noexcept nogil
    cdef void _leave(self, const OrderRecord* order) noexcept nogil
    cdef int _reserve_due(self) except -1 nogil
    cdef void _collect_of(self, int32_t asset, Phase phase, int64_t* n_due) noexcept nogil
    cdef int _check_queue(self, int32_t asset) except -1 nogil
    cdef int check_counts(self) except -1 nogil
