cimport cython
from libc.stdint cimport int32_t, int64_t

from ml4t.backtest.strategy.strategy cimport CompiledStrategy


@cython.final
cdef class SignalStrategy(CompiledStrategy):
    cdef readonly str entry
    """Column that says when to go long; None: never."""
    cdef readonly str exit
    """Column that says when to leave a long; None: rules alone do."""
    cdef readonly str short_entry
    """Column that says when to go short; None: never."""
    cdef readonly str short_exit
    """Column that says when to leave a short; None: rules alone do."""
    cdef double quantity
    cdef double value
    cdef double percent
    cdef bint at_fill                # the units are found at the fill
    cdef const double* columns[4]

    cdef bint _is_on(self, int column, int64_t row) noexcept nogil
    cdef int _act(self, int32_t asset, int64_t row) except -1 nogil
    cdef int _open(self, int32_t asset, int64_t row) except -1 nogil
    cdef int _leave(
        self, int32_t asset, int own_entry, int exit_column, int other_entry, int64_t row,
        double other_side
    ) except -1 nogil
    cdef int _pass_over(self, int column, int32_t asset, int64_t row, int32_t reason) except -1 nogil
    cdef int _enter(self, int32_t asset, double direction) except -1 nogil
