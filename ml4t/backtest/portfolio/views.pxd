cimport cython
from libc.stdint cimport int64_t

from ml4t.backtest.portfolio.position cimport Position


@cython.final
cdef class PositionTradeState:
    cdef readonly object asset
    """Name of the asset."""
    cdef readonly double quantity
    """Units held: positive long, negative short, 0 flat."""
    cdef readonly double entry_price
    """Average entry price (currency per unit), slippage included, commission not; NaN when flat."""
    cdef readonly double mark
    """Price it is valued at now (currency per unit); NaN before the asset's first bar."""
    cdef readonly int64_t entry_time_ns
    """Time of the opening (nanoseconds UTC); 0 when flat."""
    cdef readonly int64_t bars_held
    """Closes seen since the position opened."""
    cdef readonly double highest_price
    """Highest price since the opening, fill prices included, less the dividends since; NaN when flat."""
    cdef readonly double lowest_price
    """Lowest price since the opening, fill prices included, less the dividends since; NaN when flat."""
    cdef readonly double water_mark
    """Price that trailing levels follow (H of the semantics); NaN when flat."""
    cdef readonly double realized_pnl
    """P&L of the partial exits so far (currency), before commission."""
    cdef readonly double commission
    """Commission paid so far (currency)."""
    cdef readonly double dividends
    """Dividends received so far (currency); negative when paid on a short."""


@cython.final
cdef class PositionLevels:
    cdef readonly double stop
    """Stop in force for the next bar (currency per unit); NaN when none."""
    cdef readonly double target
    """Target in force for the next bar (currency per unit); NaN when none."""
    cdef readonly double fixed_stop
    """Winning stop that does not move by itself; NaN when none."""
    cdef readonly double trailing_stop
    """Winning trailing level; NaN when none."""
    cdef readonly double max_bars
    """bars_held at which a time exit is decided; NaN when none."""


cdef PositionTradeState position_state(const Position* position, object asset, double mark)
cdef PositionLevels position_levels(const Position* position)
