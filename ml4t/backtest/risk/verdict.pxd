# The exit that wins at one close.

from libc.math cimport NAN
from libc.stdint cimport int8_t, int32_t, int64_t


# What an exit at a close was decided on; NaN: no numbers.
cdef struct Compared:
    double number
    double bound                 # which the number has come to, or lies beyond


cdef inline Compared nothing_compared() noexcept nogil:
    cdef Compared compared
    compared.number = compared.bound = NAN
    return compared


cdef struct Verdict:
    int64_t priority
    int32_t slot                 # -1: no exit
    int32_t reason
    int8_t kind
    Compared compared


cdef inline Verdict no_verdict() noexcept nogil:
    cdef Verdict verdict
    verdict.slot = -1
    verdict.priority = verdict.reason = verdict.kind = 0
    verdict.compared = nothing_compared()
    return verdict


# Keep the better of two exits: priority, then the order of kinds, then the rule added first.
cdef inline void weigh(
    Verdict* verdict, int32_t slot, int64_t priority, int8_t kind, int32_t reason, Compared compared
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
    verdict.compared = compared
