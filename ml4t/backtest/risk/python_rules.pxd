cimport cython
from libc.stdint cimport int32_t, int64_t

from ml4t.backtest.core.reasons cimport Reasons
from ml4t.backtest.portfolio.position cimport Position
from ml4t.backtest.risk.context cimport RiskContext
from ml4t.backtest.risk.contexts cimport Contexts
from ml4t.backtest.risk.rule_list cimport RuleEntry
from ml4t.backtest.risk.rule_plan cimport RulePlan
from ml4t.backtest.risk.verdict cimport Verdict


@cython.final
cdef class PythonRules:
    cdef RulePlan plan
    cdef Contexts contexts
    cdef Reasons reasons
    cdef list asked                  # by slot: (what is called with a context, entry); None of other slots
    cdef int32_t n_rules             # in force
    cdef int64_t n_asked

    cdef inline object _at(self, int32_t slot):
        return self.asked[slot] if slot < len(self.asked) else None

    cdef int add(self, RuleEntry entry, int32_t slot) except -1
    cdef int remove(self, int32_t slot) except -1
    cdef int ask(
        self, const Position* position, bint opening, bint sees_bar, Verdict* verdict
    ) except -1
    cdef int32_t _place_of(self, RuleEntry entry, int32_t slot, object about) except -1
    cdef int _take(
        self, const Position* position, RuleEntry entry, int32_t slot, object decision,
        RiskContext context, Verdict* verdict
    ) except -1
