"""RulePlan: the rules of a run lowered to C, and the levels they gave each position.

A level is *said* by a slot and *chosen* into the position's levels. Between two changes of what it
depends on nothing is computed: the bar of a position only compares (``portfolio/position_bar.pxd``).
Each asset has the slots of its own rules, so that a rule for one asset costs the others nothing.
"""

cimport cython
from libc.math cimport INFINITY, NAN, fabs, isnan, nextafter
from libc.stdint cimport int8_t, int32_t, int64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy, memmove, memset

from ml4t.backtest.core.grown cimport grown
from ml4t.backtest.core.settings cimport TELL_ALL, TELL_FILLS, Settings
from ml4t.backtest.core.types cimport (
    EXIT_STOP_LOSS, EXIT_TAKE_PROFIT, EXIT_TIME, EXIT_TRAILING_STOP,
    REASON_STOP_LOSS, REASON_TAKE_PROFIT, REASON_TRAILING_STOP,
)
from ml4t.backtest.execution.target_parts cimport units_of_part
from ml4t.backtest.market.cursor cimport Cursor
from ml4t.backtest.portfolio.account cimport Account
from ml4t.backtest.portfolio.armed_levels cimport TO_ASK, TO_TELL, Levels, LevelSource
from ml4t.backtest.portfolio.position cimport Position, better, commission_per_unit, side_of, worse
from ml4t.backtest.risk.frozen_inputs cimport FrozenInputs, Input
from ml4t.backtest.risk.packed_spec cimport PackedSpec, clear
from ml4t.backtest.risk.regimes cimport Range, range_of, regime_of
from ml4t.backtest.risk.said_levels cimport (
    FORM_BARS_LEFT, FORM_CURRENCY, FORM_DISTANCE, FORM_GAIN, FORM_MINUTES_LEFT, FORM_PRICE, FORM_RISK,
    AssetSlots, Said, Slot, away, first_from, forget, wins_stop, wins_target, wins_tie,
)
from ml4t.backtest.risk.slot_numbers cimport activation_of, floor_of, parameter_of


# Slots of an asset before it needs a block of its own, at least.
cdef int32_t FIRST_SLOTS = 2


