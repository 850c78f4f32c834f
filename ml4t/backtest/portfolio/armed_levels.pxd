# The levels in force for a position's next bar, and who armed them.
#
# They lie inside the position, because its bar reads both; they are tried in execution/inside_bar.

from libc.math cimport INFINITY, NAN, fabs
from libc.stdint cimport int8_t, int32_t, int64_t


# What the next close of a position has to do.
cdef enum Attention:
    TO_ASK = 1                   # rules, and to arm levels anew
    TO_TELL = 2                  # the ledger, of a trail that has moved
    TO_TURN = 4                  # to the levels of another regime


# Who armed a level: it stands on the order, the fill and the trade that the level makes.
cdef struct LevelSource:
    int32_t rule                 # position in the result's rule names; -1: nobody, there is no level
    int32_t reason
    int8_t kind                  # ExitKind


# For a long the stop side is below (none: -inf) and the target above (none: +inf); for a short the
# other way round.
cdef struct Levels:
    double stop                  # the tighter of fixed_stop and trail_stop: what a bar is tried against
    double target
    double fixed_stop            # the winning stop that does not move by itself
    double trail_stop            # the winning trailing level
    double trail_keep            # 1 - s*pct of the winning trail, 1 of one at a distance; NaN: none
    double trail_distance        # s times how far it lies behind the water mark; 0: by a fraction
    double wakes_at              # the water mark at which a close must arm levels anew; beyond any price: none
    double max_bars              # bars_held at which a close must decide an exit; +inf: none
    int64_t trail_moves          # of all positions of the asset in this run; never reset
    int8_t attention             # what the next close has to do besides: Attention
    int8_t watches               # whether columns say another regime; asked only if they do
    int8_t trail_wins_ties       # where both stops are equal, the trail's rule is named
    int64_t synced_at            # bars_held when the losing trails last caught up with the water mark
    double target_part           # of the largest quantity, what the target closes; 0: it closes all that is held
    double target_closed         # units that it has closed
    int32_t target_place         # where a target of a part was said; -1 of any other
    LevelSource fixed_source
    LevelSource trail_source
    LevelSource target_source


# A price for the records: a level at infinity is "none".
cdef inline double level_or_nan(double level) noexcept nogil:
    return NAN if fabs(level) == INFINITY else level


cdef inline void clear_levels(Levels* levels, double side) noexcept nogil:
    levels.stop = -side * INFINITY
    levels.fixed_stop = -side * INFINITY
    levels.trail_stop = -side * INFINITY
    levels.target = side * INFINITY
    levels.trail_keep = NAN
    levels.trail_distance = 0.0
    levels.wakes_at = side * INFINITY
    levels.max_bars = INFINITY
    levels.synced_at = 0
    levels.fixed_source.rule = -1
    levels.trail_source.rule = -1
    levels.target_source.rule = -1
    levels.target_part = 0.0
    levels.target_closed = 0.0
    levels.target_place = -1
    levels.trail_wins_ties = 0
    levels.attention = 0
    levels.watches = 0


# Guard: what is not there lies at infinity on its own side, what is there is a price, and the stop in
# force is the tighter of the two.
cdef inline bint levels_hold(const Levels* levels, double side) noexcept nogil:
    cdef double tighter = levels.fixed_stop
    if side * levels.trail_stop > side * tighter:
        tighter = levels.trail_stop
    return (
        levels.stop == tighter
        and (levels.stop == -side * INFINITY or 0.0 < levels.stop < INFINITY)
        and (levels.target == side * INFINITY or 0.0 < levels.target < INFINITY)
    )


# Who armed the stop in force: of the fixed and the trailing one, the tighter.
cdef inline const LevelSource* stop_source(const Levels* levels) noexcept nogil:
    if levels.trail_source.rule < 0:
        return &levels.fixed_source
    if levels.fixed_source.rule < 0:
        return &levels.trail_source
    if levels.trail_stop == levels.fixed_stop:
        return &levels.trail_source if levels.trail_wins_ties else &levels.fixed_source
    return &levels.trail_source if levels.stop == levels.trail_stop else &levels.fixed_source
