"""Volatility or value at risk of a unit of exposure, as the run has been so far (section 7 of ``docs/semantics.md``)."""

cimport cython
from libc.math cimport NAN, ceil, sqrt
from libc.stdint cimport int64_t
from libc.stdlib cimport calloc, free, realloc
from libc.string cimport memmove

from ml4t.backtest.risk.portfolio_history cimport PortfolioHistory


# ``window``: a RiskWindow.
cdef RealisedRisk* new_risk(RiskKind kind, object window) except NULL:
    cdef RealisedRisk* risk = <RealisedRisk*> calloc(1, sizeof(RealisedRisk))
    if risk == NULL:
        raise MemoryError("no memory for a limit")
    risk.kind = kind
    risk.window = window.window
    risk.min_periods = window.min_periods
    risk.confidence = window.confidence
    risk.periods_per_year = window.periods_per_year
    risk.now = NAN
    return risk


cdef void free_risk(RealisedRisk* risk) noexcept nogil:
    if risk != NULL:
        free(risk.smallest)
    free(risk)


# Bring it up to what the history has.
cdef int measure_risk(RealisedRisk* risk, PortfolioHistory history) except -1 nogil:
    cdef int64_t n = history.n_brought()
    cdef int64_t first = n - risk.window if n > risk.window else 0
    if risk.n_seen == n:
        return 0
    if risk.kind != OF_VOLATILITY:
        _take_new(risk, history, n)
    risk.n_seen = n
    if n - first < risk.min_periods:
        risk.now = NAN
    elif risk.kind == OF_VOLATILITY:
        risk.now = _volatility(risk, history, first, n)
    else:
        risk.now = _loss_of_the_worst(risk)
    return 0


@cython.cdivision(True)
cdef double _volatility(
    const RealisedRisk* risk, PortfolioHistory history, int64_t first, int64_t end
) noexcept nogil:
    cdef int64_t i
    cdef double n = <double> (end - first)
    cdef double total = 0.0
    cdef double squares = 0.0
    cdef double mean
    for i in range(first, end):
        total += history.brought(i)
    mean = total / n
    for i in range(first, end):
        squares += (history.brought(i) - mean) * (history.brought(i) - mean)
    return sqrt(squares / (n - 1.0)) * sqrt(risk.periods_per_year)


# The loss that the worst share has reached, or the mean of these.
@cython.cdivision(True)
cdef double _loss_of_the_worst(const RealisedRisk* risk) noexcept nogil:
    cdef int64_t i
    cdef int64_t k = <int64_t> ceil((1.0 - risk.confidence) * <double> risk.n_sorted - 1e-9)
    cdef double total = 0.0
    k = k if k > 1 else 1
    if risk.kind == OF_VAR:
        return -risk.smallest[k - 1]
    for i in range(k):
        total += risk.smallest[i]
    return -(total / <double> k)


# ---- the values of the window, sorted ------------------------------------------------------------


cdef int _take_new(RealisedRisk* risk, PortfolioHistory history, int64_t n) except -1 nogil:
    cdef int64_t i
    # Nobody has to know those that have come and gone.
    if n - risk.n_seen >= risk.window:
        risk.n_sorted = 0
        for i in range(n - risk.window, n):
            _insert(risk, history.brought(i))
        return 0
    for i in range(risk.n_seen, n):
        if i >= risk.window:
            _drop(risk, history.brought(i - risk.window))
        _insert(risk, history.brought(i))
    return 0


cdef int _insert(RealisedRisk* risk, double x) except -1 nogil:
    cdef int64_t place = _place_of(risk, x)
    if risk.n_sorted == risk.capacity:
        _grow(risk)
    memmove(
        &risk.smallest[place + 1], &risk.smallest[place], <size_t> (risk.n_sorted - place) * sizeof(double)
    )
    risk.smallest[place] = x
    risk.n_sorted += 1
    return 0


cdef int _grow(RealisedRisk* risk) except -1 nogil:
    cdef int64_t capacity = 64 + 2 * risk.capacity
    cdef void* moved = realloc(risk.smallest, <size_t> capacity * sizeof(double))
    if moved == NULL:
        with gil:
            raise MemoryError("no memory for the window of a limit")
    risk.smallest = <double*> moved
    risk.capacity = capacity
    return 0


cdef void _drop(RealisedRisk* risk, double x) noexcept nogil:
    cdef int64_t place = _place_of(risk, x)
    risk.n_sorted -= 1
    memmove(
        &risk.smallest[place], &risk.smallest[place + 1], <size_t> (risk.n_sorted - place) * sizeof(double)
    )


# Of the first that is not smaller.
cdef int64_t _place_of(const RealisedRisk* risk, double x) noexcept nogil:
    cdef int64_t low = 0
    cdef int64_t high = risk.n_sorted
    cdef int64_t middle
    while low < high:
        middle = low + ((high - low) >> 1)
        if risk.smallest[middle] < x:
            low = middle + 1
        else:
            high = middle
    return low
