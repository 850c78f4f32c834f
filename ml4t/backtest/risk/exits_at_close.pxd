# Exits that lowered rules decide at a close: a time that is up, a session that ends, a signal beyond its value.

from libc.stdint cimport int32_t

from ml4t.backtest.core.settings cimport Settings
from ml4t.backtest.execution.order_book cimport OrderBook
from ml4t.backtest.portfolio.position cimport Position
from ml4t.backtest.risk.rule_plan cimport RulePlan
from ml4t.backtest.risk.said_levels cimport Slot
from ml4t.backtest.risk.verdict cimport Compared, Verdict


cdef void decide_exits(RulePlan plan, const Position* position, Verdict* verdict) noexcept nogil
cdef bint wants_exit(RulePlan plan, const Position* position, const Slot* slot, Compared* compared) noexcept nogil
cdef int32_t reason_of(const Slot* slot) noexcept nogil
cdef int take_exit(
    RulePlan plan, OrderBook book, Position* position, const Verdict* verdict, const Settings* settings
) except -1 nogil
