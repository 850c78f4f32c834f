"""Corporate actions: what a split or a cash dividend does to positions, orders and marks."""

from libc.math cimport fabs
from libc.stdint cimport int8_t, int32_t, int64_t

from ml4t.backtest.core.types cimport ACTION_DIVIDEND, ACTION_SPLIT, REASON_DIVIDEND, REASON_SPLIT
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
    # What was effective up to the first timestamp was past when the run began.
    if broker.cursor.run_t() == 0:
        return 0
    for i in range(first, last):
        if kind[i] == ACTION_SPLIT:
            _split(broker, asset[i], value[i])
    for i in range(first, last):
        if kind[i] == ACTION_DIVIDEND:
            _dividend(broker, asset[i], value[i])
    return 0


cdef int _split(Broker broker, int32_t asset, double ratio) except -1 nogil:
    cdef Position* position = &broker.portfolio.positions.at[asset]
    broker.fills.listener.on_split(position, ratio)
    broker.portfolio.split(asset, ratio, broker.cursor)
    if broker.settings.whole_units and position.quantity != 0.0:
        _pay_out_fraction(broker, position)
    if position.quantity != 0.0:
        broker.fills.listener.on_levels_adjusted(position, REASON_SPLIT)
    return broker.book.split(asset, ratio)


cdef int _dividend(Broker broker, int32_t asset, double amount) except -1 nogil:
    cdef Position* position = &broker.portfolio.positions.at[asset]
    cdef bint adjusts = broker.settings.dividend_adjusts_levels
    if adjusts:
        broker.portfolio.account.go_ex_dividend(asset, amount, broker.cursor)
        broker.book.go_ex_dividend(asset, amount)
    if position.quantity == 0.0:
        return 0
    broker.portfolio.pay_dividend(position, amount)
    if adjusts:
        broker.fills.listener.on_dividend(position, amount)
        broker.portfolio.positions.go_ex_dividend(position, amount)
        broker.fills.listener.on_levels_adjusted(position, REASON_DIVIDEND)
    return 0


cdef int _pay_out_fraction(Broker broker, Position* position) except -1 nogil:
    cdef double units = whole_units(fabs(position.quantity))
    cdef double fraction = fabs(position.quantity) - units
    cdef double side = side_of(position.quantity)
    if fraction > WHOLE_TOLERANCE or units == 0.0:
        broker.fills.cash_in_lieu(position, fraction)
    if position.quantity != 0.0:
        broker.portfolio.positions.hold(position, side * units)
    return 0
