# The bar of a position (semantics step 4 and section 5): always the same few operations, with rules or
# without. A level that does not exist lies at infinity and is never reached, a trail that does not
# exist has a NaN factor and never moves. So rules cost nothing on a bar that touches nothing.

from libc.math cimport ceil
from libc.stdint cimport int64_t

from ml4t.backtest.core.settings cimport START_ENTRY_CLOSE, START_ENTRY_HIGH, Settings
from ml4t.backtest.portfolio.position cimport HIGH_UNSEEN, LOW_UNSEEN, Position


# On the side of a position: up for a long, down for a short.
cdef inline bint is_beyond(double a, double b, bint is_long) noexcept nogil:
    return a > b if is_long else a < b


cdef inline bint reaches(double a, double b, bint is_long) noexcept nogil:
    return a >= b if is_long else a <= b


cdef inline double farther(double a, double b, bint is_long) noexcept nogil:
    return a if is_beyond(a, b, is_long) else b


cdef inline double nearer(double a, double b, bint is_long) noexcept nogil:
    return a if is_beyond(b, a, is_long) else b


# Does the bar touch an armed level? (A gap through a level touches it too.)
cdef inline bint touches(const Position* position, double high, double low) noexcept nogil:
    if position.quantity > 0.0:
        return (low <= position.levels.stop) | (high >= position.levels.target)
    return (high >= position.levels.stop) | (low <= position.levels.target)


# May the bar bring the water mark to where levels are armed anew?
cdef inline bint may_wake(const Position* position, double high, double low) noexcept nogil:
    if position.quantity > 0.0:
        return high >= position.levels.wakes_at
    return low <= position.levels.wakes_at


# Will the coming close have rules to ask, levels to arm anew or a time that is up?
cdef inline bint has_to_decide(const Position* position) noexcept nogil:
    return position.levels.attention | position.levels.watches | (
        <double> (position.bars_held + 1) >= position.levels.max_bars
    )


# Has the coming close nothing to decide, and none that follows either before a bar reaches a level or time is up?
cdef inline bint may_walk(const Position* position) noexcept nogil:
    if has_to_decide(position):
        return False
    if position.quantity > 0.0:
        return position.water < position.levels.wakes_at
    return position.water > position.levels.wakes_at


# The end of the bars from t on, and before ``until``, at whose close no time is up.
cdef inline int64_t before_time_is_up(const Position* position, int64_t t, int64_t until) noexcept nogil:
    cdef double left = position.levels.max_bars - <double> (position.bars_held + 1)
    return t + <int64_t> ceil(left) if left < <double> (until - t) else until


# The bar is complete. Returns whether its close has rules to ask.
cdef inline bint close_bar(
    Position* position, const Settings* settings, int64_t t, double high, double low, double close
) noexcept nogil:
    position.bars_held += 1
    if position.opened_t == t:
        close_entry_bar(position, settings, high, low, close)
    elif position.quantity > 0.0:
        take_in_bar(position, high, low, close if settings.watermark_close else high, True)
    else:
        take_in_bar(position, low, high, close if settings.watermark_close else low, False)
    return (
        position.levels.attention | (<double> position.bars_held >= position.levels.max_bars)
    )


# The bar that a position was opened in may hold prices from before, and says of its water mark what the settings say.
cdef inline void close_entry_bar(
    Position* position, const Settings* settings, double high, double low, double close
) noexcept nogil:
    cdef double ahead = close if position.unseen & HIGH_UNSEEN else high
    cdef double behind = close if position.unseen & LOW_UNSEEN else low
    cdef bint is_long = position.quantity > 0.0
    cdef double mark
    if not is_long:
        ahead, behind = behind, ahead
    mark = close if settings.watermark_close else ahead
    mark = entry_bar_mark(position, settings, mark, close)
    if is_long:
        take_in_bar(position, ahead, behind, mark, True)
    else:
        take_in_bar(position, ahead, behind, mark, False)


# Prices ahead and behind, seen from the side of the position, and what its water mark may move to. It moves in bars
# nobody can foresee, so it is moved without a branch.
cdef inline void take_in_bar(
    Position* position, double ahead, double behind, double mark, bint is_long
) noexcept nogil:
    cdef double level
    position.best = farther(ahead, position.best, is_long)
    position.worst = farther(behind, position.worst, not is_long)
    position.water = farther(mark, position.water, is_long)
    position.levels.attention |= reaches(position.water, position.levels.wakes_at, is_long)
    level = position.water * position.levels.trail_keep - position.levels.trail_distance
    position.levels.trail_moves += is_beyond(level, position.levels.trail_stop, is_long)
    position.levels.trail_stop = farther(level, position.levels.trail_stop, is_long)
    position.levels.stop = farther(
        position.levels.trail_stop, position.levels.fixed_stop, is_long
    )


# What the bar of the entry adds to the water mark (switch watermark_start).
cdef inline double entry_bar_mark(
    const Position* position, const Settings* settings, double mark, double close
) noexcept nogil:
    if settings.watermark_start == START_ENTRY_HIGH:
        return mark
    if settings.watermark_start == START_ENTRY_CLOSE:
        return close
    return position.water
