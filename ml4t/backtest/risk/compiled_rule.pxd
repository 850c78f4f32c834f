# Fast rules of one's own: a Cython subclass that overrides ``decide``, asked in C without the GIL.
#
# All fields of the two structs have eight bytes, so that other compilers lay them out alike.

from libc.stdint cimport int32_t, int64_t

from ml4t.backtest.risk.context cimport RiskContext


# What a rule may look at, under the names of RiskContext. NaN: not known, or none.
cdef struct RuleView:
    int64_t timestamp_ns         # time of the moment, UTC
    int64_t opening              # 1: the position has just been opened or added to, only levels count
    int64_t entry_time_ns
    int64_t bars_held            # closes seen since the opening
    double open                  # the bar; at an opening all but the open is NaN
    double high
    double low
    double close
    double volume
    double bid
    double ask
    double position_quantity     # positive long, negative short
    double entry_price           # average, slippage included, commission not
    double level_price           # what level formulas start from
    double water_mark            # the best price trailing levels follow
    double best_price            # since the opening
    double worst_price
    double split_ratio           # product of the splits since the opening
    double stop_loss_price       # in force
    double take_profit_price
    double equity                # at the marks of the moment
    double cash
    double gross                 # gross exposure


# What it wants. Comes filled with "nothing": zeros, NaN, and the rule's own priority.
cdef struct RuleAnswer:
    int64_t exit_type            # ExitKind: leave the whole position; 0: stay
    int64_t stop_type            # EXIT_TRAILING_STOP: the stop never moves against the position
    int64_t priority
    double update_stop_loss      # NaN: the rule's stop stays as it is
    double update_take_profit    # NaN: its target stays


cdef class CompiledRule:
    cdef readonly str name
    """Stands on the fills and trades the rule causes."""
    cdef readonly int64_t priority
    """Among conflicting decisions the highest wins."""
    cdef readonly tuple columns
    """Columns of the market data read at every question, as known then."""
    cdef readonly tuple frozen_columns
    """Columns read once per position, when it opens."""

    # ``columns`` holds the values of the columns, then those of the frozen columns.
    cdef void decide(
        self, const RuleView* view, const double* columns, RuleAnswer* answer
    ) noexcept nogil
    cdef double[::1] _guarded_values(self, RiskContext context)


# A rule that is a C function of three pointers, numba's for example.
ctypedef void (*rule_function)(
    const RuleView* view, const double* columns, RuleAnswer* answer
) noexcept nogil


cdef class CFuncRule(CompiledRule):
    cdef readonly object cfunc
    """The object whose ``address`` is called; kept alive by the rule."""
    cdef rule_function function


# Doubles before and after the columns that a rule is given. What it changes there is not its own: C
# cannot keep a rule from writing, but it can be told afterwards.
cdef enum:
    N_GUARDS = 4

cdef extern from *:
    """
    #define ML4T_GUARD -7.3e77
    """
    const double GUARD "ML4T_GUARD"


# ``columns`` begins N_GUARDS doubles after its memory and ends as many before the end of it.
cdef inline void set_guards(double* columns, int32_t n_columns) noexcept nogil:
    cdef int32_t i
    for i in range(N_GUARDS):
        columns[i - N_GUARDS] = GUARD
        columns[n_columns + i] = GUARD


cdef inline bint guards_hold(const double* columns, int32_t n_columns) noexcept nogil:
    cdef int32_t i
    for i in range(N_GUARDS):
        if columns[i - N_GUARDS] != GUARD or columns[n_columns + i] != GUARD:
            return False
    return True


cdef const char* WROTE_BEYOND

cdef void ask_nothing(RuleAnswer* answer, int64_t priority) noexcept nogil
# Why an answer cannot be; NULL when it can.
cdef const char* fault_of(const RuleAnswer* answer) noexcept nogil
