from libc.stdint cimport int32_t, int64_t

from ml4t.backtest.core.types cimport TermsRecord
from ml4t.backtest.execution.broker cimport Broker
from ml4t.backtest.risk.manager cimport RiskManager


# ``terms``: NULL of a market order of units that waits until it is cancelled.
cdef int64_t place(
    Broker broker, RiskManager risk, int32_t asset, double units, int32_t reason, bint reduce_only,
    const TermsRecord* terms
) except -1 nogil
