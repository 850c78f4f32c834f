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
from ml4t.backtest.risk.packed_spec cimport PackedSpec
from ml4t.backtest.risk.said_levels cimport AssetSlots, Said, Slot


@cython.final
cdef class RulePlan:
    cdef FrozenInputs inputs
    cdef int32_t n_assets
    cdef int32_t n_slots
    cdef Slot* slot
    cdef AssetSlots* of          # by asset
    cdef Said* _block            # the first slots of every asset, in one piece;
    cdef int32_t n_common        # the first slots, which all assets have, those without any too
    cdef bint is_bound           # a run is under way: what is added is written down at once
    cdef int32_t first_slots     # so many of each: as many as the rules have, where that is known
    cdef int64_t levels_armed
    cdef int64_t* exits          # by rule: fills that ended or reduced a position
    cdef int32_t n_rules
    cdef int tells               # LedgerDetail
    cdef int32_t _capacity       # of ``slot``
    cdef double* values          # of regimes
    cdef int32_t n_values
    cdef bint measures_risk      # a target lies by the distance of the first stop
    cdef bint closes_parts       # a target closes a part of its position
    cdef bint whole_units        # Settings
    cdef Cursor cursor
    cdef bint exits_at_close     # what is decided at a close fills at it
    cdef bint has_standing       # answers stand: they are not asked for at every close
    cdef bint follows_units      # a level lies by the units held: a partial exit moves it

    cdef inline void count_exit(self, int32_t rule) noexcept nogil:
        if CHECKED:
            guard(rule < self.n_rules, b"an exit names a rule that is not in the plan")
        if rule >= 0:
            self.exits[rule] += 1

    # Is the slot's regime the one that its rule is in?
    cdef inline bint is_on(self, const Slot* slot, const Said* said) noexcept nogil:
        return slot.regime_input < 0 or said.regime == slot.regime

    # 0 of a rule that was added after the run, or refused in it: it has no place in the plan.
    cdef inline int64_t n_exits(self, int32_t rule) noexcept nogil:
        return self.exits[rule] if rule < self.n_rules else 0

    cdef Said* said_of(self, int32_t asset, int32_t slot) noexcept nogil
    cdef int32_t next_answered(self, int32_t asset, int32_t after, int32_t* place) noexcept nogil
    cdef void end_waits(self, int32_t asset) noexcept nogil
    cdef void open_position(
        self, Position* position, bint at_open, Account account
    ) noexcept nogil
    cdef double parameter(self, const Position* position, const Slot* slot) noexcept nogil
    cdef int32_t regime_of(self, const Position* position, const Slot* slot, int32_t now) noexcept nogil
    cdef void _turn(self, const Position* position) noexcept nogil
    cdef int _add_values(self, Slot* slot, tuple values) except -1
    cdef bint _tightens(self, const Position* position, const Slot* slot) noexcept nogil
    cdef void compute(
        self, Position* position, const Settings* settings, bint at_close, bint of_regimes
    ) noexcept nogil
    cdef void arm(
        self, Position* position, const Settings* settings, bint at_close, bint of_regimes
    ) noexcept nogil
    cdef void choose(self, Position* position) noexcept nogil
    cdef void watch(self, int32_t asset) noexcept nogil
    cdef void choose_target(self, Position* position) noexcept nogil
    cdef void close_part(self, Position* position, double units, bint is_done) noexcept nogil
    cdef bint has_no_part(self, const Position* position, const Slot* slot, const Said* said) noexcept nogil
    cdef void _aim_at(self, Position* position, const Said* target) noexcept nogil
    cdef void say_stop(
        self, const Position* position, int32_t slot, double level, int8_t kind,
        int64_t priority, int32_t reason, bint only_tighten
    ) noexcept nogil
    cdef void say_target(
        self, const Position* position, int32_t slot, double level, int64_t priority,
        int32_t reason
    ) noexcept nogil
    cdef void split(self, Position* position, double ratio) noexcept nogil
    cdef void _ask_anew(self, Position* position) noexcept nogil
    cdef void go_ex_dividend(self, Position* position, double dividend) noexcept nogil
    cdef void sync_trails(self, Position* position) noexcept nogil
    cdef void _catch_up(self, Position* position, bint at_close, double base) noexcept nogil
    cdef bint _waits_for_a_gain(
        self, const Position* position, const Slot* slot, Said* said, double value, double base
    ) noexcept nogil
    cdef double _paid_out(self, const Position* position, const Slot* slot) noexcept nogil
    cdef double gain_waited_for(
        self, const Position* position, const Slot* slot, double value, double base
    ) noexcept nogil
    cdef double base_of(self, const Position* position, const Settings* settings) noexcept nogil
    cdef double level_of(
        self, const Position* position, const Slot* slot, double value, double base
    ) noexcept nogil
    cdef void _say_level(
        self, const Position* position, const Slot* slot, Said* said, double value, double base
    ) noexcept nogil
    cdef int _lower(self, Slot* slot, PackedSpec packed, int32_t rule) except -1
    cdef list names_read(self, int32_t number)
    cdef int32_t _place_of(self, str column, bint live) except? -1
    cdef int _count_from(self, int32_t rule) except -1
    cdef int32_t _add_slot(self) except -1
    cdef int _apply_to_all(self, int32_t slot) except -1 nogil
    cdef int _begin_all(self) except -1 nogil
    cdef void begin(self, int32_t asset) noexcept nogil
    cdef int _reserve_block(self) except -1 nogil
    cdef int _apply_to(self, int32_t asset, int32_t slot) except -1 nogil
    cdef int _grow(self, int32_t asset) except -1 nogil
    cdef void _name(
        self, LevelSource* source, const Said* said, int32_t reason, int8_t kind
    ) noexcept nogil
