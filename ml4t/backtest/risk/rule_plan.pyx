"""RulePlan: the rules of a run lowered to C, and the levels they gave each position.

A level is *said* by a slot and *chosen* into the position's levels. Between two changes of what it
depends on nothing is computed: the bar of a position only compares (``portfolio/position_bar.pxd``).
Each asset has the slots of its own rules, so that a rule for one asset costs the others nothing.
"""

cimport cython
from libc.math cimport INFINITY, NAN, isnan
from libc.stdint cimport int8_t, int32_t, int64_t
from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memcpy, memmove, memset

from ml4t.backtest.core.settings cimport Settings
from ml4t.backtest.core.types cimport (
    EXIT_STOP_LOSS, EXIT_TAKE_PROFIT, EXIT_TIME, EXIT_TRAILING_STOP, REASON_STOP_LOSS,
    REASON_TAKE_PROFIT, REASON_TIME_EXIT, REASON_TRAILING_STOP,
)
from ml4t.backtest.market.cursor cimport Cursor
from ml4t.backtest.portfolio.account cimport Account
from ml4t.backtest.portfolio.armed_levels cimport LevelSource
from ml4t.backtest.portfolio.position cimport Position, better, commission_per_unit, side_of, worse
from ml4t.backtest.risk.frozen_inputs cimport FrozenInputs, Input


# Slots of an asset before it needs a block of its own.
cdef int32_t FIRST_SLOTS = 4


