cimport cython
from libc.math cimport fabs, isnan
from libc.stdint cimport int32_t

from ml4t.backtest.core.ranges cimport LEAST_UNITS
from ml4t.backtest.core.types cimport TermsRecord
from ml4t.backtest.portfolio.account cimport Account
from ml4t.backtest.risk.manager cimport RiskManager


cdef double units_at_risk(
    RiskManager risk, int32_t asset, double side, double money, const TermsRecord* terms
) except? -1.0


# The price that an order waits for, or the mark.
cdef inline double own_price(Account account, int32_t asset, const TermsRecord* terms) noexcept:
    if not isnan(terms.limit):
        return terms.limit
    return account.mark[asset] if isnan(terms.stop) else terms.stop


# Fewer units than an order can have; what closes a position is of any size that a position has.
cdef inline bint is_nothing(double units, bint reduce_only) noexcept nogil:
    return units == 0.0 or (not reduce_only and fabs(units) < LEAST_UNITS)


# Of the money of an order, what a rule left when it left so many of the units asked, which are some.
@cython.cdivision(True)
cdef inline double what_is_left(double amount, double passed, double asked) noexcept nogil:
    return amount if passed == asked else amount * (passed / asked)
