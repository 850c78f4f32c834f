from ml4t.backtest.strategy.strategy cimport CompiledStrategy


cdef class WeightedStrategy(CompiledStrategy):
    cdef readonly object every
    """When it is called: every so many timestamps, or an edge of a period; None: at all of them."""
    cdef readonly object when
    """What has to hold where it is called: a column, a number of positions or both; None: nothing."""
    cdef double* weight              # by asset: the targets of the moment; NaN leaves alone

    # Fill ``weight``, which holds NaN alone.
    cdef int weigh(self) except -1 nogil
    cdef const double* column_of(self, str name) except? NULL
