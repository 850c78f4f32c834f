cimport cython
from libc.math cimport floor
from libc.stdint cimport int32_t, int64_t

from ml4t.backtest.core.settings cimport Settings
from ml4t.backtest.core.types cimport OrderRecord
from ml4t.backtest.execution.buying_power cimport Means
from ml4t.backtest.execution.costs cimport Costs, FillPrice
from ml4t.backtest.execution.order_book cimport OrderBook
from ml4t.backtest.execution.participation cimport cut_to, left_after
from ml4t.backtest.portfolio.account cimport Account
from ml4t.backtest.portfolio.position cimport is_negligible, side_of


# Where an order stands in its basket; above zero it is the number of its share, from 1.
cdef enum BasketPlace:
    NO_BASKET = 0
    IN_BASKET = -1
    JOINED = -2


# What one order of a basket is to enter.
cdef struct Share:
    int64_t order_id
    double wanted                # as far as its target has room
    double units                 # and the volume of the bar allows
    FillPrice price
    double reached               # what its asset is to be once it has entered all of them
    double left                  # and what of the volume may still fill then


@cython.final
cdef class Basket:
    cdef OrderBook book
    cdef Costs costs
    cdef Account account
    cdef Settings settings
    cdef Share* shares
    cdef int64_t n
    cdef int64_t _capacity

    # The share of an order, which knows it by its number from now on. Its price is to be written there.
    cdef inline Share* add(
        self, OrderRecord* order, double held, double wanted, double left
    ) except NULL nogil:
        cdef double units = cut_to(wanted, left)
        cdef Share* share
        if self.n == self._capacity:
            self._grow()
        share = &self.shares[self.n]
        share.order_id = order.order_id
        share.wanted = wanted
        share.units = units
        share.reached = held + side_of(order.quantity) * units
        share.left = left_after(left, units)
        self.n += 1
        order.part = <int32_t> self.n
        return share

    cdef int _grow(self) except -1 nogil
    cdef double payable_part(self) except -1.0 nogil
    cdef int _look_ahead(self, double* low, double* high) except -1 nogil
    cdef bint _may_get_cheaper(self) noexcept nogil
    cdef double _left_of(self, double part) except -1e300 nogil
    # So much of a share; all of it is not rounded.
    cdef inline double units_of(self, const Share* share, double part) noexcept nogil:
        cdef double units = part * share.units
        if part == 1.0:
            return share.units
        if is_negligible(units, share.units):
            return 0.0
        return floor(units) if self.settings.whole_units else units

    cdef bint _can_pay_all(self, double part) except -1 nogil
    cdef bint _can_pay_one_by_one(self, double part) except -1 nogil
