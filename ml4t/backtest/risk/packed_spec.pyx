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
        self.slot.only_tighten = spec.only_tighten
        self.multiple, self.slot.multiple = _read(spec.multiple)
        self.activation, self.slot.activation = _read(spec.activation)
        self.tighten, self.slot.tighten = _read(spec.tighten)
        self.floor, self.slot.floor = _read(spec.floor)
        self.beyond, self.slot.beyond = _read(spec.beyond)
        self.column, self.slot.value = _read(spec.value)
        self.slot.tightens = self.tighten is not None or self.slot.tighten > 0.0
        self.slot.reads = len(spec.columns) > 0
        self.slot.is_live = spec.live and self.slot.reads
        self.slot.costs = spec.costs
        self.slot.part = spec.part
        self.slot.side = spec.side
        self.slot.low, self.slot.high, self.slot.low_closed = bounds.low, bounds.high, bounds.closed
        self.traits = spec.traits
        self.live = spec.live
        self.regime = spec.regime
        if not self.slot.reads:
            self.slot.value = spec.multiple * spec.value

    # It says nothing that its RuleSpec does not.
    def __repr__(self):
        return "PackedSpec()"

    def __reduce__(self):
        raise TypeError("a packed spec is made anew from its RuleSpec: pickle that")


# A column, or a number; NaN where there is neither.
def _read(value):
    return (value, NAN) if isinstance(value, str) else (None, NAN if value is None else value)


# A slot that says nothing and reads nothing.
cdef void clear(Slot* slot) noexcept nogil:
    memset(slot, 0, sizeof(Slot))
    slot.input = -1
    slot.multiple_input = -1
    slot.activation_input = -1
    slot.tighten_input = -1
    slot.floor_input = -1
    slot.beyond_input = -1
    slot.regime_input = -1
    slot.question = -1
    slot.group = -1
    slot.value = NAN
    slot.multiple = 1.0
    slot.activation = NAN
