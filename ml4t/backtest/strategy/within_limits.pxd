from libc.stdint cimport int32_t, int64_t

from ml4t.backtest.core.types cimport TermsRecord
from ml4t.backtest.execution.broker cimport Broker
from ml4t.backtest.risk.portfolio_limits cimport Cut, PortfolioLimits


cdef int64_t refuse_beyond(
    Broker broker, int32_t asset, double asked, const Cut* cut, const TermsRecord* terms
) except -1 nogil
cdef int64_t refuse_nothing(
    Broker broker, int32_t asset, double asked, int32_t rule, const Cut* cut, const TermsRecord* terms
) except -1 nogil
cdef int tell_cut(Broker broker, int64_t order_id, double asked, double given, const Cut* cut) except -1 nogil
cdef int change_within(
    Broker broker, PortfolioLimits limits, int64_t order_id, double units, double limit, double stop
) except -1 nogil
