cimport cython
from libc.stdint cimport int32_t


# One rule as added: its label in the results, its assets, its slots in the plan.
@cython.final
cdef class RuleEntry:
    cdef object rule
    cdef str label
    cdef object assets               # tuple of names, or None for all
    cdef list slots
    cdef int32_t number              # position in the result's rule names
    cdef int32_t addition            # which call of add_rule it came with
    cdef bint is_active

    cdef bint is_for(self, object asset) except -1


@cython.final
cdef class RuleList:
    cdef list entries                # every rule ever added, removed ones too
    cdef dict _times                 # label -> how often a rule of that name was added
    cdef set _labels
    cdef int32_t _n_additions

    cdef list add(self, object rule, object assets)
    cdef list found(self, object rule)
    cdef list active(self)
    cdef int forget_removed(self) except -1
    cdef int drop(self, RuleEntry entry) except -1
