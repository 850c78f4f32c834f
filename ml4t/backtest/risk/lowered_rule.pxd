# What a rule tells the engine of itself.

cdef class LoweredRule:
    cdef object specs                # levels and exits (RuleSpec); None: it cannot be lowered
    cdef object merged               # Merged, of a group that is not lowered; or None
    cdef object limit                # LimitSpec, of a limit of the portfolio; or None
    cdef object frozen_columns
    cdef object live_columns
    cdef object priority
    cdef int traits                  # Trait of risk/spec.py, of all specs
    cdef bint needs_calendar
    cdef bint looks_at_orders
    cdef bint _is_asked

    cdef int _ask(self, object rule) except -1


cdef LoweredRule lowered_rule(object rule)
