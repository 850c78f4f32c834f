# Fast rules of one's own: a Cython subclass that overrides ``decide``, asked in C without the GIL.

from libc.stdint cimport int32_t, int64_t

from ml4t.backtest.risk.context cimport RiskContext
from ml4t.backtest.risk.rule_view cimport RuleAnswer, RuleView


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
