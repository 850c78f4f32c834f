cimport cython
from libc.stdint cimport int8_t, int32_t, int64_t

from ml4t.backtest.strategy.ranking cimport Ranked
from ml4t.backtest.strategy.weighted_strategy cimport WeightedStrategy


# How the chosen share what a side is worth, in the order of WEIGHTS.
cdef enum Share:
    SHARE_EQUAL = 0
    SHARE_SCORE = 1
    SHARE_INVERSE_VOLATILITY = 2


# One side of the portfolio.
cdef struct RankedSide:
    double direction             # 1 long, -1 short
    double percent
    int32_t k                    # places; 0: the side is left out
    int32_t keep                 # held ones stay while they are among so many


@cython.final
cdef class TopK(WeightedStrategy):
    cdef readonly str score
    """Column that ranks: the highest are bought, the lowest sold short."""
    cdef readonly str volatility
    """Column by whose inverse the chosen share; None without one."""
    cdef readonly str weights
    """How the chosen share: equal, score or inverse_volatility."""
    cdef RankedSide long_
    cdef RankedSide short_
    cdef Share share
    cdef const double* _score
    cdef const double* _volatility
    cdef Ranked* candidates          # by row of the timestamp
    cdef Ranked* best                # the best of them, the best first
    cdef int8_t* is_chosen           # of those

    cdef int _choose(self, const RankedSide* side) except -1 nogil
    cdef int32_t _find_candidates(self, const RankedSide* side) noexcept nogil
    cdef int32_t _mark(self, const RankedSide* side, int32_t n_best) noexcept nogil
    cdef int32_t _asset_of(self, const Ranked* one) noexcept nogil
    cdef bint _is_held(self, const RankedSide* side, int32_t asset) noexcept nogil
    cdef void _weigh_chosen(self, const RankedSide* side, int32_t n_best, int32_t n) noexcept nogil
    cdef double _share_of(self, const Ranked* one) noexcept nogil