@cython.final
cdef class RulePlan:
    """Slots of rules, and per position what each of them said.

    Parameters
    ----------
    cursor : Cursor
        Where the run stands; its market data has the columns that parameters are read from.
    """

    def __cinit__(self, Cursor cursor not None):
        self.inputs = FrozenInputs(cursor)
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

    def add(self, assets, spec, frozen_columns, live_columns, priority, rule, is_answered):
        """Add one slot; returns its number.

        Parameters
        ----------
        assets : list of int, optional
            Codes of the assets it applies to; None for all.
        spec : RuleSpec, optional
            What it arms or decides; None for a rule that cannot be lowered.
        frozen_columns, live_columns : sequence of str
        priority : int
        rule : int
            Position in the rule names of the result.
        is_answered : bool
            Its levels are answers, said with ``say_stop`` and ``say_target``, instead of computed here.

        Raises
        ------
        ValueError
            If the market data has no column of that name.
        """
        codes = () if assets is None else sorted(set(assets))
        if codes and not 0 <= min(codes) <= max(codes) < self.n_assets:
            raise IndexError(f"assets must be codes from 0 to {self.n_assets - 1}, were {assets}")
        columns = [self.inputs.number_of(name) for name in frozen_columns]
        columns += [self.inputs.number_of(name, True) for name in live_columns]
        self._count_from(rule)
        cdef int32_t number = self._add_slot()
        cdef Slot* slot = &self.slot[number]
        slot.rule = rule
        slot.priority = priority
        slot.is_answered = is_answered
        if spec is not None:
            slot.kind = spec.kind.code
            slot.form = spec.form
            slot.multiple = spec.multiple
            slot.only_tighten = spec.only_tighten
            slot.activation = NAN if spec.activation is None else spec.activation
            slot.tighten = spec.tighten
            slot.floor = spec.floor
            slot.costs = spec.costs
            slot.low = spec.bounds.low
            slot.high = spec.bounds.high
            slot.low_closed = spec.bounds.closed
            if spec.column is None:
                slot.value = spec.multiple * spec.value
            else:
                slot.input = self.inputs.number_of(spec.column, spec.live)
        elif columns:
            # A rule of the user's own: any number its first frozen column holds will do.
            slot.low = -INFINITY
            slot.high = INFINITY
            slot.input = columns[0]
        if assets is None:
            self._apply_to_all(number)
        for asset in codes:
            self._apply_to(asset, number)
        return number

    def remove(self, int32_t number):
        """Take a slot out of the plan, with all it said.

        Raises
        ------
        IndexError
            If there is no slot of that number.
        """
        if not 0 <= number < self.n_slots:
            raise IndexError(f"there is no slot {number}: there are {self.n_slots}")
        cdef int32_t asset
        cdef int32_t i
        cdef AssetSlots* slots
        for asset in range(self.n_assets):
            slots = &self.of[asset]
            i = _first_from(slots, number)
            if i < slots.n and slots.said[i].slot == number:
                slots.n -= 1
                memmove(
                    &slots.said[i], &slots.said[i + 1], <size_t> (slots.n - i) * sizeof(Said)
                )

    # What a slot said of an asset's position; NULL where its rule is not for the asset, or was removed.
    cdef Said* said_of(self, int32_t asset, int32_t slot) noexcept nogil:
        cdef const AssetSlots* slots = &self.of[asset]
        cdef int32_t i = _first_from(slots, slot)
        if i < slots.n and slots.said[i].slot == slot:
            return &slots.said[i]
        return NULL

    # The asset's first slot after this one whose rule is asked now; -1 when there is none. Rules may
    # come and go between two answers, so the next one is looked for anew.
    cdef int32_t next_answered(self, int32_t asset, int32_t after) noexcept nogil:
        cdef const AssetSlots* slots = &self.of[asset]
        cdef int32_t i
        for i in range(_first_from(slots, after + 1), slots.n):
            if self.slot[slots.said[i].slot].is_answered and not slots.said[i].waits:
                return slots.said[i].slot
        return -1

    # ---- positions ---------------------------------------------------------------------------

    # A position has opened: nothing was said of it yet; its inputs are those known before the fill.
    cdef void open_position(
        self, Position* position, bint at_open, Account account
    ) noexcept nogil:
        cdef AssetSlots* slots = &self.of[position.asset]
        cdef int32_t i
        for i in range(slots.n):
            _forget(&slots.said[i])
        if self.inputs.n > 0:
            self.inputs.forget(position.asset)
            self.inputs.read_opening(position, at_open, account)

    # A close has come: rules added since the opening are asked from here on.
    cdef void end_waits(self, int32_t asset) noexcept nogil:
        cdef int32_t i
        for i in range(self.of[asset].n):
            self.of[asset].said[i].waits = 0

    # The slot's parameter for a position; NaN when its column has no valid value. No division by zero:
    # ratios of splits are positive.
    @cython.cdivision(True)
    cdef double parameter(self, const Position* position, const Slot* slot) noexcept nogil:
        cdef double value = slot.value
        cdef double before = 1.0
        cdef double ratio = 1.0
        if slot.input >= 0:
            value = slot.multiple * self.inputs.input[slot.input].value[position.asset]
            before = self.inputs.input[slot.input].splits_before[position.asset]
            ratio = self.inputs.input[slot.input].split_ratio[position.asset]
            if isnan(value) or value >= slot.high or value < slot.low:
                return NAN
            if value == slot.low and not slot.low_closed:
                return NAN
        if slot.form == FORM_PRICE or slot.form == FORM_DISTANCE:
            return value / (before * (position.split_ratio / ratio))
        if slot.tighten > 0.0:
            value = value - slot.tighten * <double> position.bars_held
            return value if value > slot.floor else slot.floor
        return value

    # Will the fraction of a trailing stop be less at the next close?
    cdef bint _tightens(self, const Position* position, const Slot* slot) noexcept nogil:
        return slot.tighten > 0.0 and self.parameter(position, slot) > slot.floor

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

    # Say the levels of all lowered slots anew (formulas of section 4).
    cdef void compute(self, Position* position, const Settings* settings, bint at_close) noexcept nogil:
        cdef double base = (
            position.basis if settings.level_basis_signal_close else position.entry_price
        )
        cdef AssetSlots* slots = &self.of[position.asset]
        cdef int32_t i
        cdef const Slot* slot
        cdef double value
        self._catch_up(position, at_close, base)
        for i in range(slots.n):
            slot = &self.slot[slots.said[i].slot]
            if slot.is_answered or slots.said[i].waits:
                continue
            value = self.parameter(position, slot)
            if not isnan(value) and not self._waits_for_a_gain(position, slot, &slots.said[i], value, base):
                self._say_level(position, slot, &slots.said[i], value, base)

    # A rule that waits for a gain says nothing before the water mark has come so far; what it had said before
    # stands, and follows nothing.
    cdef bint _waits_for_a_gain(
        self, const Position* position, const Slot* slot, Said* said, double value, double base
    ) noexcept nogil:
        cdef double side = side_of(position.quantity)
        cdef double gain = value if slot.form == FORM_GAIN else slot.activation
        cdef double reached
        said.wakes_at = NAN
        if isnan(gain):
            return False
        reached = base * (1.0 + side * gain)
        if side > 0.0:
            reached = reached - position.dividend_average
        if side * position.water >= side * reached:
            return False
        said.wakes_at = reached
        return True

    # A level at or below zero is not armed; what the rule had said before stands.
    cdef void _say_level(
        self, const Position* position, const Slot* slot, Said* said, double value, double base
    ) noexcept nogil:
        cdef double side = side_of(position.quantity)
        cdef double level
        if slot.kind == EXIT_STOP_LOSS:
            if slot.form == FORM_GAIN:
                level = base + side * (slot.costs * commission_per_unit(position))
            else:
                level = _away(slot, base, value, -side)
            level = level - self._paid_out(position, slot)
            if slot.only_tighten and not isnan(said.stop):
                level = better(side, said.stop, level)
            if level > 0.0:
                self.levels_armed += level != said.stop
                said.stop = level
        elif slot.kind == EXIT_TAKE_PROFIT:
            level = _away(slot, base, value, side)
            level = level - self._paid_out(position, slot)
            if level > 0.0:
                self.levels_armed += level != said.target
                said.target = level
        elif slot.kind == EXIT_TRAILING_STOP:
            level = _away(slot, position.water, value, -side)
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
        cdef bint attention = self.inputs.n > 0 and self.inputs.lacks(position.asset)
        position.levels.max_bars = INFINITY
        position.levels.wakes_at = side * INFINITY
        for i in range(slots.n):
            said = &slots.said[i]
            if said.waits:
                attention = True
                continue
            slot = &self.slot[said.slot]
            attention = attention or slot.is_answered or self._is_live(slot) or self._tightens(position, slot)
            if not isnan(said.wakes_at):
                position.levels.wakes_at = worse(side, position.levels.wakes_at, said.wakes_at)
            if not isnan(said.target) and (target == NULL or _wins_target(side, said, target)):
                target = said
            if not isnan(said.stop):
                if slot.kind == EXIT_TRAILING_STOP and not slot.is_answered and isnan(said.wakes_at):
                    n_trails += 1
                    n_at_a_distance += slot.form == FORM_DISTANCE
                    if trail == NULL or _wins_stop(side, said, trail):
                        trail = said
                elif fixed == NULL or _wins_stop(side, said, fixed):
                    fixed = said
            elif slot.kind == EXIT_TRAILING_STOP and not slot.is_answered and isnan(said.wakes_at):
                # A dividend took it to zero: the next close gives it anew.
                attention = attention or not isnan(self.parameter(position, slot))
            if slot.kind == EXIT_TIME and not slot.is_answered:
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
            fixed != NULL and trail != NULL and _wins_tie(trail, fixed)
        )
        position.levels.stop = better(
            side, position.levels.fixed_stop, position.levels.trail_stop
        )
        position.levels.target = side * INFINITY
        position.levels.target_source.rule = -1
        if target != NULL:
            position.levels.target = target.target
            self._name(
                &position.levels.target_source, target, target.target_reason, EXIT_TAKE_PROFIT
            )
        position.levels.attention = attention

    cdef void decide_time_exits(self, const Position* position, Verdict* verdict) noexcept nogil:
        cdef const AssetSlots* slots = &self.of[position.asset]
        cdef const Slot* slot
        cdef int32_t i
        for i in range(slots.n):
            slot = &self.slot[slots.said[i].slot]
            if slot.kind != EXIT_TIME or slot.is_answered or slots.said[i].waits:
                continue
            if <double> position.bars_held >= self.parameter(position, slot):
                self.weigh(
                    verdict, slots.said[i].slot, slot.priority, EXIT_TIME, REASON_TIME_EXIT
                )

    # Keep the better of two exits: priority, then the order of kinds, then the rule added first.
    cdef void weigh(
        self, Verdict* verdict, int32_t slot, int64_t priority, int8_t kind, int32_t reason
    ) noexcept nogil:
        if verdict.slot >= 0:
            if priority < verdict.priority:
                return
            if priority == verdict.priority and (
                kind > verdict.kind or (kind == verdict.kind and slot > verdict.slot)
            ):
                return
        verdict.slot = slot
        verdict.priority = priority
        verdict.kind = kind
        verdict.reason = reason

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
        if said == NULL:
            return
        self.levels_armed += level != said.target
        said.target = level
        said.target_priority = priority
        said.target_reason = reason

    # A split divides every level said; trails first catch up with the water mark of before.
    cdef void split(self, Position* position, double ratio) noexcept nogil:
        cdef AssetSlots* slots = &self.of[position.asset]
        cdef int32_t i
        self.sync_trails(position)
        for i in range(slots.n):
            slots.said[i].stop = slots.said[i].stop / ratio
            slots.said[i].target = slots.said[i].target / ratio

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
            ):
                continue
            value = self.parameter(position, &self.slot[said.slot])
            if at_close and self._waits_for_a_gain(position, &self.slot[said.slot], said, value, base):
                continue
            level = _away(&self.slot[said.slot], position.water, value, -side)
            said.stop = better(side, said.stop, level)

    # ---- inside ------------------------------------------------------------------------------

    cdef inline void _name(
        self, LevelSource* source, const Said* said, int32_t reason, int8_t kind
    ) noexcept nogil:
        source.rule = self.slot[said.slot].rule
        source.reason = reason
        source.kind = kind

    cdef bint _is_live(self, const Slot* slot) noexcept nogil:
        return slot.input >= 0 and self.inputs.input[slot.input].is_live

    # Room for the exits of one more rule.
    cdef int _count_from(self, int32_t rule) except -1:
        cdef int32_t n = self.n_rules
        if rule < n:
            return 0
        # Twice as many as there are: rules come one by one.
        self.n_rules = 8 + 2 * rule
        self.exits = <int64_t*> _grown(self.exits, <size_t> self.n_rules * sizeof(int64_t))
        memset(&self.exits[n], 0, <size_t> (self.n_rules - n) * sizeof(int64_t))
        return 0

    cdef int32_t _add_slot(self) except -1:
        cdef int32_t number = self.n_slots
        cdef int32_t capacity
        if number == self._capacity:
            capacity = 8 + 2 * self._capacity
            self.slot = <Slot*> _grown(self.slot, <size_t> capacity * sizeof(Slot))
            self._capacity = capacity
        memset(&self.slot[number], 0, sizeof(Slot))
        self.slot[number].input = -1
        self.slot[number].question = -1
        self.slot[number].value = NAN
        self.slot[number].multiple = 1.0
        self.slot[number].activation = NAN
        self.n_slots = number + 1
        return number

    cdef int _apply_to_all(self, int32_t slot) except -1 nogil:
        cdef int32_t asset
        for asset in range(self.n_assets):
            self._apply_to(asset, slot)
        return 0

    # The slot is asked for positions of the asset; of one held now from its next close on.
    cdef inline int _apply_to(self, int32_t asset, int32_t slot) except -1 nogil:
        cdef AssetSlots* slots = &self.of[asset]
        cdef Said* said
        if slots.n == slots.capacity:
            self._grow(asset)
        said = &slots.said[slots.n]
        said.slot = slot
        _forget(said)
        said.waits = 1
        slots.n += 1
        return 0

    # Room for more slots of the asset: at first in the block of all, then in one of its own.
    cdef int _grow(self, int32_t asset) except -1 nogil:
        cdef AssetSlots* slots = &self.of[asset]
        cdef int32_t capacity = 2 * slots.capacity
        cdef Said* moved
        if slots.capacity == 0:
            if self._block == NULL:
                self._block = <Said*> calloc(
                    <size_t> self.n_assets * <size_t> FIRST_SLOTS, sizeof(Said)
                )
                if self._block == NULL:
                    return _no_memory(self.n_assets)
            slots.said = &self._block[<int64_t> asset * FIRST_SLOTS]
            slots.capacity = FIRST_SLOTS
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


