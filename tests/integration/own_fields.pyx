# Strategies and rules of a project of its own, with C fields and without: compiled by the tests.
from ml4t.backtest.risk.compiled_rule cimport CompiledRule, RuleAnswer, RuleView
from ml4t.backtest.strategy.strategy cimport CompiledStrategy


cdef class Fields(CompiledStrategy):
    """Its C field is nobody's to copy but its own."""

    cdef double size

    def __init__(self, size):
        self.size = size


cdef class Reduces(CompiledStrategy):
    """Says itself what it is made with."""

    cdef readonly double size

    def __init__(self, size):
        self.size = size

    def __reduce__(self):
        return Reduces, (self.size,)


cdef class Bare(CompiledStrategy):
    """Has a C method and no field."""

    cdef int on_timestamp(self) except -1 nogil:
        return 0


cdef class RuleWithFields(CompiledRule):
    cdef double size


cdef class BareRule(CompiledRule):
    cdef void decide(
        self, const RuleView* view, const double* columns, RuleAnswer* answer
    ) noexcept nogil:
        pass
