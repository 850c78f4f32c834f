# Rules as C: what each lowered rule arms or decides, and what each rule last said of each position.

cimport cython
from libc.stdint cimport int8_t, int32_t, int64_t

from ml4t.backtest.core.build cimport CHECKED
from ml4t.backtest.core.guards cimport guard
from ml4t.backtest.core.settings cimport Settings
from ml4t.backtest.market.cursor cimport Cursor
from ml4t.backtest.portfolio.account cimport Account
from ml4t.backtest.portfolio.armed_levels cimport LevelSource
from ml4t.backtest.portfolio.position cimport Position
from ml4t.backtest.risk.frozen_inputs cimport FrozenInputs


# What a parameter is (Form in risk/spec.py).
cdef enum:
    FORM_FRACTION
    FORM_PRICE
    FORM_DISTANCE
    FORM_BARS
    FORM_GAIN


# One level or exit of one rule. Slots are numbered in the order rules were added; none is reused.
cdef struct Slot:
    double value                 # the parameter, when it is a number: multiplied already
    double multiple              # of what is read from a column
    double low                   # range of a parameter read from a column: (low, high), or [low, high)
    double high
    double activation            # a trailing stop: the gain from which on it is said; NaN: from the opening on
    double tighten               # a trailing stop: what each bar held takes off its fraction
    double floor                 # and where that stays
    double costs                 # FORM_GAIN: times the commission of a unit between the entry price and the level
    int64_t priority
    int32_t input                # frozen input the parameter is read from; -1: a number
    int32_t rule                 # position in the result's rule names
    int32_t missing_reason       # of the event when the input has no value
    int32_t question             # of a compiled rule: its place in CompiledRules; else -1
    int8_t kind                  # ExitKind
    int8_t form
    int8_t low_closed
    int8_t only_tighten          # of a stop loss: it never moves against the position
    int8_t is_answered           # its levels are answers, of evaluate() or of a compiled rule


# What a slot last said of one position. NaN: nothing.
cdef struct Said:
    double stop
    double target
    double wakes_at              # the water mark at which its level is said; NaN: it waits for none
    int64_t stop_priority
    int64_t target_priority
    int32_t slot
    int32_t stop_reason
    int32_t target_reason
    int8_t stop_kind
    int8_t waits                 # its rule was added later: first asked at the next close
    int8_t is_warned             # the nan_input event was written


# The slots of one asset's rules, in the order in which the rules were added.
cdef struct AssetSlots:
    Said* said
    int32_t n
    int32_t capacity
    int8_t has_outgrown          # the place in the block that all assets share: it has one of its own


# The exit that wins at one close.
cdef struct Verdict:
    int64_t priority
    int32_t slot                 # -1: no exit
    int32_t reason
    int8_t kind


@cython.final
cdef class RulePlan:
    cdef FrozenInputs inputs
    cdef int32_t n_assets
    cdef int32_t n_slots
    cdef Slot* slot
    cdef AssetSlots* of          # by asset
    cdef Said* _block            # the first slots of every asset, in one piece
    cdef int64_t levels_armed
    cdef int64_t* exits          # by rule: fills that ended or reduced a position
    cdef int32_t n_rules
    cdef int32_t _capacity       # of ``slot``

    cdef inline void count_exit(self, int32_t rule) noexcept nogil:
        if CHECKED:
            guard(rule < self.n_rules, b"an exit names a rule that is not in the plan")
        if rule >= 0:
            self.exits[rule] += 1

    # 0 of a rule that was added after the run, or refused in it: it has no place in the plan.
    cdef inline int64_t n_exits(self, int32_t rule) noexcept nogil:
        return self.exits[rule] if rule < self.n_rules else 0

    cdef Said* said_of(self, int32_t asset, int32_t slot) noexcept nogil
    cdef int32_t next_answered(self, int32_t asset, int32_t after) noexcept nogil
    cdef void end_waits(self, int32_t asset) noexcept nogil
    cdef void open_position(
        self, Position* position, bint at_open, Account account
    ) noexcept nogil
    cdef double parameter(self, const Position* position, const Slot* slot) noexcept nogil
    cdef bint _tightens(self, const Position* position, const Slot* slot) noexcept nogil
    cdef void compute(self, Position* position, const Settings* settings, bint at_close) noexcept nogil
    cdef void choose(self, Position* position) noexcept nogil
    cdef void decide_time_exits(self, const Position* position, Verdict* verdict) noexcept nogil
    cdef void weigh(
        self, Verdict* verdict, int32_t slot, int64_t priority, int8_t kind, int32_t reason
    ) noexcept nogil
    cdef void say_stop(
        self, const Position* position, int32_t slot, double level, int8_t kind,
        int64_t priority, int32_t reason, bint only_tighten
    ) noexcept nogil
    cdef void say_target(
        self, const Position* position, int32_t slot, double level, int64_t priority,
        int32_t reason
    ) noexcept nogil
    cdef void split(self, Position* position, double ratio) noexcept nogil
    cdef void go_ex_dividend(self, Position* position, double dividend) noexcept nogil
    cdef void sync_trails(self, Position* position) noexcept nogil
    cdef void _catch_up(self, Position* position, bint at_close, double base) noexcept nogil
    cdef bint _waits_for_a_gain(
        self, const Position* position, const Slot* slot, Said* said, double value, double base
    ) noexcept nogil
    cdef double _paid_out(self, const Position* position, const Slot* slot) noexcept nogil
    cdef void _say_level(
        self, const Position* position, const Slot* slot, Said* said, double value, double base
    ) noexcept nogil
    cdef bint _is_live(self, const Slot* slot) noexcept nogil
    cdef int _count_from(self, int32_t rule) except -1
    cdef int32_t _add_slot(self) except -1
    cdef int _apply_to_all(self, int32_t slot) except -1 nogil
    cdef int _apply_to(self, int32_t asset, int32_t slot) except -1 nogil
    cdef int _grow(self, int32_t asset) except -1 nogil
    cdef void _name(
        self, LevelSource* source, const Said* said, int32_t reason, int8_t kind
    ) noexcept nogil
