# A quiet bar of a single asset: no order waits, no action is due, no level is touched, no rule has
# anything to decide, and equity is positive. Of the seven steps 1, 2 and 6 are empty then, and the others
# are what stands here. A bar that is not quiet is left, untouched, to the seven steps.

from libc.stdint cimport int64_t

from ml4t.backtest.core.settings cimport Settings
from ml4t.backtest.portfolio.position cimport Position
from ml4t.backtest.portfolio.position_bar cimport (
    before_time_is_up, close_bar, farther, has_to_decide, is_beyond, may_wake, may_walk, nearer, reaches, touches,
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
    cdef int64_t first = t
    cdef int64_t last
    # What the bar of the opening adds to the water mark is a matter of its own.
    if t < until and position.opened_t == t_before + t:
        if not take_quiet_bar(bars, position, settings, cash, t, t_before + t):
            return t
        first += 1
    if not may_walk(position):
        return first
    last = before_time_is_up(position, first, until)
    if position.quantity > 0.0:
        t = walk_between_levels(bars, position, settings, cash, first, last, True)
    else:
        t = walk_between_levels(bars, position, settings, cash, first, last, False)
    if t >= 0:
        return t
    # Equity may not be positive on the way: each close has to be looked at.
    while first < last and take_quiet_bar(bars, position, settings, cash, first, t_before + first):
        first += 1
    return first


# The bars from t on and before ``last`` that touch no level; -1, and nothing is taken in, if equity may not be positive
# at the close of each. They are taken in as close_bar does, with or without rules, in as few steps as that takes: a run
# spends its time here.
cdef inline int64_t walk_between_levels(
    const QuietBars* bars, Position* position, const Settings* settings, double cash, int64_t t,
    int64_t last, bint is_long
) noexcept nogil:
    cdef const double* ahead = bars.high if is_long else bars.low
    cdef const double* behind = bars.low if is_long else bars.high
    cdef const double* mark = bars.close if settings.watermark_close else ahead
    cdef double limit = nearer(position.levels.target, position.levels.wakes_at, is_long)
    cdef double fixed_stop = position.levels.fixed_stop
    cdef double keep = position.levels.trail_keep
    cdef double distance = position.levels.trail_distance
    cdef double stop = position.levels.stop
    cdef double trail_stop = position.levels.trail_stop
    cdef double best = position.best
    cdef double worst = position.worst
    cdef double water = position.water
    cdef int64_t trail_moves = position.levels.trail_moves
    cdef int64_t first = t
    cdef double level
    while t < last and not (reaches(stop, behind[t], is_long) | reaches(ahead[t], limit, is_long)):
        best = farther(ahead[t], best, is_long)
        worst = farther(behind[t], worst, not is_long)
        water = farther(mark[t], water, is_long)
        level = water * keep - distance
        trail_moves += is_beyond(level, trail_stop, is_long)
        trail_stop = farther(level, trail_stop, is_long)
        stop = farther(trail_stop, fixed_stop, is_long)
        t += 1
    # A close lies between low and high.
    if t > first and not cash + position.quantity * worst > 0.0:
        return -1
    position.bars_held += t - first
    position.best = best
    position.worst = worst
    position.water = water
    position.levels.stop = stop
    position.levels.trail_stop = trail_stop
    position.levels.trail_moves = trail_moves
    return t
