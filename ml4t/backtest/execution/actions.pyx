"""Corporate actions: what a split or a cash dividend does to positions, orders and marks."""

from libc.math cimport fabs
from libc.stdint cimport int8_t, int32_t, int64_t

from ml4t.backtest.core.types cimport (
    ACTION_DIVIDEND, ACTION_SPLIT, ORDER_OPEN, REASON_SPLIT, OrderRecord,
)
from ml4t.backtest.execution.broker cimport Broker
from ml4t.backtest.execution.costs cimport whole_units
from ml4t.backtest.portfolio.position cimport Position, side_of

# Units this close to a whole number are that number: nothing is left to pay out.
cdef double WHOLE_TOLERANCE = 1e-9


# Semantics section 2, step 1: actions effective since the previous timestamp, all splits first.
cdef int apply_actions(Broker broker) except -1 nogil:
    cdef int64_t n = broker.cursor.data.n_actions
    cdef const int64_t* time = broker.cursor.data.action_time
    cdef const int32_t* asset = broker.cursor.data.action_asset
    cdef const int8_t* kind = broker.cursor.data.action_kind
    cdef const double* value = broker.cursor.data.action_value
    cdef int64_t first = broker.cursor.next_action
    cdef int64_t last = first
    cdef int64_t i
    while last < n and time[last] <= broker.cursor.now:
        last += 1
    broker.cursor.next_action = last
    for i in range(first, last):
        if kind[i] == ACTION_SPLIT:
            _split(broker, asset[i], value[i])
    for i in range(first, last):
        if kind[i] == ACTION_DIVIDEND:
            broker.portfolio.apply_dividend(asset[i], value[i])
    return 0


cdef int _split(Broker broker, int32_t asset, double ratio) except -1 nogil:
    cdef Position* position = &broker.portfolio.position[asset]
    cdef double units
    cdef double fraction
    broker.listener.on_split(asset, ratio)
    broker.portfolio.apply_split(asset, ratio)
    _split_orders(broker, asset, ratio)
    if position.quantity == 0.0 or not broker.settings.whole_units:
        return 0
    units = whole_units(fabs(position.quantity))
    fraction = fabs(position.quantity) - units
    if fraction > WHOLE_TOLERANCE:
        return broker.pay_out(position, fraction)
    position.quantity = side_of(position.quantity) * units
    return 0


cdef int _split_orders(Broker broker, int32_t asset, double ratio) except -1 nogil:
    cdef int64_t i
    cdef int64_t n = broker.n_waiting
    cdef OrderRecord* order
    if broker.waiting_of[asset] == 0:
        return 0
    # Backwards: cancelling takes an order out of the queue.
    for i in range(n - 1, -1, -1):
        order = broker.order(broker.waiting[i])
        if order.asset != asset or order.status != ORDER_OPEN:
            continue
        order.quantity = order.quantity * ratio
        order.decision_close = order.decision_close / ratio
        if broker.settings.whole_units:
            order.quantity = side_of(order.quantity) * whole_units(fabs(order.quantity))
            if order.quantity == 0.0:
                broker.cancel_order(order.order_id, REASON_SPLIT)
    return 0
