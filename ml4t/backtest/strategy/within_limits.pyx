"""What rules and limits of the portfolio do to an order of the strategy, and limits to a change of one."""

from libc.math cimport fabs
from libc.stdint cimport int32_t, int64_t

from ml4t.backtest.core.types cimport (
    EVENT_LIMIT_BREACHED, EVENT_SCALED, ORDER_OPEN, REASON_NONE, REASON_ZERO_QUANTITY, EventRecord, OrderRecord, TermsRecord,
)
from ml4t.backtest.execution.broker cimport Broker
from ml4t.backtest.execution.costs cimport whole_units
from ml4t.backtest.portfolio.position cimport side_of
from ml4t.backtest.risk.portfolio_limits cimport Cut, PortfolioLimits, no_cut


# A rule, or a limit, has left nothing of an order.
cdef int64_t refuse_beyond(
    Broker broker, int32_t asset, double asked, const Cut* cut, const TermsRecord* terms
) except -1 nogil:
    cdef int64_t order_id = broker.book.refuse_with(asset, asked, cut.reason, terms)
    broker.events.last().rule = cut.rule
    return order_id


# Less than an order can have is left, by a limit or by what a rule (-1: none) has made of it.
cdef int64_t refuse_nothing(
    Broker broker, int32_t asset, double asked, int32_t rule, const Cut* cut, const TermsRecord* terms
) except -1 nogil:
    cdef int64_t order_id
    if cut.rule >= 0:
        return refuse_beyond(broker, asset, asked, cut, terms)
    order_id = broker.book.refuse_with(asset, asked, REASON_ZERO_QUANTITY, terms)
    broker.events.last().rule = rule
    return order_id


# An order that waits now has other units than were asked for, if one has changed them.
cdef int tell_cut(Broker broker, int64_t order_id, double asked, double given, const Cut* cut) except -1 nogil:
    cdef const OrderRecord* order = broker.book.order(order_id)
    cdef EventRecord* event
    if cut.rule < 0 or order.status != ORDER_OPEN:
        return 0
    event = broker.events.add(EVENT_SCALED, cut.reason, order.asset, order_id, asked, given)
    event.rule = cut.rule
    return 0


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
