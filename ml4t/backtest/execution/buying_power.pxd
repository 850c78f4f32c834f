from libc.math cimport fabs
from libc.stdint cimport int32_t

from ml4t.backtest.core.settings cimport Settings
from ml4t.backtest.core.types cimport OrderRecord
from ml4t.backtest.execution.costs cimport Costs
from ml4t.backtest.portfolio.account cimport Account

# Semantics section 3: halvings of the search for what can be paid.
cdef enum:
    SEARCH_STEPS = 64


# What there is to pay with, at the marks of the moment.
cdef struct Means:
    double cash
    double equity                # of a margin account only; so gross
    double gross
    bint has_margin              # else it is cash that pays


cdef Means means_of(const Settings* settings, Account account) noexcept nogil
cdef double affordable_units(
    Costs costs, Account account, const Means* as_if, const OrderRecord* order, double units, double price
) except -1.0 nogil
cdef double units_for(
    Costs costs, const OrderRecord* order, double amount, double price
) except -1.0 nogil
cdef int32_t why_not_affordable(const Settings* settings, const OrderRecord* order) noexcept nogil


cdef inline bint can_pay_with_fee(
    const Settings* settings, const Means* means, double units, double price, double fee
) noexcept nogil:
    if means.has_margin:
        return (
            settings.initial_margin * (means.gross + units * fabs(price)) <= means.equity - fee
        )
    return units * price + fee <= means.cash


cdef inline bint can_pay(
    Costs costs, const Means* means, const OrderRecord* order, double units, double price
) except -1 nogil:
    return can_pay_with_fee(
        &costs.settings, means, units, price, costs.commission(order, units, price)
    )


# With what there is, and inside a bar with what there would be without its exits, too.
cdef inline bint can_pay_either_way(
    Costs costs, const Means* means, const Means* as_if, const OrderRecord* order, double units, double price
) except -1 nogil:
    return can_pay(costs, means, order, units, price) and (
        as_if == NULL or can_pay(costs, as_if, order, units, price)
    )


# Whether an entry can never be paid, whatever there is.
cdef inline bint is_short_in_cash_account(
    const Settings* settings, const OrderRecord* order
) noexcept nogil:
    return not settings.margin_account and order.quantity < 0.0
