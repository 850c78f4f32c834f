"""LoweredRule: what a rule tells the engine of itself, asked once where the rule cannot change.

Each answer is a property or a method of Python, and code that runs once a run is never warm: for three rules
it was the most of what they cost a run of a millisecond.
"""

cimport cython

from ml4t.backtest.risk.packed_spec cimport PackedSpec


@cython.final
cdef class LoweredRule:
    """The answers of one rule, once it was asked."""

    cdef int _ask(self, object rule) except -1:
        self.limit = rule.limit_spec
        self.priority = rule.priority
        self.looks_at_orders = rule.looks_at_orders
        if self.limit is not None:
            return 0
        self.needs_calendar = rule.needs_calendar
        self.specs = rule.lower()
        self.merged = rule.lower_merged() if self.specs is None else None
        self.frozen_columns = rule.frozen_columns
        self.live_columns = rule.live_columns
        for spec in self.specs or (() if self.merged is None else self.merged.specs):
            self.traits |= (<PackedSpec> spec.packed).traits
        return 0

    # What was asked says nothing that the rule does not: rules are equal with it and without.
    def __eq__(self, other):
        return isinstance(other, LoweredRule)

    def __hash__(self):
        return 0

    def __repr__(self):
        return "LoweredRule()"

    # A copy of the rule is asked for itself.
    def __reduce__(self):
        return LoweredRule, ()


# A rule that never changes has a place for its answers.
cdef LoweredRule lowered_rule(object rule):
    cdef LoweredRule lowered = getattr(rule, "_lowered_rule", None)
    if lowered is None:
        lowered = LoweredRule()
    if not lowered._is_asked:
        lowered._ask(rule)
        lowered._is_asked = True
    return lowered
