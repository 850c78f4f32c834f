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
    broker.listener.on_split(&broker.portfolio.position[asset], ratio)
    broker.portfolio.apply_split(asset, ratio)
    if broker.settings.whole_units and broker.portfolio.position[asset].quantity != 0.0:
        _pay_out_fraction(broker, &broker.portfolio.position[asset])
    return _split_orders(broker, asset, ratio)


cdef int _pay_out_fraction(Broker broker, Position* position) except -1 nogil:
    cdef double units = whole_units(fabs(position.quantity))
    cdef double fraction = fabs(position.quantity) - units
    cdef double side = side_of(position.quantity)
    if fraction > WHOLE_TOLERANCE:
        broker.pay_out(position, fraction)
    position.quantity = side * units
    return 0


cdef int _split_orders(Broker broker, int32_t asset, double ratio) except -1 nogil:
    cdef int64_t i
    cdef OrderRecord* order
    cdef double units
    if broker.waiting_of[asset] == 0:
        return 0
    for i in range(broker.n_waiting):
        order = broker.order(broker.waiting[i])
        if order.asset != asset or order.status != ORDER_OPEN:
            continue
        units = order.rest * ratio
        if broker.settings.whole_units:
            units = side_of(units) * whole_units(fabs(units))
            if units == 0.0:
                broker.cancel_order(order, REASON_SPLIT)
                continue
        order.quantity = units
        order.rest = units
        order.decision_close = order.decision_close / ratio
    broker.forget_done()
    return 0
