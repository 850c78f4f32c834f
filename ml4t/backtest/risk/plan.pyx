"""RulePlan: the rules of a run lowered to C, and the levels they gave each position.

A level is *said* by a slot and *chosen* into the position's levels. Between two changes of what it
depends on nothing is computed: the bar of a position only compares (``portfolio/position.pxd``).
"""

cimport cython
from libc.math cimport INFINITY, NAN, isnan
from libc.stdint cimport int8_t, int32_t, int64_t
from libc.stdlib cimport calloc, free, realloc
from libc.string cimport memset

from ml4t.backtest.core.settings cimport Settings
from ml4t.backtest.core.types cimport (
    EXIT_STOP_LOSS, EXIT_TAKE_PROFIT, EXIT_TIME, EXIT_TRAILING_STOP, REASON_STOP_LOSS,
    REASON_TAKE_PROFIT, REASON_TIME_EXIT, REASON_TRAILING_STOP,
)
from ml4t.backtest.market.cursor cimport Cursor
from ml4t.backtest.portfolio.position cimport Position, better, side_of, worse

from ml4t.backtest.market.column_names import unknown_name


@cython.final
cdef class RulePlan:
    """Slots of rules, and per position what each of them said.

    Parameters
    ----------
    cursor : Cursor
        Where the run stands; its market data has the columns that parameters are read from.
    """

    def __cinit__(self, Cursor cursor not None):
        self.cursor = cursor
        self.known = cursor.data
        self.n_assets = <int32_t> cursor.data.n_assets
        self.input_names = []

    def __dealloc__(self):
        free(self.slot)
        free(self.said)
        free(self.applies)
        free(self.frozen)
        free(self.frozen_ratio)
        free(self.input_index)
        free(self.input_is_context)

    def add(self, assets, spec, frozen_columns, priority, rule, is_answered):
        """Add one slot; returns its number.

        Parameters
        ----------
        assets : list of int, optional
            Codes of the assets it applies to; None for all.
        spec : RuleSpec, optional
            What it arms or decides; None for a rule that cannot be lowered.
        frozen_columns : sequence of str
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
        cdef int32_t number = self._add_slot(assets, frozen_columns)
        cdef Slot* slot = &self.slot[number]
        slot.rule = rule
        slot.priority = priority
        slot.is_answered = is_answered
        slot.is_active = 1
        slot.input = -1
        slot.value = NAN
        if spec is not None:
            slot.kind = spec.kind.code
            slot.absolute = spec.absolute
            slot.low = spec.bounds.low
            slot.high = spec.bounds.high
            slot.low_closed = spec.bounds.closed
            if spec.column is None:
                slot.value = spec.value
            else:
                slot.input = self._input(spec.column)
        elif frozen_columns:
            # A rule of the user's own: any number its first frozen column holds will do.
            slot.low = -INFINITY
            slot.high = INFINITY
            slot.input = self._input(frozen_columns[0])
        return number

    def remove(self, int32_t number):
        """Take a slot out of the plan, with all it said."""
        cdef int32_t asset
        self.slot[number].is_active = 0
        for asset in range(self.n_assets):
            self.forget(asset, number)

    def frozen_of(self, int32_t asset):
        """Return the frozen inputs of an asset's position: name -> (value, split ratio when read)."""
        cdef int64_t at = <int64_t> asset * self.n_inputs
        return {
            name: (self.frozen[at + i], self.frozen_ratio[at + i])
            for i, name in enumerate(self.input_names)
        }

    # ---- positions ---------------------------------------------------------------------------

    # A position has opened: nothing was said of it yet; its inputs are those known before the fill.
    cdef void open_position(self, Position* position, bint at_open) noexcept nogil:
        cdef int32_t asset = position.asset
        cdef int64_t i
        for i in range(self.n_slots):
            self.forget(asset, <int32_t> i)
        for i in range(self.n_inputs):
            self.frozen[<int64_t> asset * self.n_inputs + i] = NAN
            self.frozen_ratio[<int64_t> asset * self.n_inputs + i] = 1.0
        if at_open:
            self.read_inputs(position, self.cursor.row_before(asset), self.cursor.t - 1)
        else:
            self.read_inputs(position, self.cursor.row[asset], self.cursor.t)

    # A close has come: rules added since the opening are asked from here on.
    cdef void end_waits(self, int32_t asset) noexcept nogil:
        cdef int32_t number
        for number in range(self.n_slots):
            self.said_of(asset, number).waits = 0

    # Freeze the inputs that have a value now and had none so far.
    cdef void read_inputs(self, const Position* position, int64_t row, int64_t t) noexcept nogil:
        cdef int64_t at = <int64_t> position.asset * self.n_inputs
        cdef int32_t i
        cdef double value
        for i in range(self.n_inputs):
            if not isnan(self.frozen[at + i]):
                continue
            if self.input_is_context[i]:
                value = self.known.context_[self.input_index[i]][t] if t >= 0 else NAN
            else:
                value = self.known.feature[self.input_index[i]][row] if row >= 0 else NAN
            if not isnan(value):
                self.frozen[at + i] = value
                self.frozen_ratio[at + i] = position.split_ratio

    # A column without a value yet: every close reads it, for rules still to come as well.
    cdef bint lacks_inputs(self, int32_t asset) noexcept nogil:
        cdef int32_t i
        for i in range(self.n_inputs):
            if isnan(self.frozen[<int64_t> asset * self.n_inputs + i]):
                return True
        return False

    # The slot's parameter for a position; NaN when its column has no valid value. No division by zero:
    # ratios of splits are positive.
    @cython.cdivision(True)
    cdef double parameter(self, const Position* position, int32_t number) noexcept nogil:
        cdef const Slot* slot = &self.slot[number]
        cdef int64_t at
        cdef double value = slot.value
        cdef double ratio = 1.0
        if slot.input >= 0:
            at = <int64_t> position.asset * self.n_inputs + slot.input
            value = self.frozen[at]
            ratio = self.frozen_ratio[at]
            if isnan(value) or value >= slot.high or value < slot.low:
                return NAN
            if value == slot.low and not slot.low_closed:
                return NAN
        if slot.absolute and slot.kind != EXIT_TIME:
            return value / (position.split_ratio / ratio)
        return value

    # Say the levels of all lowered slots anew (formulas of section 4).
    cdef void compute(self, Position* position, const Settings* settings) noexcept nogil:
        cdef double side = side_of(position.quantity)
        cdef double base = (
            position.basis if settings.level_basis_signal_close else position.entry_price
        )
        cdef int32_t number
        cdef const Slot* slot
        cdef Said* said
        cdef double value
        cdef double level
        self.sync_trails(position)
        for number in range(self.n_slots):
            slot = &self.slot[number]
            if slot.is_answered or not self.is_asked(position.asset, number):
                continue
            value = self.parameter(position, number)
            if isnan(value):
                continue
            said = self.said_of(position.asset, number)
            if slot.kind == EXIT_STOP_LOSS:
                level = value if slot.absolute else base * (1.0 - side * value)
                if level > 0.0:
                    self.levels_armed += level != said.stop
                    said.stop = level
            elif slot.kind == EXIT_TAKE_PROFIT:
                level = value if slot.absolute else base * (1.0 + side * value)
                if level > 0.0:
                    self.levels_armed += level != said.target
                    said.target = level
            elif slot.kind == EXIT_TRAILING_STOP:
                level = position.water * (1.0 - side * value)
                if isnan(said.stop):
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
        cdef int32_t asset = position.asset
        cdef int32_t fixed = -1
        cdef int32_t trail = -1
        cdef int32_t target = -1
        cdef int32_t number
        cdef int64_t priority
        cdef const Slot* slot
        cdef const Said* said
        cdef double value
        cdef bint attention = self.lacks_inputs(asset)
        position.levels.max_bars = INFINITY
        for number in range(self.n_slots):
            said = self.said_of(asset, number)
            attention = attention or said.waits
            if not self.is_asked(asset, number):
                continue
            slot = &self.slot[number]
            attention = attention or slot.is_answered
            if not isnan(said.target) and (
                target < 0 or self._wins_target(asset, side, number, target)
            ):
                target = number
            if not isnan(said.stop):
                if slot.kind == EXIT_TRAILING_STOP and not slot.is_answered:
                    if trail < 0 or self._wins_stop(asset, side, number, trail):
                        trail = number
                elif fixed < 0 or self._wins_stop(asset, side, number, fixed):
                    fixed = number
            if slot.kind == EXIT_TIME and not slot.is_answered:
                value = self.parameter(position, number)
                if value < position.levels.max_bars:
                    position.levels.max_bars = value
        if fixed >= 0 and trail >= 0:
            # Of two priorities only the higher is in force; of one, the tighter at each bar.
            priority = self.said_of(asset, fixed).stop_priority
            if self.slot[trail].priority > priority:
                fixed = -1
            elif self.slot[trail].priority < priority:
                trail = -1
        position.levels.fixed_slot = fixed
        position.levels.fixed_stop = (
            self.said_of(asset, fixed).stop if fixed >= 0 else -side * INFINITY
        )
        position.levels.trail_slot = trail
        position.levels.trail_stop = (
            self.said_of(asset, trail).stop if trail >= 0 else -side * INFINITY
        )
        position.levels.trail_keep = (
            1.0 - side * self.parameter(position, trail) if trail >= 0 else NAN
        )
        position.levels.trail_wins_ties = (
            fixed >= 0 and trail >= 0 and self._wins_tie(asset, trail, fixed)
        )
        position.levels.stop = better(
            side, position.levels.fixed_stop, position.levels.trail_stop
        )
        position.levels.target_slot = target
        position.levels.target = (
            self.said_of(asset, target).target if target >= 0 else side * INFINITY
        )
        position.levels.attention = attention

    cdef void decide_time_exits(self, const Position* position, Verdict* verdict) noexcept nogil:
        cdef int32_t number
        for number in range(self.n_slots):
            if self.slot[number].kind != EXIT_TIME or self.slot[number].is_answered:
                continue
            if not self.is_asked(position.asset, number):
                continue
            if <double> position.bars_held >= self.parameter(position, number):
                self.weigh(
                    verdict, number, self.slot[number].priority, EXIT_TIME, REASON_TIME_EXIT
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

    # Levels a rule answered with. A trailing stop never moves against the position.
    cdef void say_stop(
        self, const Position* position, int32_t number, double level, int8_t kind,
        int64_t priority, int32_t reason
    ) noexcept nogil:
        cdef Said* said = self.said_of(position.asset, number)
        if kind == EXIT_TRAILING_STOP and not isnan(said.stop):
            level = better(side_of(position.quantity), said.stop, level)
        self.levels_armed += level != said.stop
        said.stop = level
        said.stop_kind = kind
        said.stop_priority = priority
        said.stop_reason = reason

    cdef void say_target(
        self, const Position* position, int32_t number, double level, int64_t priority,
        int32_t reason
    ) noexcept nogil:
        cdef Said* said = self.said_of(position.asset, number)
        self.levels_armed += level != said.target
        said.target = level
        said.target_priority = priority
        said.target_reason = reason

    # A split divides every level said; trails first catch up with the water mark of before.
    cdef void split(self, Position* position, double ratio) noexcept nogil:
        cdef int32_t number
        cdef Said* said
        self.sync_trails(position)
        for number in range(self.n_slots):
            said = self.said_of(position.asset, number)
            said.stop = said.stop / ratio
            said.target = said.target / ratio

    cdef void forget(self, int32_t asset, int32_t number) noexcept nogil:
        cdef Said* said = self.said_of(asset, number)
        memset(said, 0, sizeof(Said))
        said.stop = NAN
        said.target = NAN

    # ---- inside ------------------------------------------------------------------------------

    # The position's bar moves only the winning trail; the others follow here, before they are used.
    # Once a bar: what a split has divided since is not computed anew before the next close.
    cdef void sync_trails(self, Position* position) noexcept nogil:
        cdef double side = side_of(position.quantity)
        cdef int32_t number
        cdef Said* said
        cdef double level
        if position.levels.synced_at == position.bars_held:
            return
        position.levels.synced_at = position.bars_held
        for number in range(self.n_slots):
            if self.slot[number].kind != EXIT_TRAILING_STOP or self.slot[number].is_answered:
                continue
            said = self.said_of(position.asset, number)
            if isnan(said.stop):
                continue
            level = position.water * (1.0 - side * self.parameter(position, number))
            said.stop = better(side, said.stop, level)

    # Does slot a's stop win against slot b's? (b was added first.)
    cdef bint _wins_stop(self, int32_t asset, double side, int32_t a, int32_t b) noexcept nogil:
        cdef const Said* mine = self.said_of(asset, a)
        cdef const Said* other = self.said_of(asset, b)
        if mine.stop_priority != other.stop_priority:
            return mine.stop_priority > other.stop_priority
        if mine.stop != other.stop:
            return better(side, mine.stop, other.stop) == mine.stop
        return self._wins_tie(asset, a, b)

    # Two stops of one priority at one price: the order of kinds, then the rule added first.
    cdef bint _wins_tie(self, int32_t asset, int32_t a, int32_t b) noexcept nogil:
        cdef int8_t mine = self.said_of(asset, a).stop_kind
        cdef int8_t other = self.said_of(asset, b).stop_kind
        return mine < other or (mine == other and a < b)

    cdef bint _wins_target(self, int32_t asset, double side, int32_t a, int32_t b) noexcept nogil:
        cdef const Said* mine = self.said_of(asset, a)
        cdef const Said* other = self.said_of(asset, b)
        if mine.target_priority != other.target_priority:
            return mine.target_priority > other.target_priority
        if mine.target != other.target:
            return worse(side, mine.target, other.target) == mine.target
        return a < b

    # Make room for one more slot, keeping what was said.
    cdef int32_t _add_slot(self, list assets, frozen_columns) except -1:
        cdef int32_t number = self.n_slots
        cdef int64_t first = <int64_t> number * self.n_assets
        cdef size_t size = <size_t> (first + self.n_assets + 1)
        cdef int32_t asset
        cdef Said* said
        for name in frozen_columns:
            self._input(name)
        self.slot = <Slot*> _grown(self.slot, <size_t> (number + 1) * sizeof(Slot))
        self.said = <Said*> _grown(self.said, size * sizeof(Said))
        self.applies = <int8_t*> _grown(self.applies, size * sizeof(int8_t))
        memset(&self.slot[number], 0, sizeof(Slot))
        memset(&self.said[first], 0, <size_t> self.n_assets * sizeof(Said))
        for asset in range(self.n_assets):
            said = &self.said[first + asset]
            said.waits = 1
            said.stop = NAN
            said.target = NAN
            self.applies[first + asset] = assets is None
        for code in assets or ():
            self.applies[first + <int32_t> code] = 1
        self.n_slots = number + 1
        return number

    # The number of a frozen input, made at its first use.
    cdef int32_t _input(self, str name) except -2:
        cdef int32_t old = self.n_inputs
        cdef int32_t new = old + 1
        cdef int32_t asset
        cdef int32_t i
        if name in self.input_names:
            return self.input_names.index(name)
        features = list(self.known.features)
        context = list(self.known.context)
        if name not in features and name not in context:
            raise ValueError(f"a rule reads {unknown_name(name, features + context)}")
        cdef size_t size = <size_t> (self.n_assets + 1) * <size_t> new
        cdef double* frozen = <double*> calloc(size, sizeof(double))
        cdef double* ratio = <double*> calloc(size, sizeof(double))
        cdef int32_t* index = <int32_t*> calloc(<size_t> new, sizeof(int32_t))
        cdef int8_t* is_context = <int8_t*> calloc(<size_t> new, sizeof(int8_t))
        if frozen == NULL or ratio == NULL or index == NULL or is_context == NULL:
            free(frozen)
            free(ratio)
            free(index)
            free(is_context)
            raise MemoryError(f"no memory for {new} rule inputs on {self.n_assets} assets")
        for asset in range(self.n_assets):
            for i in range(old):
                frozen[<int64_t> asset * new + i] = self.frozen[<int64_t> asset * old + i]
                ratio[<int64_t> asset * new + i] = self.frozen_ratio[<int64_t> asset * old + i]
            frozen[<int64_t> asset * new + old] = NAN
            ratio[<int64_t> asset * new + old] = 1.0
        for i in range(old):
            index[i] = self.input_index[i]
            is_context[i] = self.input_is_context[i]
        is_context[old] = name not in features
        index[old] = features.index(name) if name in features else context.index(name)
        free(self.frozen)
        free(self.frozen_ratio)
        free(self.input_index)
        free(self.input_is_context)
        self.frozen = frozen
        self.frozen_ratio = ratio
        self.input_index = index
        self.input_is_context = is_context
        self.input_names.append(name)
        self.n_inputs = new
        return old


# A block with room for so many bytes; on failure the old one stays where it is.
cdef void* _grown(void* block, size_t size) except NULL:
    cdef void* grown = realloc(block, size)
    if grown == NULL:
        raise MemoryError(f"no memory for {size} bytes of rules")
    return grown
