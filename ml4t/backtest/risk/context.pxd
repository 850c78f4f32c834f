cimport cython
from libc.stdint cimport int64_t

from ml4t.backtest.core.settings cimport Settings
from ml4t.backtest.market.cursor cimport Cursor
from ml4t.backtest.market.market_data cimport MarketData
from ml4t.backtest.portfolio.account cimport Account
from ml4t.backtest.portfolio.position cimport Position


@cython.final
cdef class RiskContext:
    cdef readonly object asset_id
    """Name of the asset."""
    cdef readonly int64_t timestamp_ns
    """Time of the moment (nanoseconds UTC)."""
    cdef readonly bint opening
    """True when the position has just been opened or added to: only levels are asked for."""
    cdef readonly double open
    """Open of the bar (currency per unit)."""
    cdef readonly double high
    """High of the bar; NaN at an opening, which cannot know it. So low, close, volume, bid, ask."""
    cdef readonly double low
    cdef readonly double close
    cdef readonly double volume
    cdef readonly double bid
    cdef readonly double ask
    cdef readonly double position_quantity
    """Units held: positive long, negative short."""
    cdef readonly double entry_price
    """Average entry price, slippage included, commission not (currency per unit)."""
    cdef readonly int64_t entry_time_ns
    """Time of the opening (nanoseconds UTC)."""
    cdef readonly int64_t bars_held
    """Closes seen since the opening; 0 at the opening."""
    cdef readonly double level_price
    """What level formulas start from (E): the entry price, or the signal's close by setting."""
    cdef readonly double water_mark
    """The best price trailing levels follow (H)."""
    cdef readonly double best_price
    """Best price since the opening, for MFE."""
    cdef readonly double worst_price
    """Worst price since the opening, for MAE."""
    cdef readonly double split_ratio
    """Product of the splits since the opening."""
    cdef readonly double stop_loss_price
    """Stop in force (currency per unit); NaN when none."""
    cdef readonly double take_profit_price
    """Target in force (currency per unit); NaN when none."""
    cdef readonly double equity
    """Cash and positions at the marks of the moment (currency)."""
    cdef readonly double cash
    """Cash (currency)."""
    cdef double gross
    cdef MarketData data
    cdef int64_t feature_row         # row whose features are known; -1: none
    cdef int64_t context_t           # timestamp whose context is known; -1: none
    cdef object provider
    cdef object given_features
    cdef object given_market_features
    cdef object frozen_inputs        # dict: column -> (value, split ratio when read), or None

    cdef object _features(self)
    cdef object _market_features(self)
    cdef object _known_time(self, int64_t row)
    cdef object _frozen(self, object column)
    cdef object _pct(self, double price)


cdef RiskContext context_of(
    const Position* position, Cursor cursor, Account account, const Settings* settings,
    bint opening, bint sees_bar
)
