# When a waiting market order fills (semantics sections 2 and 9).

from ml4t.backtest.core.settings cimport FILL_CLOSE, FILL_NEXT_OPEN
from ml4t.backtest.core.types cimport SOURCE_RULE, OrderRecord
from libc.stdint cimport int64_t


# The moments at which market orders fill.
cdef enum Phase:
    PHASE_OPEN            # step 2
    PHASE_CLOSE           # end of step 4: orders accepted earlier
    PHASE_CLOSE_EXITS     # then exits decided at this close
    PHASE_AFTER_STRATEGY  # end of step 6, fill_at="close"


# Does an order of an asset that has a row now fill in this phase?
cdef inline bint fills_in(
    const OrderRecord* order, Phase phase, int64_t now
) noexcept nogil:
    if phase == PHASE_OPEN:
        return order.fill_at == FILL_NEXT_OPEN
    if phase == PHASE_CLOSE:
        return order.fill_at != FILL_NEXT_OPEN and order.decision_time < now
    if phase == PHASE_CLOSE_EXITS:
        return order.fill_at == FILL_CLOSE and order.source == SOURCE_RULE
    return order.fill_at == FILL_CLOSE
