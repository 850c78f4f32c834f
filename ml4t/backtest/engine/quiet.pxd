# A quiet bar of a single asset: no order waits, no action is due, no level is touched, no rule has
# anything to decide, and equity is positive. Of the seven steps 1, 2 and 6 are empty then, and the others
# are what stands here. A bar that is not quiet is left, untouched, to the seven steps.

from libc.math cimport INFINITY, ceil, isnan
from libc.stdint cimport int64_t

from ml4t.backtest.core.settings cimport Settings
from ml4t.backtest.portfolio.position cimport Position, better, side_of, worse
from ml4t.backtest.portfolio.position_bar cimport close_bar, has_to_decide, touches

# The columns of the one asset.
cdef struct QuietBars:
    const double* high
    const double* low
    const double* close
    bint is_signed               # its prices may be negative


# Take in the bar at t if it is quiet; returns whether it was.
cdef inline bint take_quiet_bar(
    const QuietBars* bars, Position* position, const Settings* settings, double cash, int64_t t,
    int64_t run_t
) noexcept nogil:
    cdef double close = bars.close[t]
    if not cash + position.quantity * close > 0.0:
        return False
    if position.quantity != 0.0:
        if has_to_decide(position) or touches(position, bars.high[t], bars.low[t]):
            return False
        close_bar(position, settings, run_t, bars.high[t], bars.low[t], close)
    return True


# Take in the quiet bars of a position from t on and before until; returns the first that is none.
cdef inline int64_t take_quiet_bars(
    const QuietBars* bars, Position* position, const Settings* settings, double cash, int64_t t,
    int64_t until, int64_t t_before
) noexcept nogil:
    # After the first no bar is that of the entry, and the stop stands where it stays.
    if t < until and take_quiet_bar(bars, position, settings, cash, t, t_before + t):
        t += 1
        if isnan(position.levels.trail_keep) and not settings.watermark_close:
            t = _skim(bars, position, cash, t, _before_time_is_up(position, t, until))
        while t < until and take_quiet_bar(bars, position, settings, cash, t, t_before + t):
            t += 1
    return t


# The end of the bars after which no time is up.
cdef inline int64_t _before_time_is_up(
    const Position* position, int64_t t, int64_t until
) noexcept nogil:
    cdef double left = ceil(position.levels.max_bars - <double> position.bars_held) - 1.0
    if position.levels.attention or not left > 0.0:
        return t
    return t + <int64_t> left if left < <double> (until - t) else until


# Where no level moves, the highest high and the lowest low are all that is to know of the bars between.
cdef inline int64_t _skim(
    const QuietBars* bars, Position* position, double cash, int64_t t, int64_t until
) noexcept nogil:
    cdef double quantity = position.quantity
    cdef double side = side_of(quantity)
    cdef bint is_long = quantity > 0.0
    cdef double above = position.levels.target if is_long else position.levels.stop
    cdef double below = position.levels.stop if is_long else position.levels.target
    # What was paid for can fall to nothing, and no further.
    cdef bint is_safe = is_long and cash >= 0.0 and not bars.is_signed
    cdef double highest = -INFINITY
    cdef double lowest = INFINITY
    cdef int64_t begin = t
    cdef double high
    cdef double low
    while t < until:
        high = bars.high[t]
        low = bars.low[t]
        if (high >= above) | (low <= below):
            break
        if not (is_safe or cash + quantity * bars.close[t] > 0.0):
            break
        highest = high if high > highest else highest
        lowest = low if low < lowest else lowest
        t += 1
    position.bars_held += t - begin
    position.best = better(side, position.best, highest if is_long else lowest)
    position.worst = worse(side, position.worst, lowest if is_long else highest)
    position.water = better(side, position.water, highest if is_long else lowest)
    return t
