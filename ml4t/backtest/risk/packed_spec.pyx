"""PackedSpec: a RuleSpec as the slot it becomes in the plan of a run.

Made with the spec, so that a run copies a struct in place of asking Python for each number: what a short run
pays for its rules is this.
"""

cimport cython
from libc.math cimport NAN
from libc.string cimport memset

from ml4t.backtest.risk.said_levels cimport Slot


@cython.final
cdef class PackedSpec:
    """The numbers of one spec.

    Parameters
    ----------
    spec : RuleSpec
    """

    def __cinit__(self, spec not None):
        bounds = spec.bounds
        clear(&self.slot)
        self.slot.kind = spec.kind.code
        self.slot.form = spec.form
        self.slot.priority = spec.priority
        self.slot.multiple = spec.multiple
        self.slot.only_tighten = spec.only_tighten
        self.slot.activation = NAN if spec.activation is None else spec.activation
        self.slot.tighten = spec.tighten
        self.slot.floor = spec.floor
        self.slot.costs = spec.costs
        self.slot.part = spec.part
        self.slot.beyond = spec.beyond
        self.slot.side = spec.side
        self.slot.low, self.slot.high, self.slot.low_closed = bounds.low, bounds.high, bounds.closed
        self.traits = spec.traits
        self.live = spec.live
        self.regime = spec.regime
        self.column = spec.column
        if self.column is None:
            self.slot.value = spec.multiple * spec.value

    # It says nothing that its RuleSpec does not.
    def __repr__(self):
        return "PackedSpec()"

    def __reduce__(self):
        raise TypeError("a packed spec is made anew from its RuleSpec: pickle that")


# A slot that says nothing and reads nothing.
cdef void clear(Slot* slot) noexcept nogil:
    memset(slot, 0, sizeof(Slot))
    slot.input = -1
    slot.regime_input = -1
    slot.question = -1
    slot.group = -1
    slot.value = NAN
    slot.multiple = 1.0
    slot.activation = NAN
