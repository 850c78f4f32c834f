cimport cython
from libc.stdint cimport int32_t

from ml4t.backtest.portfolio.positions cimport Positions
from ml4t.backtest.risk.contexts cimport Contexts
from ml4t.backtest.risk.rule_list cimport RuleEntry


@cython.final
cdef class OrderChecks:
    cdef Contexts contexts
    cdef Positions positions
    cdef int32_t n                   # rules that override validate_order
    cdef set _added                  # all entries
    cdef list _of_all                # entries for every asset
    cdef dict _of_one                # asset -> entries for it
    cdef int32_t rule                # of the order just asked about: that refused it, or changed it first; -1: none
    cdef dict _asked                 # asset -> both, in the order in which they are asked

    cdef int add(self, RuleEntry entry) except -1
    cdef int remove(self, RuleEntry entry) except -1
    cdef int validate(self, int32_t asset, double* quantity, bint reduce_only) except -1
    cdef list _asked_of(self, object name)
