# The bar of a position (semantics step 4 and section 5): always the same few operations, with rules or
# without. A level that does not exist lies at infinity and is never reached, a trail that does not
# exist has a NaN factor and never moves. So rules cost nothing on a bar that touches nothing.

from libc.math cimport ceil
from libc.stdint cimport int64_t

from ml4t.backtest.core.settings cimport START_ENTRY_CLOSE, START_ENTRY_HIGH, Settings
from ml4t.backtest.portfolio.position cimport HIGH_UNSEEN, LOW_UNSEEN, Position


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


# The bar is complete. A water mark moves in bars nobody can foresee, so it is moved without a branch.
# Returns whether its close has rules to ask.
cdef inline bint close_bar(
    Position* position, const Settings* settings, int64_t t, double high, double low, double close
) noexcept nogil:
    cdef double mark
    cdef double level
    position.bars_held += 1
    if position.unseen != 0 and position.opened_t == t:
        high = close if position.unseen & HIGH_UNSEEN else high
        low = close if position.unseen & LOW_UNSEEN else low
    if position.quantity > 0.0:
        mark = close if settings.watermark_close else high
        if position.opened_t == t:
            mark = entry_bar_mark(position, settings, mark, close)
        position.best = high if high > position.best else position.best
        position.worst = low if low < position.worst else position.worst
        position.water = mark if mark > position.water else position.water
        position.levels.attention |= position.water >= position.levels.wakes_at
        level = position.water * position.levels.trail_keep - position.levels.trail_distance
        position.levels.trail_moves += level > position.levels.trail_stop
        level = level if level > position.levels.trail_stop else position.levels.trail_stop
        position.levels.trail_stop = level
        position.levels.stop = (
            level if level > position.levels.fixed_stop else position.levels.fixed_stop
        )
    else:
        mark = close if settings.watermark_close else low
        if position.opened_t == t:
            mark = entry_bar_mark(position, settings, mark, close)
        position.best = low if low < position.best else position.best
        position.worst = high if high > position.worst else position.worst
        position.water = mark if mark < position.water else position.water
        position.levels.attention |= position.water <= position.levels.wakes_at
        level = position.water * position.levels.trail_keep - position.levels.trail_distance
        position.levels.trail_moves += level < position.levels.trail_stop
        level = level if level < position.levels.trail_stop else position.levels.trail_stop
        position.levels.trail_stop = level
        position.levels.stop = (
            level if level < position.levels.fixed_stop else position.levels.fixed_stop
        )
    return (
        position.levels.attention | (<double> position.bars_held >= position.levels.max_bars)
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
