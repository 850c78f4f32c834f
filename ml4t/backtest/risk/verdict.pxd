# The exit that wins at one close.

from libc.stdint cimport int8_t, int32_t, int64_t


cdef struct Verdict:
    int64_t priority
    int32_t slot                 # -1: no exit
    int32_t reason
    int8_t kind


cdef inline Verdict no_verdict() noexcept nogil:
    cdef Verdict verdict
    verdict.slot = -1
    verdict.priority = verdict.reason = verdict.kind = 0
    return verdict


# Keep the better of two exits: priority, then the order of kinds, then the rule added first.
cdef inline void weigh(
    Verdict* verdict, int32_t slot, int64_t priority, int8_t kind, int32_t reason
) noexcept nogil:
    if verdict.slot >= 0:
        if priority < verdict.priority:
            return
        if priority == verdict.priority and (
            kind > verdict.kind or (kind == verdict.kind and slot > verdict.slot)
        ):
            return
    verdict.slot = slot
    verdict.priority = priority
    verdict.kind = kind
    verdict.reason = reason
