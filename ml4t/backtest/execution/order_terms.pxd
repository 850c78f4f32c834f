# The terms of an order: the prices it waits for, and how long.

from libc.math cimport INFINITY, NAN, isnan
from libc.stdint cimport INT64_MAX

from ml4t.backtest.core.types cimport (
    TYPE_LIMIT, TYPE_MARKET, TYPE_STOP, TYPE_STOP_LIMIT, TYPE_TRAILING_STOP, VALID_FOK, VALID_GTC, VALID_IOC,
    OrderRecord, OrderType, TermsRecord,
)


# Those of a market order of units that waits until it is cancelled.
cdef inline TermsRecord no_terms() noexcept nogil:
    cdef TermsRecord terms
    terms.limit = NAN
    terms.stop = NAN
    terms.stop_loss = NAN
    terms.take_profit = NAN
    terms.trail = NAN
    terms.trail_percent = NAN
    terms.water = NAN
    terms.valid_until = INT64_MAX
    terms.parent = 0
    terms.sibling = 0
    terms.sibling_before = 0
    terms.amount = 0.0
    terms.is_weight = 0
    terms.type = TYPE_MARKET
    terms.time_in_force = VALID_GTC
    terms.is_triggered = 0
    return terms


# They say more than a market order of units that waits until it is cancelled; NULL does not.
cdef inline bint say_something(const TermsRecord* terms) noexcept nogil:
    return terms != NULL and (
        terms.type != TYPE_MARKET or terms.time_in_force != VALID_GTC or terms.amount != 0.0
        or is_bracket(terms) or terms.sibling != 0
    )


# What it enters is to leave again, at a stop or a target.
cdef inline bint is_bracket(const TermsRecord* terms) noexcept nogil:
    return not (isnan(terms.stop_loss) and isnan(terms.take_profit))


# A stop or a limit at a price, until it is cancelled.
cdef inline TermsRecord terms_at(OrderType type, double price) noexcept nogil:
    cdef TermsRecord terms = no_terms()
    terms.type = type
    if type == TYPE_LIMIT:
        terms.limit = price
    else:
        terms.stop = price
    return terms


# It waits for a price; else for an open or a close.
cdef inline bint waits_for_a_price(const TermsRecord* terms) noexcept nogil:
    return terms.type == TYPE_LIMIT or terms.type == TYPE_STOP_LIMIT or is_stop(terms)


# At its price it becomes a market order.
cdef inline bint is_stop(const TermsRecord* terms) noexcept nogil:
    return terms.type == TYPE_STOP or terms.type == TYPE_TRAILING_STOP


# The price that decides next is its limit.
cdef inline bint is_limit(const TermsRecord* terms) noexcept nogil:
    return terms.type == TYPE_LIMIT or (terms.type == TYPE_STOP_LIMIT and terms.is_triggered)


# The price an order waits for.
cdef inline double awaited_price(const TermsRecord* terms) noexcept nogil:
    return terms.limit if is_limit(terms) else terms.stop


# It waits for prices that rise: a limit that sells, a stop that buys.
cdef inline bint waits_above(const OrderRecord* order, const TermsRecord* terms) noexcept nogil:
    return is_limit(terms) == (order.quantity < 0.0)


# It is tried once: what its first turn to fill leaves of it is gone.
cdef inline bint is_immediate(const TermsRecord* terms) noexcept nogil:
    return terms.time_in_force == VALID_IOC or terms.time_in_force == VALID_FOK


# The price has come to what the order waits for.
cdef inline bint is_met(
    const OrderRecord* order, const TermsRecord* terms, double price
) noexcept nogil:
    cdef double awaited = awaited_price(terms)
    return price >= awaited if waits_above(order, terms) else price <= awaited


# By which orders of one side stand, the nearest first: the price, falling ones negated. Every bar has to look
# at an order that is tried once.
cdef inline double nearness(const OrderRecord* order, const TermsRecord* terms) noexcept nogil:
    if is_immediate(terms):
        return -INFINITY
    return awaited_price(terms) if waits_above(order, terms) else -awaited_price(terms)


# A price within the limit: no worse for the order.
cdef inline bint is_within(const OrderRecord* order, double price, double limit) noexcept nogil:
    return price <= limit if order.quantity > 0.0 else price >= limit
