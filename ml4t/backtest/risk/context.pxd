cimport cython
from libc.stdint cimport int64_t

from ml4t.backtest.core.settings cimport Settings
from ml4t.backtest.market.cursor cimport Cursor
from ml4t.backtest.market.market_data cimport MarketData
from ml4t.backtest.market.run_sessions cimport RunSessions
from ml4t.backtest.portfolio.account cimport Account
from ml4t.backtest.portfolio.position cimport Position
from ml4t.backtest.risk.rule_view cimport RuleView


@cython.final
cdef class RiskContext:
    cdef readonly object asset_id
    """Name of the asset."""
    cdef RuleView view               # the moment; the properties read it
    cdef MarketData data
    cdef int64_t feature_row         # row whose features are known; -1: none
    cdef int64_t context_t           # timestamp whose context is known; -1: none
    cdef readonly bint exits_at_close
    """Whether an exit that is decided at this close fills at it; else at the next open."""
    cdef RunSessions sessions        # None without a calendar
    cdef int64_t time_before         # the timestamp before; INT64_MIN at the first
    cdef object given_session        # dict: what a test says of the session; None in a run
    cdef object provider
    cdef object given_features
    cdef object given_market_features
    cdef object frozen_inputs        # dict: column -> what FrozenInputs.of says, or None

    cdef object _features(self)
    cdef object _market_features(self)
    cdef object _known_time(self, int64_t row)
    cdef object _frozen(self, object column)
    cdef object _live(self, object column)
    cdef object _excursion(self, double price)
    cdef object _pct(self, double move)


cdef RiskContext context_of(
    const Position* position, Cursor cursor, Account account, const Settings* settings,
    bint opening, bint sees_bar
)
