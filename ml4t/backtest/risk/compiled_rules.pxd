# The compiled rules of a run: asked in C, one after the other, at openings and closes.

cimport cython
from cpython.object cimport PyObject
from libc.stdint cimport int32_t, int64_t

from ml4t.backtest.core.reasons cimport Reasons
from ml4t.backtest.core.settings cimport Settings
from ml4t.backtest.market.cursor cimport Cursor
from ml4t.backtest.portfolio.account cimport Account
from ml4t.backtest.portfolio.position cimport Position
from ml4t.backtest.risk.compiled_rule cimport CompiledRule
from ml4t.backtest.risk.rule_plan cimport RulePlan
from ml4t.backtest.risk.rule_view cimport RuleAnswer, RuleView
from ml4t.backtest.risk.verdict cimport Verdict


# Where one value that a rule reads comes from.
cdef struct Source:
    int32_t feature              # column of a signal or feature; else -1
    int32_t context              # column of a market-wide value; else -1
    int32_t input                # a frozen input of the plan; else -1


cdef struct Question:
    PyObject* rule               # a CompiledRule, kept alive by CompiledRules.rules
    Source* source               # of its columns, then of its frozen columns
    int32_t n_sources


@cython.final
cdef class CompiledRules:
    cdef Cursor cursor
    cdef Account account
    cdef RulePlan plan
    cdef list rules              # (rule, label), as the questions are numbered
    cdef Question* question
    cdef int32_t n_rules
    cdef int32_t _capacity
    cdef double* values          # the columns of the rule being asked, between guards
    cdef double* _memory
    cdef size_t _n_values
    cdef int32_t[8] reason       # by ExitKind
    cdef int64_t n_asked

    cdef int32_t add(self, CompiledRule rule, str label) except -1
    cdef int ask(
        self, const Position* position, const Settings* settings, bint opening, bint sees_bar,
        Verdict* verdict
    ) except -1 nogil
    cdef void _read(
        self, const Question* question, int32_t asset, int64_t row, int64_t t
    ) noexcept nogil
    cdef int _take(
        self, const Position* position, int32_t slot, const RuleAnswer* answer, Verdict* verdict
    ) except -1 nogil
    cdef int _fail(self, int32_t number, const RuleView* view, int32_t asset, const char* fault) except -1 with gil
    cdef Source _find(self, str name) except *
    cdef int _grow(self, size_t n_columns) except -1
