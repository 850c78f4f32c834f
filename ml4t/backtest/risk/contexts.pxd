cimport cython
from libc.stdint cimport int64_t

from ml4t.backtest.core.settings cimport Settings
from ml4t.backtest.market.cursor cimport Cursor
from ml4t.backtest.market.market_data cimport MarketData
from ml4t.backtest.portfolio.account cimport Account
from ml4t.backtest.portfolio.position cimport Position
from ml4t.backtest.risk.context cimport RiskContext
from ml4t.backtest.risk.frozen_inputs cimport FrozenInputs


@cython.final
cdef class Contexts:
    cdef Cursor cursor
    cdef Account account
    cdef Settings settings
    cdef FrozenInputs inputs
    cdef object columns              # of the feature provider, as RunColumns; None: it has none
    cdef MarketData given            # the bars with its columns alone; None: it has none
    cdef object provider             # the one without columns, asked once for an asset and time
    cdef int64_t n_built

    cdef int enter(self, MarketData data) except -1
    cdef RiskContext new(self, const Position* position, bint opening, bint sees_bar)
    cdef int _begin_provider(self, object feature_provider) except -1