@cython.final
cdef class RulePlan:
    """Slots of rules, and per position what each of them said.

    Parameters
    ----------
    cursor : Cursor
        Where the run stands; its market data has the columns that parameters are read from.
    """

    def __cinit__(self, Cursor cursor not None):
        self.first_slots = FIRST_SLOTS
        self.inputs = FrozenInputs(cursor)
        self.cursor = cursor
        self.of = <AssetSlots*> calloc(<size_t> cursor.data.n_assets + 1, sizeof(AssetSlots))
        if self.of == NULL:
            raise MemoryError(f"no memory for the rules of {cursor.data.n_assets} assets")
        self.n_assets = <int32_t> cursor.data.n_assets

    def __dealloc__(self):
        cdef int32_t asset
        for asset in range(self.n_assets):
            if self.of[asset].has_outgrown:
                free(self.of[asset].said)
        free(self._block)
        free(self.of)
        free(self.slot)
        free(self.exits)
        free(self.values)

    def add(self, assets, spec, frozen_columns, live_columns, priority, rule, is_answered):
        """Add one slot; returns its number.

        ``assets``: codes of those that it is for, None for all; ``spec``: what it arms or decides, None of a rule that cannot be
        lowered; ``rule``: its position in the rule names; ``is_answered``: its levels are answers, said with ``say_stop``
        and ``say_target``. A column that the market data do not have is a ValueError.
        """
        codes = () if assets is None else sorted(set(assets))
        if codes and not 0 <= min(codes) <= max(codes) < self.n_assets:
            raise IndexError(f"assets must be codes from 0 to {self.n_assets - 1}, were {assets}")
        columns = [self.inputs.number_of(name) for name in frozen_columns]
        columns += [self.inputs.number_of(name, True) for name in live_columns]
        self._count_from(rule)
        cdef int32_t number = self._add_slot()
        cdef Slot* slot = &self.slot[number]
        if spec is not None:
            self._lower(slot, spec.packed, rule)
        elif columns:
            # A rule of the user's own: any number its first frozen column holds will do.
            slot.low = -INFINITY
            slot.high = INFINITY
            slot.input = columns[0]
            slot.reads = True
            slot.is_live = self.inputs.input[slot.input].is_live
        slot.rule = rule
        slot.priority = priority
        slot.is_answered = is_answered
        if assets is None:
            self._apply_to_all(number)
        else:
            self._begin_all()
        for asset in codes:
            self._apply_to(asset, number)
        return number

    def add_member(self, spec, rule, member):
        """Add a slot of the group at `rule` among the rule names, for its rule `member`; returns its number."""
        cdef int32_t number = self._add_slot()
        self._lower(&self.slot[number], spec.packed, rule)
        self.slot[number].member = member
        return number

    # What a slot arms or decides: a copy of the spec's, but for the columns, whose places are those of the run.
    cdef int _lower(self, Slot* slot, PackedSpec packed, int32_t rule) except -1:
        cdef bint leads = self.n_slots == 1 or (slot - 1).rule != rule
        slot[0] = packed.slot
        slot.rule = rule
        self.measures_risk = self.measures_risk or slot.form == FORM_RISK
        self.follows_units = self.follows_units or slot.form == FORM_CURRENCY
        self.closes_parts = self.closes_parts or slot.part > 0.0
        slot.input = self._place_of(packed.column, packed.live)
        slot.multiple_input = self._place_of(packed.multiple, packed.live)
        slot.activation_input = self._place_of(packed.activation, packed.live)
        slot.tighten_input = self._place_of(packed.tighten, packed.live)
        slot.floor_input = self._place_of(packed.floor, packed.live)
        slot.beyond_input = self._place_of(packed.beyond, packed.live)
        if packed.regime is not None:
            self._add_values(slot, packed.regime.values)
            slot.regime_input = self.inputs.number_of(packed.regime.column, True)
            slot.regime = packed.regime.index
            slot.are_edges = packed.regime.are_edges
            slot.hysteresis = packed.regime.hysteresis
            slot.keeps = packed.regime.keeps
            slot.leads = leads
        return 0

    cdef int32_t _place_of(self, str column, bint live) except? -1:
        return -1 if column is None else self.inputs.number_of(column, live)

    # The columns that a slot reads, its parameter's first.
    cdef list names_read(self, int32_t number):
        cdef const Slot* slot = &self.slot[number]
        places = (slot.input, slot.multiple_input, slot.activation_input, slot.tighten_input, slot.floor_input, slot.beyond_input)
        return list(dict.fromkeys(self.inputs.names[place] for place in places if place >= 0))

    def remove(self, int32_t number):
        """Take a slot out of the plan, with all it said; an IndexError if there is none of that number."""
        if not 0 <= number < self.n_slots:
            raise IndexError(f"there is no slot {number}: there are {self.n_slots}")
        cdef int32_t asset
        cdef int32_t i
        cdef AssetSlots* slots
        self._begin_all()
        for asset in range(self.n_assets):
            slots = &self.of[asset]
            i = first_from(slots, number)
            if i < slots.n and slots.said[i].slot == number:
                slots.n -= 1
                memmove(
                    &slots.said[i], &slots.said[i + 1], <size_t> (slots.n - i) * sizeof(Said)
                )

    # What a slot said of an asset's position; NULL where its rule is not for the asset, or was removed.
    cdef Said* said_of(self, int32_t asset, int32_t slot) noexcept nogil:
        cdef const AssetSlots* slots = &self.of[asset]
        cdef int32_t i = first_from(slots, slot)
        if i < slots.n and slots.said[i].slot == slot:
            return &slots.said[i]
        return NULL

    # The asset's first slot after this one whose rule is asked now; -1 when there is none. Rules may
    # come and go between two answers, so the next one is looked for anew.
    cdef int32_t next_answered(self, int32_t asset, int32_t after, int32_t* place) noexcept nogil:
        cdef const AssetSlots* slots = &self.of[asset]
        cdef int32_t i = place[0]
        # Most often the slot stands where it stood when it was found.
        i = i + 1 if after >= 0 and i < slots.n and slots.said[i].slot == after else first_from(slots, after + 1)
        while i < slots.n:
            if self.slot[slots.said[i].slot].is_answered and not slots.said[i].waits:
                place[0] = i
                return slots.said[i].slot
            i += 1
        return -1

    # ---- positions ---------------------------------------------------------------------------

    # A position has opened: nothing was said of it yet; its inputs are those known before the fill.
    cdef void open_position(
        self, Position* position, bint at_open, Account account
    ) noexcept nogil:
        cdef AssetSlots* slots = &self.of[position.asset]
        cdef int32_t i
        self.begin(position.asset)
        for i in range(slots.n):
            forget(&slots.said[i])
        if self.inputs.n > 0:
            self.inputs.forget(position.asset)
            self.inputs.read_opening(position, at_open, account)

    # A close has come: rules added since the opening are asked from here on.
    cdef void end_waits(self, int32_t asset) noexcept nogil:
        cdef int32_t i
        for i in range(self.of[asset].n):
            self.of[asset].said[i].waits = 0

    # The slot's parameter for a position; NaN when a column of it has no valid value.
    cdef double parameter(self, const Position* position, const Slot* slot) noexcept nogil:
        return parameter_of(slot, self.inputs, position)

    # The regime that the column's value stands for; without one the regime of now.
    cdef int32_t regime_of(self, const Position* position, const Slot* slot, int32_t now) noexcept nogil:
        cdef double value = self.inputs.input[slot.regime_input].value[position.asset]
        return regime_of(slot, &self.values[slot.first_value], value, now)

    # Where a regime has ended its slots say nothing more; what they had said goes, or is kept as it is.
    cdef void _turn(self, const Position* position) noexcept nogil:
        cdef AssetSlots* slots = &self.of[position.asset]
        cdef const Slot* slot
        cdef Said* said
        cdef int32_t i
        if self.n_values == 0:
            return
        for i in range(slots.n):
            said = &slots.said[i]
            slot = &self.slot[said.slot]
            if slot.regime_input < 0 or said.waits:
                continue
            said.regime = self.regime_of(position, slot, said.regime)
            if said.regime != slot.regime:
                said.wakes_at = NAN
                if not slot.keeps:
                    said.stop = NAN
                    said.target = NAN

    # Will the fraction of a trailing stop be less at the next close?
    cdef bint _tightens(self, const Position* position, const Slot* slot) noexcept nogil:
        return slot.tightens and self.parameter(position, slot) > floor_of(slot, self.inputs, position.asset)

    # What dividends have taken off a level of the slot: nothing where it lies above the market. No
    # division by zero: ratios of splits are positive.
    @cython.cdivision(True)
    cdef double _paid_out(self, const Position* position, const Slot* slot) noexcept nogil:
        cdef const Input* column
        if (slot.kind == EXIT_STOP_LOSS) != (position.quantity > 0.0):
            return 0.0
        if slot.form != FORM_PRICE:
            return position.dividend_average
        if slot.input < 0:
            return position.dividend_sum
        column = &self.inputs.input[slot.input]
        return position.dividend_sum - column.dividend_sum[position.asset] / (
            position.split_ratio / column.split_ratio[position.asset]
        )

    # Say all levels and choose those in force. The first stop in force is the position's initial risk: targets that
    # are multiples of it are said once it is known.
    cdef void arm(
        self, Position* position, const Settings* settings, bint at_close, bint of_regimes
    ) noexcept nogil:
        cdef double side = side_of(position.quantity)
        cdef double base
        self.compute(position, settings, at_close, of_regimes)
        self.choose(position)
        if not isnan(position.initial_risk) or position.levels.stop == -side * INFINITY:
            return
        base = self.base_of(position, settings)
        if side > 0.0:
            base = base - position.dividend_average
        position.initial_risk = side * (base - position.levels.stop)
        if self.measures_risk:
            self.compute(position, settings, at_close, False)
            self.choose(position)

    # Say the levels of all lowered slots anew, or of those alone whose regime has turned (formulas of section 4).
    cdef void compute(
        self, Position* position, const Settings* settings, bint at_close, bint of_regimes
    ) noexcept nogil:
        cdef double base = self.base_of(position, settings)
        cdef AssetSlots* slots = &self.of[position.asset]
        cdef int32_t i
        cdef const Slot* slot
        cdef double value
        self._turn(position)
        self._catch_up(position, at_close, base)
        for i in range(slots.n):
            slot = &self.slot[slots.said[i].slot]
            if of_regimes and slot.regime_input < 0:
                continue
            if slot.is_answered or slots.said[i].waits or not self.is_on(slot, &slots.said[i]):
                continue
            if slots.said[i].is_done:
                continue
            value = self.parameter(position, slot)
            if not isnan(value) and not self._waits_for_a_gain(position, slot, &slots.said[i], value, base):
                self._say_level(position, slot, &slots.said[i], value, base)

    # A rule that waits for a gain says nothing before the water mark has come so far; what it had said before
    # stands, and follows nothing.
    cdef bint _waits_for_a_gain(
        self, const Position* position, const Slot* slot, Said* said, double value, double base
    ) noexcept nogil:
        cdef double reached = self.gain_waited_for(position, slot, value, base)
        said.wakes_at = NAN
        if isnan(reached):
            return False
        said.wakes_at = reached
        return True

    # Where the water mark has to come to; NaN: it has come so far, or the slot waits for nothing.
    cdef double gain_waited_for(
        self, const Position* position, const Slot* slot, double value, double base
    ) noexcept nogil:
        cdef double side = side_of(position.quantity)
        cdef double gain = value if slot.form == FORM_GAIN else activation_of(slot, self.inputs, position.asset)
        cdef double reached
        if isnan(gain):
            return NAN
        reached = base * (1.0 + side * gain)
        if side > 0.0:
            reached = reached - position.dividend_average
        return NAN if side * position.water >= side * reached else reached

    # What level formulas start from.
    cdef double base_of(self, const Position* position, const Settings* settings) noexcept nogil:
        return position.basis if settings.level_basis_signal_close else position.entry_price

    # The level of a slot's formula; NaN of what has none, or not yet. No division by zero: a position has units.
    @cython.cdivision(True)
    cdef double level_of(
        self, const Position* position, const Slot* slot, double value, double base
    ) noexcept nogil:
        cdef double side = side_of(position.quantity)
        cdef double level
        if slot.kind == EXIT_STOP_LOSS:
            if slot.form == FORM_GAIN:
                level = base + side * (slot.costs * commission_per_unit(position))
            elif slot.form == FORM_CURRENCY:
                level = base - side * (value / fabs(position.quantity))
            else:
                level = away(slot, base, value, -side)
            return level - self._paid_out(position, slot)
        if slot.kind == EXIT_TAKE_PROFIT:
            if slot.form == FORM_RISK:
                if not position.initial_risk > 0.0:
                    return NAN
                level = base + side * (value * position.initial_risk)
            else:
                level = away(slot, base, value, side)
            return level - self._paid_out(position, slot)
        if slot.kind == EXIT_TRAILING_STOP:
            return away(slot, position.water, value, -side)
        return NAN

    # A level at or below zero is not armed; what the rule had said before stands.
    cdef void _say_level(
        self, const Position* position, const Slot* slot, Said* said, double value, double base
    ) noexcept nogil:
        cdef double side = side_of(position.quantity)
        cdef double level = self.level_of(position, slot, value, base)
        if slot.kind == EXIT_STOP_LOSS:
            if slot.only_tighten and not isnan(said.stop):
                level = better(side, said.stop, level)
            if level > 0.0:
                self.levels_armed += level != said.stop
                said.stop = level
        elif slot.kind == EXIT_TAKE_PROFIT:
            if self.has_no_part(position, slot, said):
                said.target = NAN
                return
            if level > 0.0:
                self.levels_armed += level != said.target
                said.target = level
        elif slot.kind == EXIT_TRAILING_STOP:
            if isnan(said.stop):
                if level > 0.0:
                    self.levels_armed += 1
                    said.stop = level
            else:
                said.stop = better(side, said.stop, level)
        if slot.kind == EXIT_STOP_LOSS or slot.kind == EXIT_TRAILING_STOP:
            said.stop_kind = slot.kind
            said.stop_priority = slot.priority
            said.stop_reason = (
                REASON_STOP_LOSS if slot.kind == EXIT_STOP_LOSS else REASON_TRAILING_STOP
            )
        said.target_priority = slot.priority
        said.target_reason = REASON_TAKE_PROFIT

    # Choose the levels in force among all that was said (section 4, "Which rule wins").
    cdef void choose(self, Position* position) noexcept nogil:
        cdef double side = side_of(position.quantity)
        cdef const AssetSlots* slots = &self.of[position.asset]
        cdef const Said* fixed = NULL
        cdef const Said* trail = NULL
        cdef const Said* target = NULL
        cdef const Said* said
        cdef const Slot* slot
        cdef double value
        cdef int32_t i
        cdef int32_t n_trails = 0
        cdef int32_t n_at_a_distance = 0
        cdef bint is_on
        cdef bint watches = False
        cdef bint attention = self.inputs.n > 0 and self.inputs.lacks(position.asset)
        position.levels.max_bars = INFINITY
        position.levels.wakes_at = side * INFINITY
        for i in range(slots.n):
            said = &slots.said[i]
            if said.waits:
                attention = True
                continue
            slot = &self.slot[said.slot]
            is_on = self.is_on(slot, said)
            watches = watches or slot.regime_input >= 0
            attention = attention or slot.is_live or self._tightens(position, slot)
            attention = attention or (slot.is_answered and not slot.stands)
            if slot.stands:
                position.levels.max_bars = min(position.levels.max_bars, slot.asked_from)
                if slot.follows_water:
                    value = nextafter(position.water, side * INFINITY)
                    position.levels.wakes_at = worse(side, position.levels.wakes_at, value)
            if not isnan(said.wakes_at):
                position.levels.wakes_at = worse(side, position.levels.wakes_at, said.wakes_at)
            if not isnan(said.target) and (target == NULL or wins_target(side, said, target)):
                target = said
            if not isnan(said.stop):
                if is_on and slot.kind == EXIT_TRAILING_STOP and not slot.is_answered and isnan(said.wakes_at):
                    n_trails += 1
                    n_at_a_distance += slot.form == FORM_DISTANCE
                    if trail == NULL or wins_stop(side, said, trail):
                        trail = said
                elif fixed == NULL or wins_stop(side, said, fixed):
                    fixed = said
            elif is_on and slot.kind == EXIT_TRAILING_STOP and not slot.is_answered and isnan(said.wakes_at):
                # A dividend took it to zero: the next close gives it anew.
                attention = attention or not isnan(self.parameter(position, slot))
            if is_on and (slot.form == FORM_MINUTES_LEFT or slot.form == FORM_BARS_LEFT) and not slot.is_answered:
                position.levels.max_bars = 0.0  # every close is asked
            elif is_on and slot.kind == EXIT_TIME and not slot.is_answered:
                value = self.parameter(position, slot)
                if value < position.levels.max_bars:
                    position.levels.max_bars = value
        # Which of a fraction and a distance is the tighter one changes with the water mark.
        attention = attention or 0 < n_at_a_distance < n_trails
        if fixed != NULL and trail != NULL:
            # Of two priorities only the higher is in force; of one, the tighter at each bar.
            if trail.stop_priority > fixed.stop_priority:
                fixed = NULL
            elif trail.stop_priority < fixed.stop_priority:
                trail = NULL
        position.levels.fixed_stop = -side * INFINITY
        position.levels.fixed_source.rule = -1
        if fixed != NULL:
            position.levels.fixed_stop = fixed.stop
            self._name(&position.levels.fixed_source, fixed, fixed.stop_reason, fixed.stop_kind)
        position.levels.trail_stop = -side * INFINITY
        position.levels.trail_keep = NAN
        position.levels.trail_distance = 0.0
        position.levels.trail_source.rule = -1
        if trail != NULL:
            position.levels.trail_stop = trail.stop
            value = side * self.parameter(position, &self.slot[trail.slot])
            if self.slot[trail.slot].form == FORM_DISTANCE:
                position.levels.trail_keep = 1.0
                position.levels.trail_distance = value
            else:
                position.levels.trail_keep = 1.0 - value
            self._name(&position.levels.trail_source, trail, trail.stop_reason, trail.stop_kind)
        position.levels.trail_wins_ties = (
            fixed != NULL and trail != NULL and wins_tie(trail, fixed)
        )
        position.levels.stop = better(
            side, position.levels.fixed_stop, position.levels.trail_stop
        )
        self._aim_at(position, target)
        position.levels.attention = TO_ASK if attention else 0
        # Who is asked at every close need not watch.
        position.levels.watches = watches and not attention
        if position.levels.watches:
            self.watch(position.asset)
        # Of these the ledger is told at the close that moves the trail, or lets it overtake the other stop.
        if trail != NULL and (self.tells == TELL_ALL or (self.tells != TELL_FILLS and fixed != NULL)):
            position.levels.attention |= TO_TELL

    # Between which values of its column each regime of a position goes on: of several rules, those of all.
    cdef void watch(self, int32_t asset) noexcept nogil:
        cdef const AssetSlots* slots = &self.of[asset]
        cdef const Slot* slot
        cdef Range stays
        cdef int32_t i
        self.inputs.watch_anew(asset)
        for i in range(slots.n):
            slot = &self.slot[slots.said[i].slot]
            # The regime of a rule is that of all its slots.
            if slot.regime_input < 0 or not slot.leads:
                continue
            stays = range_of(slot, &self.values[slot.first_value], slots.said[i].regime)
            self.inputs.watch(slot.regime_input, asset, stays.low, stays.high)

    # The target in force among all that was said.
    cdef void choose_target(self, Position* position) noexcept nogil:
        cdef double side = side_of(position.quantity)
        cdef const AssetSlots* slots = &self.of[position.asset]
        cdef const Said* target = NULL
        cdef const Said* said
        cdef int32_t i
        for i in range(slots.n):
            said = &slots.said[i]
            if not said.waits and not isnan(said.target) and (
                target == NULL or wins_target(side, said, target)
            ):
                target = said
        self._aim_at(position, target)

    # Take one as the target in force; NULL: there is none.
    cdef void _aim_at(self, Position* position, const Said* target) noexcept nogil:
        cdef Levels* levels = &position.levels
        levels.target = side_of(position.quantity) * INFINITY
        levels.target_source.rule = -1
        levels.target_part = 0.0
        levels.target_closed = 0.0
        levels.target_place = -1
        if target == NULL:
            return
        levels.target = target.target
        self._name(&levels.target_source, target, target.target_reason, EXIT_TAKE_PROFIT)
        if self.slot[target.slot].part > 0.0:
            levels.target_part = self.slot[target.slot].part
            levels.target_closed = target.closed
            levels.target_place = target.slot

    # The target in force has closed a part. Done, or with nothing to close, it gives way to the next one.
    cdef void close_part(self, Position* position, double units, bint is_done) noexcept nogil:
        cdef Said* said = self.said_of(position.asset, position.levels.target_place)
        if CHECKED:
            guard(said != NULL, b"a target has closed a part that nobody has said")
        said.closed += units
        position.levels.target_closed = said.closed
        if is_done:
            said.is_done = units > 0.0
            said.target = NAN
            self.choose_target(position)

    # A target of a part that comes to less than an order can have is not said.
    cdef bint has_no_part(self, const Position* position, const Slot* slot, const Said* said) noexcept nogil:
        return slot.part > 0.0 and units_of_part(
            position, slot.part, said.closed, self.whole_units
        ) == 0.0

    # Levels a rule answered with. A trailing stop never moves against the position, nor does one that
    # only tightens. A rule that was removed while it answered says nothing.
    cdef void say_stop(
        self, const Position* position, int32_t slot, double level, int8_t kind,
        int64_t priority, int32_t reason, bint only_tighten
    ) noexcept nogil:
        cdef Said* said = self.said_of(position.asset, slot)
        if said == NULL:
            return
        if (only_tighten or kind == EXIT_TRAILING_STOP) and not isnan(said.stop):
            level = better(side_of(position.quantity), said.stop, level)
        self.levels_armed += level != said.stop
        said.stop = level
        said.stop_kind = kind
        said.stop_priority = priority
        said.stop_reason = reason

    cdef void say_target(
        self, const Position* position, int32_t slot, double level, int64_t priority,
        int32_t reason
    ) noexcept nogil:
        cdef Said* said = self.said_of(position.asset, slot)
        if said == NULL or said.is_done:
            return
        if self.has_no_part(position, &self.slot[slot], said):
            said.target = NAN
            return
        self.levels_armed += level != said.target
        said.target = level
        said.target_priority = priority
        said.target_reason = reason

    # At the next close answers that stood are given again, and parts looked at, of which a split may leave less than a unit.
    cdef void _ask_anew(self, Position* position) noexcept nogil:
        if self.has_standing or self.closes_parts:
            position.levels.attention |= TO_ASK

    # A split divides every level said; trails first catch up with the water mark of before.
    cdef void split(self, Position* position, double ratio) noexcept nogil:
        cdef AssetSlots* slots = &self.of[position.asset]
        cdef int32_t i
        self.sync_trails(position)
        for i in range(slots.n):
            slots.said[i].stop = slots.said[i].stop / ratio
            slots.said[i].target = slots.said[i].target / ratio
            slots.said[i].closed = slots.said[i].closed * ratio
        self._ask_anew(position)

    # A dividend lowers what was said below the market: stops of a long, targets of a short. What falls
    # to zero or below is gone. Trails first catch up with the water mark of before.
    cdef void go_ex_dividend(self, Position* position, double dividend) noexcept nogil:
        cdef AssetSlots* slots = &self.of[position.asset]
        cdef double* level
        cdef int32_t i
        self.sync_trails(position)
        for i in range(slots.n):
            level = &slots.said[i].stop if position.quantity > 0.0 else &slots.said[i].target
            level[0] -= dividend
            if level[0] <= 0.0:
                level[0] = NAN
        self.choose(position)
        self._ask_anew(position)

    # The position's bar moves only the winning trail; the others follow here, before they are used.
    # Once a bar: what a split has divided since is not computed anew before the next close.
    cdef void sync_trails(self, Position* position) noexcept nogil:
        self._catch_up(position, False, NAN)

    # At a close a trail that waits for a gain follows its bar only if the gain is there still: since the bar
    # before it the position may have been added to.
    cdef void _catch_up(self, Position* position, bint at_close, double base) noexcept nogil:
        cdef double side = side_of(position.quantity)
        cdef AssetSlots* slots = &self.of[position.asset]
        cdef int32_t i
        cdef Said* said
        cdef double value
        cdef double level
        if position.levels.synced_at == position.bars_held:
            return
        position.levels.synced_at = position.bars_held
        for i in range(slots.n):
            said = &slots.said[i]
            if (
                self.slot[said.slot].kind != EXIT_TRAILING_STOP
                or self.slot[said.slot].is_answered or isnan(said.stop) or not isnan(said.wakes_at)
                or not self.is_on(&self.slot[said.slot], said)
            ):
                continue
            value = self.parameter(position, &self.slot[said.slot])
            if at_close and self._waits_for_a_gain(position, &self.slot[said.slot], said, value, base):
                continue
            level = away(&self.slot[said.slot], position.water, value, -side)
            said.stop = better(side, said.stop, level)

    # ---- inside ------------------------------------------------------------------------------

    cdef inline void _name(
        self, LevelSource* source, const Said* said, int32_t reason, int8_t kind
    ) noexcept nogil:
        source.rule = self.slot[said.slot].rule
        source.reason = reason
        source.kind = kind

    # The values of the slot's regimes, after those of the others.
    cdef int _add_values(self, Slot* slot, tuple values) except -1:
        cdef int32_t i
        cdef int32_t n = self.n_values + <int32_t> len(values)
        self.values = <double*> grown(self.values, <size_t> n * sizeof(double))
        slot.first_value = self.n_values
        slot.n_values = <int32_t> len(values)
        for i in range(slot.n_values):
            self.values[slot.first_value + i] = values[i]
        self.n_values = n
        return 0

    # Room for the exits of one more rule.
    cdef int _count_from(self, int32_t rule) except -1:
        cdef int32_t n = self.n_rules
        if rule < n:
            return 0
        # Twice as many as there are: rules come one by one.
        self.n_rules = 8 + 2 * rule
        self.exits = <int64_t*> grown(self.exits, <size_t> self.n_rules * sizeof(int64_t))
        memset(&self.exits[n], 0, <size_t> (self.n_rules - n) * sizeof(int64_t))
        return 0

    cdef int32_t _add_slot(self) except -1:
        cdef int32_t number = self.n_slots
        cdef int32_t capacity
        if number == self._capacity:
            capacity = 8 + 2 * self._capacity
            self.slot = <Slot*> grown(self.slot, <size_t> capacity * sizeof(Slot))
            self._capacity = capacity
        clear(&self.slot[number])
        self.n_slots = number + 1
        return number

    # Of the first slots nothing is written down before a position opens: most assets of a universe never have one.
    cdef int _apply_to_all(self, int32_t slot) except -1 nogil:
        cdef int32_t asset
        if not self.is_bound and slot == self.n_common and slot < self.first_slots:
            self._reserve_block()
            self.n_common += 1
            return 0
        self._begin_all()
        for asset in range(self.n_assets):
            self._apply_to(asset, slot)
        return 0

    cdef int _begin_all(self) except -1 nogil:
        cdef int32_t asset
        for asset in range(self.n_assets if self.n_common > 0 else 0):
            self.begin(asset)
        self.n_common = 0
        return 0

    # The asset gets the slots that all have. There is room for them: they are the first.
    cdef void begin(self, int32_t asset) noexcept nogil:
        cdef int32_t slot
        if self.n_common > 0 and self.of[asset].n == 0:
            for slot in range(self.n_common):
                self._apply_to(asset, slot)

    # The slot is asked for positions of the asset; of one held now from its next close on.
    cdef inline int _apply_to(self, int32_t asset, int32_t slot) except -1 nogil:
        cdef AssetSlots* slots = &self.of[asset]
        cdef Said* said
        if slots.n == slots.capacity:
            self._grow(asset)
        said = &slots.said[slots.n]
        said.slot = slot
        forget(said)
        said.waits = 1
        slots.n += 1
        return 0

    cdef int _reserve_block(self) except -1 nogil:
        if self._block == NULL:
            self._block = <Said*> malloc(<size_t> self.n_assets * <size_t> self.first_slots * sizeof(Said))
        return _no_memory(self.n_assets) if self._block == NULL else 0

    # Room for more slots of the asset: at first in the block of all, then in one of its own.
    cdef int _grow(self, int32_t asset) except -1 nogil:
        cdef AssetSlots* slots = &self.of[asset]
        cdef int32_t capacity = 2 * slots.capacity
        cdef Said* moved
        if slots.capacity == 0:
            self._reserve_block()
            slots.said = &self._block[<int64_t> asset * self.first_slots]
            slots.capacity = self.first_slots
            return 0
        moved = <Said*> malloc(<size_t> capacity * sizeof(Said))
        if moved == NULL:
            return _no_memory(capacity)
        memcpy(moved, slots.said, <size_t> slots.n * sizeof(Said))
        if slots.has_outgrown:
            free(slots.said)
        slots.said = moved
        slots.capacity = capacity
        slots.has_outgrown = 1
        return 0


cdef int _no_memory(int64_t slots) except -1 with gil:
    raise MemoryError(f"no memory for {slots} slots of rules")
