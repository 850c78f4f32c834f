# What the slots of rules are, what each last said of a position, and which of two levels wins.

from libc.math cimport NAN
from libc.stdint cimport int8_t, int32_t, int64_t
from libc.string cimport memset

from ml4t.backtest.portfolio.position cimport better, worse


# What a parameter is (Form in risk/spec.py).
cdef enum:
    FORM_FRACTION
    FORM_PRICE
    FORM_DISTANCE
    FORM_BARS
    FORM_GAIN
    FORM_SIGNAL
    FORM_CURRENCY
    FORM_RISK
    FORM_MINUTES_LEFT
    FORM_BARS_LEFT


# One level or exit of one rule. Slots are numbered in the order rules were added; none is reused.
cdef struct Slot:
    double value                 # the parameter, when it is a number; multiplied already where nothing is read
    double multiple              # of what is read
    double low                   # range of a parameter read from a column: (low, high), or [low, high)
    double high
    double activation            # a trailing stop: the gain from which on it is said; NaN: from the opening on
    double tighten               # a trailing stop: what each bar held takes off its fraction
    double floor                 # and where that stays
    double costs                 # FORM_GAIN: times the commission of a unit between the entry price and the level
    double beyond                # FORM_SIGNAL: the exit is decided where the column is above
    double part                  # of the largest quantity, what a target closes; 0: all that is held
    double hysteresis            # how far beyond an edge a regime begins
    double asked_from            # answers that stand: bars held from which each close asks
    int64_t priority
    int32_t regime_input         # live input that says which regime there is; -1: said in all
    int32_t regime               # the one in which the slot is said
    int32_t first_value          # of the regimes, in ``values``
    int32_t n_values
    int32_t input                # the column that the parameter is read from; -1: a number
    int32_t multiple_input       # likewise
    int32_t activation_input
    int32_t tighten_input
    int32_t floor_input
    int32_t beyond_input
    int32_t rule                 # position in the result's rule names
    int32_t missing_reason       # of the event when a column has no value
    int32_t signal_reason        # of the exit of a signal
    int32_t regime_reason        # of the event when no regime is known
    int32_t question             # of a compiled rule: its place in CompiledRules; else -1
    int32_t group                # of rules asked as one: its place in MergedRules; else -1
    int32_t member               # in a group: which of its rules
    int8_t kind                  # ExitKind
    int8_t form
    int8_t low_closed
    int8_t only_tighten          # of a stop loss: it never moves against the position
    int8_t side                  # FORM_SIGNAL: of the positions that it ends; 0: of both sides
    int8_t are_edges             # of its regimes: the values lie between them
    int8_t keeps                 # what was said stays when its regime ends
    int8_t leads                 # the first slot of its rule: it tells what the regime is not
    int8_t stands                # what it answered stands: until a fill, a split, a dividend, asked_from
    int8_t follows_water         # and until the water mark moves
    int8_t reads                 # some of its numbers are columns
    int8_t is_live               # which are read anew at every close
    int8_t tightens              # with every bar held
    int8_t is_answered           # its levels are answers, of evaluate() or of a compiled rule


# What a slot last said of one position. NaN: nothing.
cdef struct Said:
    double stop
    double target
    double wakes_at              # the water mark at which its level is said; NaN: it waits for none
    double closed                # units that a target of a part has closed
    int64_t stop_priority
    int64_t target_priority
    int32_t slot
    int32_t regime               # that its rule is in; -1: none is known yet
    int32_t stop_reason
    int32_t target_reason
    int8_t stop_kind
    int8_t waits                 # its rule was added later: first asked at the next close
    int8_t is_warned             # the nan_input event was written
    int8_t is_told               # and that of a regime that is not known
    int8_t is_done               # a target of a part has closed it, and is said no more


# The slots of one asset's rules, in the order in which the rules were added.
cdef struct AssetSlots:
    Said* said
    int32_t n
    int32_t capacity
    int8_t has_outgrown          # the place in the block that all assets share: it has one of its own


# Where the asset's slots from this number on begin: they stand in the order of their numbers.
cdef inline int32_t first_from(const AssetSlots* slots, int32_t slot) noexcept nogil:
    cdef int32_t low = 0
    cdef int32_t high = slots.n
    cdef int32_t middle
    while low < high:
        middle = (low + high) // 2
        if slots.said[middle].slot < slot:
            low = middle + 1
        else:
            high = middle
    return low


# The level of a parameter: the price it is, or what lies by it above (direction 1) or below a base.
cdef inline double away(
    const Slot* slot, double base, double value, double direction
) noexcept nogil:
    if slot.form == FORM_PRICE:
        return value
    if slot.form == FORM_DISTANCE:
        return base + direction * value
    return base * (1.0 + direction * value)


cdef inline void forget(Said* said) noexcept nogil:
    cdef int32_t slot = said.slot
    memset(said, 0, sizeof(Said))
    said.slot = slot
    said.regime = -1
    said.stop = NAN
    said.target = NAN
    said.wakes_at = NAN


# Does one stop win against another, of a rule that was added before?
cdef inline bint wins_stop(double side, const Said* mine, const Said* other) noexcept nogil:
    if mine.stop_priority != other.stop_priority:
        return mine.stop_priority > other.stop_priority
    if mine.stop != other.stop:
        return better(side, mine.stop, other.stop) == mine.stop
    return wins_tie(mine, other)


# Two stops of one priority at one price: the order of kinds, then the rule added first.
cdef inline bint wins_tie(const Said* mine, const Said* other) noexcept nogil:
    return mine.stop_kind < other.stop_kind or (
        mine.stop_kind == other.stop_kind and mine.slot < other.slot
    )


cdef inline bint wins_target(double side, const Said* mine, const Said* other) noexcept nogil:
    if mine.target_priority != other.target_priority:
        return mine.target_priority > other.target_priority
    if mine.target != other.target:
        return worse(side, mine.target, other.target) == mine.target
    return mine.slot < other.slot
