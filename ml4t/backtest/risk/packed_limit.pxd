# One limit of the portfolio, as C.

from libc.stdint cimport int8_t, int32_t, int64_t

from ml4t.backtest.risk.ranked_room cimport Ranking
from ml4t.backtest.risk.realised_risk cimport RealisedRisk


# In the order of LimitKind (risk/limits/limit_spec.py).
cdef enum LimitKind:
    DAILY_LOSS = 0
    DRAWDOWN = 1
    GROSS = 2
    VOLATILITY = 3
    VAR = 4
    CVAR = 5
    NET = 6
    WEIGHT = 7
    GROUP = 8
    TURNOVER = 9
    POSITIONS = 10
    RESTRICTED = 11
    ONE_SIDE = 12
    PYTHON = 13


# In the order of ON_BREACH there.
cdef enum OnBreach:
    WARN = 0
    REJECT = 1
    SCALE = 2
    HALT = 3
    FLATTEN = 4


cdef enum Resume:
    NEXT_SESSION = 0
    NEVER = -1


cdef struct Limit:
    double value                 # currency, a number of positions, or
    double* values               # by asset: of its group; NULL: one for all
    int8_t is_pct                # a part of equity
    int8_t kind
    int8_t on_breach
    int8_t is_breached
    int8_t is_halting
    int8_t sees_marks            # each of them, to know what it measures by
    int8_t at_marks              # tried at them
    int8_t is_grouped            # its spec has more to say: groups,
    int8_t is_restricted         # assets,
    int8_t is_ranked             # a column by which orders make room
    int64_t resume               # Resume, or so many timestamps
    int64_t halted_t             # the timestamp of the run of the breach
    int64_t halted_until         # the end of its session
    double peak
    int32_t priority
    int32_t rule
    int32_t reason
    int32_t grouping
    double* is_for               # by asset, 1 or 0; NULL: for all
    int64_t bars                 # of turnover
    RealisedRisk* risk           # NULL: it measures none
    int32_t python               # of its rule among those in Python
    Ranking* ranking             # who makes room; NULL: nobody does


cdef class PackedLimit:
    cdef Limit limit             # what is the same in every run
    cdef str reason


cdef inline bint knows_sessions(const Limit* limit) noexcept nogil:
    return limit.kind == DAILY_LOSS or (limit.on_breach >= HALT and limit.resume == NEXT_SESSION)


# Losses, and sizes of what is held that warn, halt or flatten. The others look at orders alone.
cdef inline bint is_tried_at_marks(const Limit* limit) noexcept nogil:
    if limit.kind <= DRAWDOWN:
        return True
    if limit.kind in (TURNOVER, RESTRICTED, ONE_SIDE):
        return False
    return limit.on_breach != REJECT and limit.on_breach != SCALE


# Gross exposure, or that of a group: what waits on the smaller side of an asset adds nothing.
cdef inline bint holds_gross(const Limit* limit) noexcept nogil:
    return GROSS <= limit.kind <= CVAR or limit.kind == GROUP


# It measures by what has been.
cdef inline bint remembers(const Limit* limit) noexcept nogil:
    return VOLATILITY <= limit.kind <= CVAR or limit.kind == TURNOVER
