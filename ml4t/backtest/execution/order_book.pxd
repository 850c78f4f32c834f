cimport cython
from libc.stdint cimport int8_t, int32_t, int64_t

from ml4t.backtest.core.buffer cimport RecordBuffer
from ml4t.backtest.core.settings cimport Settings
from ml4t.backtest.core.types cimport OrderRecord
from ml4t.backtest.execution.event_log cimport EventLog
from ml4t.backtest.execution.schedule cimport Phase
from ml4t.backtest.market.cursor cimport Cursor
from ml4t.backtest.portfolio.portfolio cimport Portfolio
from ml4t.backtest.portfolio.position cimport Position


# Neighbours of a waiting order among those of its asset, by order id; 0: none.
cdef struct Neighbours:
    int64_t before
    int64_t after


# The waiting orders of one asset, in the order of submission.
cdef struct Queue:
    int64_t first                # order ids; 0: none
    int64_t last
    double pending               # units they would add, bought less sold
    int32_t n_orders
    int32_t place                # in the list of assets with waiting orders
    int8_t has_pending           # ``pending`` holds


@cython.final
cdef class OrderBook:
    cdef Cursor cursor
    cdef Portfolio portfolio
    cdef EventLog events
    cdef Settings settings
    cdef RecordBuffer orders         # every order ever made, by order id
    cdef int64_t n_waiting
    cdef Queue* _queue               # by asset
    cdef Neighbours* _neighbours     # by order id
    cdef int64_t _capacity           # of _neighbours
    cdef int32_t* _busy              # the assets with waiting orders, in no order
    cdef int32_t _n_busy
    cdef int64_t* _due               # order ids of the last collect_due()
    cdef int64_t _due_capacity

    cdef inline OrderRecord* order(self, int64_t order_id) noexcept nogil:
        return <OrderRecord*> self.orders.at(order_id - 1)

    cdef inline int32_t n_waiting_of(self, int32_t asset) noexcept nogil:
        return self._queue[asset].n_orders

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
    cdef int cancel_exits(self, const Position* position) except -1 nogil
    cdef void change_rest(self, OrderRecord* order, double rest) noexcept nogil
    cdef void complete(self, OrderRecord* order, int8_t status) noexcept nogil
    cdef int split(self, int32_t asset, double ratio) except -1 nogil
    cdef double pending_units(self, int32_t asset) noexcept nogil
    cdef const int64_t* collect_due(self, Phase phase, int64_t* n_due) except NULL nogil
    cdef list waiting_ids(self, int32_t asset)
    cdef list _ids_of(self, int32_t asset)
    cdef OrderRecord* _new_order(
        self, int32_t asset, double quantity, int8_t source, int32_t reason
    ) except NULL nogil
    cdef int _wait(self, OrderRecord* order) except -1 nogil
    cdef void _end(self, OrderRecord* order, int8_t status) noexcept nogil
    cdef void _leave(self, const OrderRecord* order) noexcept nogil
    cdef int _reserve(self, int64_t order_id) except -1 nogil
    cdef int _collect_of(self, int32_t asset, Phase phase, int64_t* n_due) except -1 nogil
    cdef int _check_queue(self, int32_t asset) except -1 nogil
    cdef int _check_counts(self) except -1 nogil
