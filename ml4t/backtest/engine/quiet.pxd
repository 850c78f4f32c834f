# A quiet bar of a single asset: no order waits, no action is due, no level is touched, no rule has
# anything to decide, and equity is positive. Of the seven steps 1, 2 and 6 are empty then, and the others
# are what stands here. A bar that is not quiet is left, untouched, to the seven steps.

from libc.stdint cimport int64_t

from ml4t.backtest.core.settings cimport Settings
from ml4t.backtest.portfolio.position cimport Position
from ml4t.backtest.portfolio.position_bar cimport close_bar, has_to_decide, may_wake, touches

# The columns of the one asset.
cdef struct QuietBars:
    const double* high
    const double* low
    const double* close


# Take in the bar at t if it is quiet; returns whether it was.
cdef inline bint take_quiet_bar(
    const QuietBars* bars, Position* position, const Settings* settings, double cash, int64_t t,
    int64_t run_t
) noexcept nogil:
    cdef double close = bars.close[t]
    if not cash + position.quantity * close > 0.0:
        return False
    if position.quantity != 0.0:
        if (
            has_to_decide(position) or may_wake(position, bars.high[t], bars.low[t])
            or touches(position, bars.high[t], bars.low[t])
        ):
            return False
        close_bar(position, settings, run_t, bars.high[t], bars.low[t], close)
    return True


# Take in the quiet bars of a position from t on and before until; returns the first that is none.
cdef inline int64_t take_quiet_bars(
    const QuietBars* bars, Position* position, const Settings* settings, double cash, int64_t t,
    int64_t until, int64_t t_before
) noexcept nogil:
    # A copy, which stays in registers: through the pointer each bar waits for what the last one has stored.
    cdef Position held = position[0]
    while t < until and take_quiet_bar(bars, &held, settings, cash, t, t_before + t):
        t += 1
    position.bars_held = held.bars_held
    position.best = held.best
    position.worst = held.worst
    position.water = held.water
    position.levels.stop = held.levels.stop
    position.levels.trail_stop = held.levels.trail_stop
    position.levels.trail_moves = held.levels.trail_moves
    return t
