from libc.stdint cimport int64_t

from ml4t.backtest.risk.portfolio_history cimport PortfolioHistory


cdef enum RiskKind:
    OF_VOLATILITY = 0
    OF_VAR = 1
    OF_CVAR = 2


# The risk of a unit of exposure, by the last values of x that a history has.
cdef struct RealisedRisk:
    RiskKind kind
    int64_t window
    int64_t min_periods
    double confidence
    double periods_per_year
    int64_t n_seen               # values of the history
    double now                   # of the last of these; NaN while there are too few
    double* smallest             # those of the window, sorted; of a volatility none
    int64_t n_sorted
    int64_t capacity


cdef RealisedRisk* new_risk(RiskKind kind, object window) except NULL
cdef void free_risk(RealisedRisk* risk) noexcept nogil
cdef int measure_risk(RealisedRisk* risk, PortfolioHistory history) except -1 nogil
