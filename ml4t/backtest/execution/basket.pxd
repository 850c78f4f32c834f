cimport cython
from libc.stdint cimport int64_t

from ml4t.backtest.core.settings cimport Settings
from ml4t.backtest.core.types cimport OrderRecord
from ml4t.backtest.execution.buying_power cimport Means
from ml4t.backtest.execution.costs cimport Costs, FillPrice
from ml4t.backtest.execution.order_book cimport OrderBook
from ml4t.backtest.portfolio.account cimport Account


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

    cdef int add(
        self, OrderRecord* order, double held, double wanted, const FillPrice* price, double left
    ) except -1 nogil
    cdef double payable_part(self) except -1.0 nogil
    cdef int _look_ahead(self, double* low, double* high) except -1 nogil
    cdef bint _may_get_cheaper(self) noexcept nogil
    cdef double _left_of(self, double part) except -1e300 nogil
    cdef double units_of(self, const Share* share, double part) noexcept nogil
    cdef bint _can_pay_all(self, double part) except -1 nogil
    cdef bint _can_pay_one_by_one(self, double part) except -1 nogil
