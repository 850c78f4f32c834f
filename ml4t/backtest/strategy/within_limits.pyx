"""What limits of the portfolio do to a change of an order."""

from libc.math cimport fabs
from libc.stdint cimport int32_t, int64_t

from ml4t.backtest.core.types cimport (
    EVENT_LIMIT_BREACHED, REASON_NONE, EventRecord, OrderRecord,
)
from ml4t.backtest.execution.broker cimport Broker
from ml4t.backtest.execution.costs cimport whole_units
from ml4t.backtest.portfolio.position cimport side_of
from ml4t.backtest.risk.portfolio_limits cimport Cut, PortfolioLimits, no_cut


# What a change adds to an order is asked for as if it were one.
cdef int change_within(
    Broker broker, PortfolioLimits limits, int64_t order_id, double units, double limit, double stop
) except -1 nogil:
    cdef const OrderRecord* order = broker.book.order(order_id)
    cdef double before = order.rest
    cdef double more = side_of(order.quantity) * (fabs(units) - fabs(before))
    cdef double asked = more
    cdef int32_t problem = REASON_NONE
    cdef EventRecord* event
    cdef Cut cut = no_cut()
    if limits.n > 0 and not order.reduce_only and fabs(units) > fabs(before):
        problem = limits.admit(order.asset, &more, fabs(before), &cut)
    if problem != REASON_NONE:
        # Nothing is added that cannot be measured.
        cut.reason = problem
        more = 0.0
    if cut.rule >= 0 or problem != REASON_NONE:
        units = fabs(before) + fabs(more)
        units = whole_units(units) if broker.settings.whole_units else units
        units = side_of(order.quantity) * units
    broker.book.modify(order_id, units, limit, stop)
    if cut.rule >= 0 or problem != REASON_NONE:
        event = broker.events.add(
            EVENT_LIMIT_BREACHED, cut.reason, order.asset, order_id, asked, order.rest - before
        )
        event.rule = cut.rule
    return 0
