# A position: what is owned of one asset, its levels, and the running sums of its trade.
#
# The bar of a position is always the same few operations, with rules or without: a level that does
# not exist lies at infinity and is never reached, a trail that does not exist has a NaN factor and
# never moves. So rules cost nothing on a bar that touches nothing.

from libc.math cimport INFINITY, NAN, fabs
from libc.stdint cimport int8_t, int32_t, int64_t

from ml4t.backtest.core.settings cimport START_ENTRY_CLOSE, START_ENTRY_HIGH, Settings


# Levels in force. For a long the stop side is below (none: -inf) and the target above (none: +inf);
# for a short the other way round.
cdef struct Levels:
    double stop                  # the tighter of fixed_stop and trail_stop: what a bar is tried against
    double target
    double fixed_stop            # the winning stop that does not move by itself
    double trail_stop            # the winning trailing level
    double trail_keep            # 1 - s*pct of the winning trail; NaN: none
    double max_bars              # bars_held at which a close must decide an exit; +inf: none
    int64_t trail_moves          # of all positions of the asset in this run; never reset
    int64_t synced_at            # bars_held when the losing trails last caught up with the water mark
    int32_t fixed_slot           # the slot of the plan that gave it; -1: none
    int32_t trail_slot
    int32_t target_slot
    int8_t trail_wins_ties       # where both stops are equal, the trail's rule is named
    int8_t attention             # the next close has rules to ask or levels to arm anew


cdef struct Position:
    double quantity              # units, signed; 0: flat
    double entry_price           # E: average, slippage included, commission not
    double basis                 # what level formulas start from: E, or B under level_basis=signal_close
    double water                 # H: the best price that trailing levels follow
    double best                  # best and worst price since the opening, for MFE and MAE
    double worst
    Levels levels
    int64_t bars_held
    int64_t position_id          # also the id of its trade; 0: never opened
    int64_t opened_t             # position of the opening's timestamp in the run
    int64_t entry_time
    int64_t entry_decision_time
    int64_t entry_decision_row
    double entered               # sums over the fills of the trade, in time order
    double entry_notional
    double exited
    double exit_notional
    double realised
    double commission
    double slippage_cost
    double dividends
    double stop_at_entry
    double target_at_entry
    double split_ratio           # product of the splits since the opening: absolute prices are divided by it
    int32_t waiting_exits        # reduce-only orders that wait for it
    int32_t asset
    int8_t exit_is_decided       # an exit by rule waits for it: rules make no second one


cdef inline double side_of(double quantity) noexcept nogil:
    return 1.0 if quantity > 0.0 else -1.0


# Semantics section 5: what a fill leaves of at most this share of itself is nothing.
cdef inline bint is_negligible(double rest, double units) noexcept nogil:
    return fabs(rest) <= 1e-12 * units


# The better of two prices for a position of that side: the higher for a long, the lower for a short.
cdef inline double better(double side, double a, double b) noexcept nogil:
    if side > 0.0:
        return a if a > b else b
    return a if a < b else b


cdef inline double worse(double side, double a, double b) noexcept nogil:
    return better(-side, a, b)


# A price for the records: a level at infinity is "none".
cdef inline double level_or_nan(double level) noexcept nogil:
    return NAN if fabs(level) == INFINITY else level


cdef inline void clear_levels(Levels* levels, double side) noexcept nogil:
    levels.stop = -side * INFINITY
    levels.fixed_stop = -side * INFINITY
    levels.trail_stop = -side * INFINITY
    levels.target = side * INFINITY
    levels.trail_keep = NAN
    levels.max_bars = INFINITY
    levels.synced_at = 0
    levels.fixed_slot = -1
    levels.trail_slot = -1
    levels.target_slot = -1
    levels.trail_wins_ties = 0
    levels.attention = 0


# Does the bar touch an armed level? (A gap through a level touches it too.)
cdef inline bint touches(const Position* position, double high, double low) noexcept nogil:
    if position.quantity > 0.0:
        return (low <= position.levels.stop) | (high >= position.levels.target)
    return (high >= position.levels.stop) | (low <= position.levels.target)


# Will the coming close have rules to ask, levels to arm anew or a time that is up?
cdef inline bint has_to_decide(const Position* position) noexcept nogil:
    return position.levels.attention | (
        <double> (position.bars_held + 1) >= position.levels.max_bars
    )


# Semantics step 4 and section 5: the bar is complete. Returns whether its close has rules to ask.
cdef inline bint close_bar(
    Position* position, const Settings* settings, int64_t t, double high, double low, double close
) noexcept nogil:
    cdef double mark
    cdef double level
    position.bars_held += 1
    if position.quantity > 0.0:
        mark = close if settings.watermark_close else high
        if position.opened_t == t:
            mark = entry_bar_mark(position, settings, mark, close)
        position.best = high if high > position.best else position.best
        position.worst = low if low < position.worst else position.worst
        position.water = mark if mark > position.water else position.water
        level = position.water * position.levels.trail_keep
        if level > position.levels.trail_stop:
            position.levels.trail_stop = level
            position.levels.trail_moves += 1
        level = position.levels.trail_stop
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
        level = position.water * position.levels.trail_keep
        if level < position.levels.trail_stop:
            position.levels.trail_stop = level
            position.levels.trail_moves += 1
        level = position.levels.trail_stop
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
