cimport cython
from libc.stdint cimport int32_t

from ml4t.backtest.risk.lowered_rule cimport LoweredRule


# One rule as added: its label in the results, its assets, its slots in the plan.
@cython.final
cdef class RuleEntry:
    cdef object rule
    cdef LoweredRule lowered         # as it was asked at the beginning of the run, or when it was added; None before
    cdef str label
    cdef object assets               # tuple of names, or None for all
    cdef list slots
    cdef int32_t number              # position in the result's rule names
    cdef bint is_active

    cdef bint is_for(self, object asset) except -1
    cdef LoweredRule asked(self)
    cdef int check_regimes(self, object data) except -1


@cython.final
cdef class RuleList:
    cdef list _all                   # every rule ever added, removed ones too
    cdef list labels                 # of all of them, by number
    cdef dict _by_label              # label -> entry
    cdef dict _by_rule               # id of a rule -> its entries in force
    cdef dict _times                 # name -> the last number given to it

    cdef list add(self, tuple members, object names)
    cdef RuleEntry _append(self, object rule, tuple names, str label)
    cdef list copies(self)
    cdef str as_page(self)
    cdef int restore(self, list copies) except -1
    cdef list found(self, object rule)
    cdef int remove(self, RuleEntry entry) except -1
    cdef list active(self)
    cdef list all(self)
    cdef int32_t n_slots(self) except -1
    cdef int check_regimes(self, object data) except -1
    cdef int forget_removed(self) except -1
    cdef list _equal(self, tuple members)
    cdef list _made_of(self, object function)
    cdef str _free_label(self, str name)