# Where the asset's slots from this number on begin: they stand in the order of their numbers.
cdef int32_t _first_from(const AssetSlots* slots, int32_t slot) noexcept nogil:
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
cdef double _away(
    const Slot* slot, double base, double value, double direction
) noexcept nogil:
    if slot.form == FORM_PRICE:
        return value
    if slot.form == FORM_DISTANCE:
        return base + direction * value
    return base * (1.0 + direction * value)


cdef void _forget(Said* said) noexcept nogil:
    cdef int32_t slot = said.slot
    memset(said, 0, sizeof(Said))
    said.slot = slot
    said.stop = NAN
    said.target = NAN
    said.wakes_at = NAN


# Does one stop win against another, of a rule that was added before?
cdef bint _wins_stop(double side, const Said* mine, const Said* other) noexcept nogil:
    if mine.stop_priority != other.stop_priority:
        return mine.stop_priority > other.stop_priority
    if mine.stop != other.stop:
        return better(side, mine.stop, other.stop) == mine.stop
    return _wins_tie(mine, other)


# Two stops of one priority at one price: the order of kinds, then the rule added first.
cdef bint _wins_tie(const Said* mine, const Said* other) noexcept nogil:
    return mine.stop_kind < other.stop_kind or (
        mine.stop_kind == other.stop_kind and mine.slot < other.slot
    )


cdef bint _wins_target(double side, const Said* mine, const Said* other) noexcept nogil:
    if mine.target_priority != other.target_priority:
        return mine.target_priority > other.target_priority
    if mine.target != other.target:
        return worse(side, mine.target, other.target) == mine.target
    return mine.slot < other.slot


# A block with room for so many bytes; on failure the old one stays where it is.
cdef void* _grown(void* block, size_t size) except NULL:
    cdef void* grown = realloc(block, size)
    if grown == NULL:
        raise MemoryError(f"no memory for {size} bytes of rules")
    return grown
