"""An order of the strategy on its way into the book: rules and limits of the portfolio see it, units are rounded."""

from libc.math cimport fabs
from libc.stdint cimport int32_t, int64_t

from ml4t.backtest.core.ranges cimport MOST_UNITS
from ml4t.backtest.core.types cimport (
    EVENT_SCALED, ORDER_OPEN, REASON_NONE, REASON_RULE, REASON_ZERO_QUANTITY, EventRecord, OrderRecord, TermsRecord,
)
from ml4t.backtest.execution.broker cimport Broker
from ml4t.backtest.execution.costs cimport whole_units
from ml4t.backtest.execution.order_terms cimport say_something
from ml4t.backtest.portfolio.position cimport side_of
from ml4t.backtest.risk.manager cimport RiskManager
from ml4t.backtest.risk.portfolio_limits cimport TAKES_NO_PLACE, Cut, no_cut
from ml4t.backtest.strategy.order_arguments cimport too_many
from ml4t.backtest.strategy.sizes cimport is_nothing, what_is_left


# The rules see it, whole units are rounded, then it waits.
cdef int64_t place_with_care(
    Broker broker, RiskManager risk, int32_t asset, double units, int32_t reason, bint reduce_only,
    const TermsRecord* terms
) except -1 nogil:
    cdef double asked = units
    if not reduce_only and fabs(units) > MOST_UNITS:
        return too_many(units)
    if is_nothing(units, reduce_only):
        return broker.book.refuse_with(asset, asked, REASON_ZERO_QUANTITY, terms)
    if risk.order_checks.n > 0 or risk.limits.n > 0:
        return _place_within(broker, risk, asset, units, reason, reduce_only, terms)
    if broker.settings.whole_units and not reduce_only:
        units = _whole(units)
        if units == 0.0:
            return broker.book.refuse_with(asset, asked, REASON_ZERO_QUANTITY, terms)
    return _accept(broker, asset, units, asked, asked, reason, reduce_only, terms)


# The same of one that a rule or a limit of the portfolio looks at.
cdef int64_t _place_within(
    Broker broker, RiskManager risk, int32_t asset, double asked, int32_t reason, bint reduce_only,
    const TermsRecord* terms
) except -1 nogil:
    cdef double units = asked
    cdef double left, passed
    cdef int32_t problem
    cdef int64_t order_id
    cdef Cut by_rule = no_cut()
    cdef Cut cut = no_cut()
    if risk.order_checks.n > 0 and not _validate(risk, asset, &units, reduce_only, &by_rule):
        return _refuse_beyond(broker, asset, asked, &by_rule, terms)
    left = units
    if risk.limits.n > 0 and not reduce_only:
        problem = risk.limits.admit(asset, &units, TAKES_NO_PLACE if broker.book.is_late(terms) else 0.0, &cut)
        if problem != REASON_NONE:
            return broker.book.refuse_with(asset, asked, problem, terms)
    passed = units
    if broker.settings.whole_units and not reduce_only:
        units = _whole(units)
    if is_nothing(units, reduce_only):
        return _refuse_nothing(broker, asset, asked, by_rule.rule, &cut, terms)
    # What a halt lets pass does no more than reduce, whatever becomes of its position.
    reduce_only = reduce_only or cut.only_reduces or risk.limits.n_halting > 0
    order_id = _accept(broker, asset, units, passed, asked, reason, reduce_only, terms)
    if by_rule.rule >= 0:
        _tell_cut(broker, order_id, asked, left, &by_rule)
    if cut.rule >= 0:
        _tell_cut(broker, order_id, left, units, &cut)
    return order_id


# Into the book; an order of money keeps as much of it as has passed of the units asked.
cdef inline int64_t _accept(
    Broker broker, int32_t asset, double units, double passed, double asked, int32_t reason, bint reduce_only,
    const TermsRecord* terms
) except -1 nogil:
    cdef TermsRecord accepted
    if not say_something(terms):
        return broker.book.accept(asset, units, reason, reduce_only)
    accepted = terms[0]
    if accepted.amount != 0.0:
        broker.portfolio.account.is_watched = True  # the fill asks for equity
        accepted.amount = what_is_left(accepted.amount, passed, asked)
    return broker.book.accept_with(asset, units, reason, reduce_only, &accepted)


cdef inline double _whole(double units) noexcept nogil:
    return side_of(units) * whole_units(fabs(units))


cdef int _validate(
    RiskManager risk, int32_t asset, double* units, bint reduce_only, Cut* by_rule
) except -1 with gil:
    cdef int passes = risk.validate(asset, units, reduce_only)
    by_rule.rule, by_rule.reason = risk.order_checks.rule, REASON_RULE
    return passes


# A rule, or a limit, has left nothing of an order.
cdef int64_t _refuse_beyond(
    Broker broker, int32_t asset, double asked, const Cut* cut, const TermsRecord* terms
) except -1 nogil:
    cdef int64_t order_id = broker.book.refuse_with(asset, asked, cut.reason, terms)
    broker.events.last().rule = cut.rule
    return order_id


# Less than an order can have is left, by a limit or by what a rule (-1: none) has made of it.
cdef int64_t _refuse_nothing(
    Broker broker, int32_t asset, double asked, int32_t rule, const Cut* cut, const TermsRecord* terms
) except -1 nogil:
    cdef int64_t order_id
    if cut.rule >= 0:
        return _refuse_beyond(broker, asset, asked, cut, terms)
    order_id = broker.book.refuse_with(asset, asked, REASON_ZERO_QUANTITY, terms)
    broker.events.last().rule = rule
    return order_id


# An order that waits now has other units than were asked for: a rule or a limit has changed them.
cdef int _tell_cut(Broker broker, int64_t order_id, double asked, double given, const Cut* cut) except -1 nogil:
    cdef const OrderRecord* order = broker.book.order(order_id)
    cdef EventRecord* event
    if order.status != ORDER_OPEN:
        return 0
    event = broker.events.add(EVENT_SCALED, cut.reason, order.asset, order_id, asked, given)
    event.rule = cut.rule
    return 0
