from libc.math cimport fabs
from libc.stdint cimport int32_t, int64_t

from ml4t.backtest.core.ranges cimport is_quantity
from ml4t.backtest.core.types cimport TermsRecord
from ml4t.backtest.execution.broker cimport Broker
from ml4t.backtest.execution.order_terms cimport say_something
from ml4t.backtest.risk.manager cimport RiskManager


# ``terms``: NULL of a market order of units that waits until it is cancelled. Most orders are one, no rule and no
# rounding looks at them, and they are far from any limit: they go into the book as they are.
cdef inline int64_t place(
    Broker broker, RiskManager risk, int32_t asset, double units, int32_t reason, bint reduce_only,
    const TermsRecord* terms
) except -1 nogil:
    if (
        not say_something(terms) and risk.order_checks.n == 0
        and (units != 0.0 if reduce_only else is_quantity(units) and not broker.settings.whole_units)
        and (risk.limits.n == 0 or not reduce_only and risk.limits.lets_pass(asset, fabs(units)))
    ):
        return broker.book.accept(asset, units, reason, reduce_only)
    return place_with_care(broker, risk, asset, units, reason, reduce_only, terms)


cdef int64_t place_with_care(
    Broker broker, RiskManager risk, int32_t asset, double units, int32_t reason, bint reduce_only,
    const TermsRecord* terms
) except -1 nogil
