"""Python's read-only view of a position: what it is now, true also when kept."""

cimport cython
from libc.math cimport NAN

import pandas as pd

from ml4t.backtest.core.sealed cimport seal
from ml4t.backtest.portfolio.armed_levels cimport level_or_nan
from ml4t.backtest.portfolio.position cimport Position


@cython.final
cdef class PositionTradeState:
    """One asset's position at one moment. True when something is held."""

    _made = "strategy.position(asset) and risk_manager.trade_state(asset) return one"

    def __bool__(self):
        return self.quantity != 0.0

    @property
    def entry_time(self):
        """Time of the opening, a UTC ``pandas.Timestamp``; ``NaT`` when flat."""
        return pd.Timestamp(self.entry_time_ns, tz="UTC") if self.quantity != 0.0 else pd.NaT

    @property
    def unrealized_pnl(self):
        """(mark - entry price) x quantity (currency); 0 when flat."""
        return (self.mark - self.entry_price) * self.quantity if self.quantity != 0.0 else 0.0

    @property
    def value(self):
        """quantity x mark (currency); 0 when flat."""
        return self.quantity * self.mark if self.quantity != 0.0 else 0.0

    def __repr__(self):
        return (
            f"PositionTradeState({self.asset!r}, quantity={self.quantity}, "
            f"entry_price={self.entry_price}, bars_held={self.bars_held})"
        )


@cython.final
cdef class PositionLevels:
    """The levels of one position at one moment."""

    _made = "strategy.levels(asset) and risk_manager.levels(asset) return them"

    def __repr__(self):
        return f"PositionLevels(stop={self.stop}, target={self.target})"


seal(PositionTradeState)
seal(PositionLevels)


cdef PositionTradeState position_state(
    const Position* position, object asset, double mark
):
    cdef PositionTradeState state = PositionTradeState.__new__(PositionTradeState)
    cdef bint is_flat = position.quantity == 0.0
    state.asset = asset
    state.quantity = position.quantity
    state.mark = mark
    state.entry_price = NAN if is_flat else position.entry_price
    state.water_mark = NAN if is_flat else position.water
    state.highest_price = NAN if is_flat else max(position.best, position.worst)
    state.lowest_price = NAN if is_flat else min(position.best, position.worst)
    state.entry_time_ns = 0 if is_flat else position.entry_time
    state.bars_held = 0 if is_flat else position.bars_held
    state.realized_pnl = 0.0 if is_flat else position.realised
    state.commission = 0.0 if is_flat else position.commission
    state.dividends = 0.0 if is_flat else position.dividends
    return state


cdef PositionLevels position_levels(const Position* position):
    cdef PositionLevels levels = PositionLevels.__new__(PositionLevels)
    cdef bint is_flat = position.quantity == 0.0
    levels.stop = NAN if is_flat else level_or_nan(position.levels.stop)
    levels.target = NAN if is_flat else level_or_nan(position.levels.target)
    levels.fixed_stop = NAN if is_flat else level_or_nan(position.levels.fixed_stop)
    levels.trailing_stop = NAN if is_flat else level_or_nan(position.levels.trail_stop)
    levels.max_bars = NAN if is_flat else level_or_nan(position.levels.max_bars)
    return levels
