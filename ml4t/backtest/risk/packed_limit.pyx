"""PackedLimit: a LimitSpec as the limit it becomes in a run.

Made with the spec, so that a run copies a struct in place of asking Python for each number.
"""

cimport cython
from libc.string cimport memset


@cython.final
cdef class PackedLimit:
    """The numbers of one spec.

    Parameters
    ----------
    spec : LimitSpec
    """

    def __cinit__(self, spec not None):
        memset(&self.limit, 0, sizeof(Limit))
        self.limit.grouping = -1
        self.limit.value = spec.value
        self.limit.is_pct = spec.is_pct
        self.limit.kind = spec.kind
        self.limit.on_breach = spec.on_breach_code
        self.limit.resume = spec.resume_code
        self.limit.bars = spec.bars
        self.limit.at_marks = is_tried_at_marks(&self.limit)
        self.limit.sees_marks = self.limit.at_marks or self.limit.kind == PYTHON or remembers(&self.limit)
        self.limit.is_grouped = spec.groups is not None
        self.limit.is_restricted = spec.restricted is not None
        self.limit.is_ranked = spec.rank is not None
        self.reason = spec.reason

    # It says nothing that its LimitSpec does not.
    def __repr__(self):
        return "PackedLimit()"

    def __reduce__(self):
        raise TypeError("a packed limit is made anew from its LimitSpec: pickle that")
