"""Exits that lowered rules decide at a close: a time that is up, a session that ends, a signal beyond its value."""

cimport cython
from libc.math cimport NAN, isnan
from libc.stdint cimport int32_t, int64_t

from ml4t.backtest.core.settings cimport FILL_CLOSE, FILL_NEXT_OPEN, TELL_FILLS, Settings
from ml4t.backtest.core.types cimport (
    EXIT_TIME, LEDGER_COMPARED, REASON_SESSION_EXIT, REASON_TIME_EXIT,
)
from ml4t.backtest.execution.order_book cimport OrderBook
from ml4t.backtest.portfolio.position cimport Position
from ml4t.backtest.risk.rule_plan cimport RulePlan
from ml4t.backtest.risk.said_levels cimport (
    FORM_BARS, FORM_BARS_LEFT, FORM_MINUTES_LEFT, FORM_SIGNAL, AssetSlots, Slot,
)
from ml4t.backtest.risk.slot_numbers cimport beyond_of
from ml4t.backtest.risk.verdict cimport Compared, Verdict, weigh

cdef double NS_OF_MINUTE = 6e10


# Those of the slots that are asked here; the verdict has the one that wins.
cdef void decide_exits(RulePlan plan, const Position* position, Verdict* verdict) noexcept nogil:
    cdef const AssetSlots* slots = &plan.of[position.asset]
    cdef const Slot* slot
    cdef Compared compared
    cdef int32_t i
    for i in range(slots.n):
        slot = &plan.slot[slots.said[i].slot]
        if slot.is_answered or slots.said[i].waits or not plan.is_on(slot, &slots.said[i]):
            continue
        if wants_exit(plan, position, slot, &compared):
            weigh(verdict, slots.said[i].slot, slot.priority, slot.kind, reason_of(slot), compared)


# Does the slot decide an exit, and on what numbers?
cdef bint wants_exit(
    RulePlan plan, const Position* position, const Slot* slot, Compared* compared
) noexcept nogil:
    if slot.form == FORM_MINUTES_LEFT or slot.form == FORM_BARS_LEFT:
        return _session_ends(plan, position, slot, compared)
    if slot.kind == EXIT_TIME:
        compared.number = <double> position.bars_held
        compared.bound = plan.parameter(position, slot)
        return compared.number >= compared.bound
    if slot.form == FORM_SIGNAL:
        if slot.side * position.quantity < 0.0:
            return False
        # "Below" is "above" of both times -1.
        compared.number = plan.parameter(position, slot)
        compared.bound = beyond_of(slot, plan.inputs, position.asset)
        if not compared.number > compared.bound:
            return False
        compared.number *= slot.multiple
        compared.bound *= slot.multiple
        return True
    return False


cdef int32_t reason_of(const Slot* slot) noexcept nogil:
    if slot.form == FORM_SIGNAL:
        return slot.signal_reason
    return REASON_TIME_EXIT if slot.form == FORM_BARS else REASON_SESSION_EXIT


# Order the exit that has won, once for a position, and tell the ledger on what numbers.
cdef int take_exit(
    RulePlan plan, OrderBook book, Position* position, const Verdict* verdict, const Settings* settings
) except -1 nogil:
    if verdict.slot < 0 or position.exit_is_decided:
        return 0
    cdef int64_t order_id = book.accept_exit(
        position, verdict.kind, plan.slot[verdict.slot].rule, verdict.reason,
        FILL_CLOSE if settings.exit_at_close else FILL_NEXT_OPEN,
    )
    if settings.ledger == TELL_FILLS or isnan(verdict.compared.number):
        return 0
    return book.ledger.tell_order(
        LEDGER_COMPARED, book.order(order_id), verdict.reason, NAN, NAN,
        verdict.compared.number, verdict.compared.bound,
    )


# Is it too late to wait for one bar more, by the calendar and the timestamp before? In minutes: none has 0 nanoseconds.
@cython.cdivision(True)
cdef bint _session_ends(
    RulePlan plan, const Position* position, const Slot* slot, Compared* compared
) noexcept nogil:
    cdef double value = plan.parameter(position, slot)
    compared.number = compared.bound = NAN
    if isnan(value):
        return False
    if plan.cursor.sessions.is_over(position.entry_time, plan.cursor.now):
        return True
    cdef double left = plan.cursor.sessions.ns_to_close(plan.cursor.now)
    cdef double bar = plan.cursor.sessions.bar_ns(plan.cursor.now, plan.cursor.time_before())
    cdef double to_fill = (1.0 if plan.exits_at_close else 2.0) * bar
    cdef double latest = value * NS_OF_MINUTE + to_fill
    cdef bint is_late = left - value * NS_OF_MINUTE < to_fill
    if slot.form == FORM_BARS_LEFT:
        latest = (value + (0.0 if plan.exits_at_close else 1.0)) * bar
        is_late = left <= latest
    compared.number = left / NS_OF_MINUTE
    compared.bound = latest / NS_OF_MINUTE
    return is_late
