from libc.stdint cimport int64_t

from ml4t.backtest.execution.broker cimport Broker
from ml4t.backtest.risk.portfolio_limits cimport PortfolioLimits


cdef int change_within(
    Broker broker, PortfolioLimits limits, int64_t order_id, double units, double limit, double stop
) except -1 nogil
