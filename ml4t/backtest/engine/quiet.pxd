# A quiet bar of a single asset: no order waits, no action is due, no level is touched, no rule has
# anything to decide, and equity is positive. Of the seven steps 1, 2 and 6 are empty then, and the others
# are what stands here. A bar that is not quiet is left, untouched, to the seven steps.

from libc.math cimport INFINITY
from libc.stdint cimport int64_t

from ml4t.backtest.core.settings cimport Settings
from ml4t.backtest.portfolio.position cimport Position
from ml4t.backtest.portfolio.position_bar cimport (
    before_time_is_up, close_bar, has_to_decide, level_above, level_below, levels_stand_still, may_wake, touches,
)

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
    # What the bar of the opening adds to the water mark is a matter of its own.
    if t < until and position.opened_t == t_before + t:
        if not take_quiet_bar(bars, position, settings, cash, t, t_before + t):
            return t
        t += 1
    if levels_stand_still(position, settings):
        return take_between_levels(bars, position, settings, cash, t, until, t_before)
    return take_bar_by_bar(bars, position, settings, cash, t, until, t_before)


cdef inline int64_t take_bar_by_bar(
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


# Levels that no bar moves: the first bar to reach one ends the stretch, and all that the others do to the position is
# how high and how low they came.
cdef inline int64_t take_between_levels(
    const QuietBars* bars, Position* position, const Settings* settings, double cash, int64_t t,
    int64_t until, int64_t t_before
) noexcept nogil:
    cdef int64_t first = t
    cdef int64_t last = before_time_is_up(position, t, until)
    cdef bint is_long = position.quantity > 0.0
    cdef double floor = level_below(position)
    cdef double ceiling = level_above(position)
    cdef double high = -INFINITY
    cdef double low = INFINITY
    while t < last and not ((bars.low[t] <= floor) | (bars.high[t] >= ceiling)):
        high = bars.high[t] if bars.high[t] > high else high
        low = bars.low[t] if bars.low[t] < low else low
        t += 1
    if t == first:
        return t
    # A close lies between low and high: if equity is above zero at the worse of them, it is at every close.
    if not cash + position.quantity * (low if is_long else high) > 0.0:
        return take_bar_by_bar(bars, position, settings, cash, first, until, t_before)
    position.bars_held += t - first
    if is_long:
        position.best = high if high > position.best else position.best
        position.worst = low if low < position.worst else position.worst
        position.water = high if high > position.water else position.water
    else:
        position.best = low if low < position.best else position.best
        position.worst = high if high > position.worst else position.worst
        position.water = low if low < position.water else position.water
    return t
