cimport cython

from ml4t.backtest.strategy.weighted_strategy cimport WeightedStrategy


@cython.final
cdef class TargetWeights(WeightedStrategy):
    cdef readonly str weights
    """Column of the weights."""
    cdef const double* _column
