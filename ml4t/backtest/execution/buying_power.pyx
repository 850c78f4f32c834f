"""Buying power: how many units of an entry can be paid (semantics sections 3 and 6)."""

cimport cython
from libc.math cimport floor
from libc.stdint cimport int32_t

from ml4t.backtest.core.settings cimport INSUFFICIENT_ALLOW, INSUFFICIENT_REJECT, Settings
from ml4t.backtest.core.types cimport (
    REASON_INSUFFICIENT_CASH, REASON_INSUFFICIENT_MARGIN, REASON_SHORT_IN_CASH_ACCOUNT, OrderRecord,
)
from ml4t.backtest.execution.costs cimport Costs, whole_units
from ml4t.backtest.portfolio.account cimport Account
from ml4t.backtest.portfolio.position cimport is_negligible


cdef Means means_of(const Settings* settings, Account account) noexcept nogil:
    cdef Means means
    means.has_margin = settings.margin_account
    means.cash = account.cash
    means.equity = account.equity() if settings.margin_account else 0.0
    means.gross = account.gross() if settings.margin_account else 0.0
    return means


# All of the units, as many as can be paid, or none, as the settings say. Inside a bar ``as_if`` is what there
# would be if none of its exits had happened; else it is NULL.
cdef double affordable_units(
    Costs costs, Account account, const Means* as_if, const OrderRecord* order, double units, double price
) except -1.0 nogil:
    cdef const Settings* settings = &costs.settings
    cdef Means means
    cdef double paid
    if is_short_in_cash_account(settings, order):
        return 0.0
    if settings.on_insufficient == INSUFFICIENT_ALLOW:
        return units
    means = means_of(settings, account)
    if can_pay_either_way(costs, &means, as_if, order, units, price):
        return units
    if settings.on_insufficient == INSUFFICIENT_REJECT:
        return 0.0
    paid = _search(costs, &means, as_if, order, units, price)
    if is_negligible(paid, units):
        return 0.0
    return floor(paid) if settings.whole_units else paid


# As many units as an amount of money is worth at a price, with their fee within it: as a purse of so much cash would pay.
# No division by zero: where an order can be sized by money, prices are positive.
@cython.cdivision(True)
cdef double units_for(
    Costs costs, const OrderRecord* order, double amount, double price
) except -1.0 nogil:
    cdef Means purse
    cdef double units = amount / price
    purse.has_margin = False
    purse.cash = amount
    if costs.settings.whole_units:
        units = whole_units(units)
    if can_pay(costs, &purse, order, units, price):
        return units
    units = _search(costs, &purse, NULL, order, units, price)
    return floor(units) if costs.settings.whole_units else units


# Why an entry could not be paid in full.
cdef int32_t why_not_affordable(const Settings* settings, const OrderRecord* order) noexcept nogil:
    if settings.margin_account:
        return REASON_INSUFFICIENT_MARGIN
    return REASON_INSUFFICIENT_CASH if order.quantity > 0.0 else REASON_SHORT_IN_CASH_ACCOUNT


# Halve between nothing and what was ordered, from the side that can be paid.
cdef double _search(
    Costs costs, const Means* means, const Means* as_if, const OrderRecord* order, double units, double price
) except -1.0 nogil:
    cdef double low = 0.0
    cdef double high = units
    cdef double middle
    cdef int step
    for step in range(SEARCH_STEPS):
        middle = (low + high) / 2.0
        if can_pay_either_way(costs, means, as_if, order, middle, price):
            low = middle
        else:
            high = middle
    return low
