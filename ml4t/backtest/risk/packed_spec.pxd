# A RuleSpec as the slot it becomes.

from ml4t.backtest.risk.said_levels cimport Slot


cdef void clear(Slot* slot) noexcept nogil


cdef class PackedSpec:
    cdef Slot slot               # what is the same in every run
    cdef int traits              # Trait
    cdef str column              # that the parameter is read from; None: it is a number
    cdef str multiple            # likewise
    cdef str activation
    cdef str tighten
    cdef str floor
    cdef str beyond
    cdef bint live               # columns are read anew at every close
    cdef object regime           # Regime, or None
