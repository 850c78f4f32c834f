"""Basket: entries that are paid together, by one common part of each (semantics section 3, Baskets)."""

cimport cython
from libc.math cimport fabs, floor, ldexp
from libc.stddef cimport size_t
from libc.stdint cimport int64_t
from libc.stdlib cimport free, realloc

from ml4t.backtest.core.settings cimport INSUFFICIENT_REJECT
from ml4t.backtest.core.types cimport OrderRecord
from ml4t.backtest.execution.buying_power cimport SEARCH_STEPS, Means, can_pay_with_fee, means_of
from ml4t.backtest.execution.costs cimport Costs
from ml4t.backtest.execution.order_book cimport OrderBook
from ml4t.backtest.portfolio.account cimport Account


@cython.final
cdef class Basket:
    """What the orders of one basket are to enter at one moment; filled anew for each.

    Parameters
    ----------
    book : OrderBook
    costs : Costs
    """

    def __cinit__(self, OrderBook book not None, Costs costs not None):
        self.book = book
        self.costs = costs
        self.account = book.portfolio.account
        self.settings = book.settings

    def __dealloc__(self):
        free(self.shares)

    cdef int _grow(self) except -1 nogil:
        cdef int64_t capacity = 16 + 2 * self._capacity
        cdef void* moved = realloc(self.shares, <size_t> capacity * sizeof(Share))
        if moved == NULL:
            return _out_of_memory(capacity)
        self.shares = <Share*> moved
        self._capacity = capacity
        return 0

    # The part of every share that can be paid: 1, what the search finds, or 0 under reject.
    cdef double payable_part(self) except -1.0 nogil:
        cdef double low = 0.0
        cdef double high = 1.0
        cdef double middle
        cdef int step
        if self._can_pay_all(1.0):
            return 1.0
        if self.settings.on_insufficient == INSUFFICIENT_REJECT:
            return 0.0
        for step in range(self._look_ahead(&low, &high), SEARCH_STEPS):
            middle = (low + high) / 2.0
            if middle == low or middle == high:
                break  # no number lies between them
            if self._can_pay_all(middle):
                low = middle
            else:
                high = middle
        return low

    # Where the search is after so many steps, found by a straight line; returns how many. Where a larger part
    # costs more, and by more than rounding could hide, all numbers tried on the way there would have answered
    # as these two do. Halves of 1 are exact. No division by zero: both sums are above it.
    @cython.cdivision(True)
    cdef int _look_ahead(self, double* low, double* high) except -1 nogil:
        cdef double all_left = self._left_of(0.0)
        cdef double missing = -self._left_of(1.0)
        # Parts that so many halvings tell apart are further from one another than what rounding does to a sum.
        cdef int steps = 40 if self.n <= 1_000 else 32
        cdef double parts = ldexp(1.0, steps)
        cdef double below
        if not (all_left > 0.0 and missing > 0.0) or self._may_get_cheaper():
            return 0
        below = floor(all_left / (all_left + missing) * parts)
        if not self._can_pay_all(below / parts) or self._can_pay_all((below + 1.0) / parts):
            return 0
        low[0] = below / parts
        high[0] = (below + 1.0) / parts
        return steps

    # A larger part may cost less: negative prices, rebates, cheaper tiers.
    cdef bint _may_get_cheaper(self) noexcept nogil:
        cdef int64_t i
        for i in range(self.n):
            if self.shares[i].price.paid <= 0.0:
                return True
        return self.settings.commission.may_get_cheaper

    # What is left to pay with once so much of every share is paid; below zero: what is missing.
    cdef double _left_of(self, double part) except -1e300 nogil:
        cdef Means means = means_of(&self.settings, self.account)
        cdef const Share* share
        cdef const OrderRecord* order
        cdef double units
        cdef int64_t i
        for i in range(self.n):
            share = &self.shares[i]
            order = self.book.order(share.order_id)
            units = part * share.units
            _pay(
                &means, units, share.price.paid,
                self.costs.commission(order, units, share.price.paid),
            )
            self.costs.suppose(order, units, share.price.paid)
        self.costs.suppose_nothing()
        if self.settings.margin_account:
            return means.equity - self.settings.initial_margin * means.gross
        return means.cash

    # Whether so much of every share can be paid, one after the other.
    cdef bint _can_pay_all(self, double part) except -1 nogil:
        cdef bint can_pay = self._can_pay_one_by_one(part)
        self.costs.suppose_nothing()
        return can_pay

    cdef bint _can_pay_one_by_one(self, double part) except -1 nogil:
        cdef Means means = means_of(&self.settings, self.account)
        cdef const Share* share
        cdef const OrderRecord* order
        cdef double units
        cdef double fee
        cdef int64_t i
        for i in range(self.n):
            share = &self.shares[i]
            order = self.book.order(share.order_id)
            units = self.units_of(share, part)
            if units == 0.0:
                continue
            fee = self.costs.commission(order, units, share.price.paid)
            if not can_pay_with_fee(&self.settings, &means, units, share.price.paid, fee):
                return False
            _pay(&means, units, share.price.paid, fee)
            self.costs.suppose(order, units, share.price.paid)
        return True


# Cash as the account books a fill, so that what is tried here is what is paid. Margin by the sums of the test
# itself: at marks, slippage would make it depend on who comes last.
cdef inline void _pay(Means* means, double units, double price, double fee) noexcept nogil:
    means.cash = means.cash - (units * price + fee)
    means.equity = means.equity - fee
    means.gross = means.gross + units * fabs(price)


cdef int _out_of_memory(int64_t shares) except -1 with gil:
    raise MemoryError(f"no memory for the {shares} orders of a basket")
