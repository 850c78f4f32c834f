# Groups of lowered rules whose answers become one: asked in C, at openings and closes.

cimport cython
from libc.stdint cimport int8_t, int32_t, int64_t

from ml4t.backtest.core.settings cimport Settings
from ml4t.backtest.portfolio.position cimport Position
from ml4t.backtest.risk.rule_plan cimport RulePlan
from ml4t.backtest.risk.said_levels cimport Slot
from ml4t.backtest.risk.verdict cimport Compared, Verdict


# One group: its members' slots follow each other.
cdef struct Group:
    int32_t first
    int32_t n
    int8_t needs_all             # else any of its rules will do


# What one of its rules wants, or all of them together. NULL: nothing.
cdef struct Wanted:
    const Slot* stop
    const Slot* target
    const Slot* exit
    double stop_level
    double target_level
    Compared compared            # of the exit


@cython.final
cdef class MergedRules:
    cdef RulePlan plan
    cdef Group* group
    cdef int32_t n_rules
    cdef int32_t _capacity
    cdef int64_t n_asked

    cdef list add(self, int32_t slot, object merged)
    cdef void _let_stand(self, Slot* slot, const Group* group) noexcept nogil
    cdef bint _changes_with_every_bar(self, const Slot* level) noexcept nogil
    cdef int ask(
        self, const Position* position, const Settings* settings, bint opening, Verdict* verdict
    ) except -1 nogil
    cdef Wanted _ask_group(self, const Position* position, const Group* group, double base) noexcept nogil
    cdef void _ask_slot(
        self, const Position* position, const Slot* slot, double base, Wanted* wanted
    ) noexcept nogil
    cdef void _take(
        self, const Position* position, int32_t slot, const Wanted* wanted, Verdict* verdict
    ) noexcept nogil
