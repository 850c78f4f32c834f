"""MergedRules: groups of lowered rules, each asked as one rule; in C what AnyOf and AllOf say in Python."""

cimport cython
from libc.math cimport INFINITY, isnan
from libc.stdint cimport int32_t, int64_t
from libc.stdlib cimport free, realloc

from ml4t.backtest.core.settings cimport Settings
from ml4t.backtest.core.types cimport (
    EXIT_STOP_LOSS, EXIT_TAKE_PROFIT, EXIT_TIME, EXIT_TRAILING_STOP, REASON_STOP_LOSS, REASON_TAKE_PROFIT,
    REASON_TRAILING_STOP,
)
from ml4t.backtest.portfolio.position cimport Position, side_of
from ml4t.backtest.risk.exits_at_close cimport reason_of, wants_exit
from ml4t.backtest.risk.rule_plan cimport RulePlan
from ml4t.backtest.risk.said_levels cimport (
    FORM_BARS, FORM_GAIN, FORM_RISK, FORM_SIGNAL, Slot,
)
from ml4t.backtest.risk.verdict cimport Compared, Verdict, nothing_compared, weigh


@cython.final
cdef class MergedRules:
    """The groups of one run.

    Parameters
    ----------
    plan : RulePlan
        Where their levels are kept, and compete with those of other rules.
    """

    def __cinit__(self, RulePlan plan not None):
        self.plan = plan

    def __dealloc__(self):
        free(self.group)

    # Take the members of a group in, whose slot says what they want together. Returns their slots.
    cdef list add(self, int32_t slot, object merged):
        cdef int32_t number = self.n_rules
        cdef int32_t rule = self.plan.slot[slot].rule
        cdef int32_t capacity
        cdef void* moved
        if number == self._capacity:
            capacity = 4 + 2 * self._capacity
            moved = realloc(self.group, <size_t> capacity * sizeof(Group))
            if moved == NULL:
                raise MemoryError(f"no memory for {capacity} groups of rules")
            self.group = <Group*> moved
            self._capacity = capacity
        slots = [
            self.plan.add_member(spec, rule, member)
            for member, specs in enumerate(merged.members)
            for spec in specs
        ]
        self.group[number].first = slots[0]
        self.group[number].n = <int32_t> len(slots)
        self.group[number].needs_all = merged.needs_all
        self.plan.slot[slot].group = number
        self._let_stand(&self.plan.slot[slot], &self.group[number])
        self.n_rules = number + 1
        return slots

    # What a group answers stands where nothing that its members look at changes with every bar.
    cdef void _let_stand(self, Slot* slot, const Group* group) noexcept nogil:
        cdef const Slot* level = &self.plan.slot[group.first]
        cdef double own = INFINITY
        cdef int32_t member = 0
        cdef int32_t i
        slot.asked_from = 0.0 if group.needs_all else INFINITY
        for i in range(group.n):
            if self._changes_with_every_bar(&level[i]):
                return
            if group.needs_all and level[i].member != member:
                slot.asked_from = max(slot.asked_from, own)
                own = INFINITY
                member = level[i].member
            if level[i].kind == EXIT_TIME:
                own = min(own, level[i].value)
            elif level[i].kind == EXIT_TRAILING_STOP or level[i].form == FORM_GAIN or (
                level[i].activation_input >= 0 or not isnan(level[i].activation)
            ):
                slot.follows_water = 1
        # Of any the first time exit decides, of all the last one's.
        slot.asked_from = max(slot.asked_from, own) if group.needs_all else own
        slot.stands = 1
        self.plan.has_standing = True

    cdef bint _changes_with_every_bar(self, const Slot* level) noexcept nogil:
        if level.kind == EXIT_TIME and (level.form != FORM_BARS or level.reads):
            return True
        return (
            level.form == FORM_SIGNAL or level.form == FORM_RISK or level.tightens or level.part > 0.0
            or level.regime_input >= 0 or level.is_live
        )

    # Ask every group of the position.
    cdef int ask(
        self, const Position* position, const Settings* settings, bint opening, Verdict* verdict
    ) except -1 nogil:
        cdef double base = self.plan.base_of(position, settings)
        cdef Wanted wanted
        cdef int32_t number
        cdef int32_t place = 0
        cdef int32_t slot = self.plan.next_answered(position.asset, -1, &place)
        while slot >= 0:
            number = self.plan.slot[slot].group
            if number >= 0:
                self.n_asked += 1
                wanted = self._ask_group(position, &self.group[number], base)
                self._take(position, slot, &wanted, NULL if opening else verdict)
            slot = self.plan.next_answered(position.asset, slot, &place)
        return 0

    # ---- inside ------------------------------------------------------------------------------

    # Of any the winners among all; of all what each of the rules wants: the loosest stop, the farthest target.
    cdef Wanted _ask_group(self, const Position* position, const Group* group, double base) noexcept nogil:
        cdef double side = side_of(position.quantity)
        cdef const Slot* slot = &self.plan.slot[group.first]
        cdef Wanted agreed
        cdef Wanted own
        cdef int32_t member = 0
        cdef int32_t i
        _want_nothing(&agreed)
        _want_nothing(&own)
        for i in range(group.n):
            if group.needs_all and slot[i].member != member:
                _agree(side, &agreed, &own, member == 0)
                _want_nothing(&own)
                member = slot[i].member
            self._ask_slot(position, &slot[i], base, &own)
        if group.needs_all:
            _agree(side, &agreed, &own, member == 0)
            return agreed
        return own

    # What one level or exit wants goes into what its rule wants, if it wins there.
    cdef void _ask_slot(
        self, const Position* position, const Slot* slot, double base, Wanted* wanted
    ) noexcept nogil:
        cdef double side = side_of(position.quantity)
        cdef double value = self.plan.parameter(position, slot)
        cdef double level
        cdef Compared compared
        if isnan(value):
            return
        if slot.kind == EXIT_TIME or slot.form == FORM_SIGNAL:
            if wants_exit(self.plan, position, slot, &compared):
                _want_exit(wanted, slot, compared)
            return
        if not isnan(self.plan.gain_waited_for(position, slot, value, base)):
            return
        level = self.plan.level_of(position, slot, value, base)
        if not 0.0 < level < INFINITY:
            return
        if slot.kind == EXIT_TAKE_PROFIT:
            if wanted.target == NULL or slot.priority > wanted.target.priority or (
                slot.priority == wanted.target.priority and side * level < side * wanted.target_level
            ):
                wanted.target = slot
                wanted.target_level = level
        elif wanted.stop == NULL or _wins_stop(side, slot, level, wanted):
            wanted.stop = slot
            wanted.stop_level = level

    cdef void _take(
        self, const Position* position, int32_t slot, const Wanted* wanted, Verdict* verdict
    ) noexcept nogil:
        cdef int64_t priority = self.plan.slot[slot].priority
        if wanted.exit != NULL and verdict != NULL:
            weigh(verdict, slot, priority, wanted.exit.kind, reason_of(wanted.exit), wanted.compared)
        if wanted.stop != NULL:
            self.plan.say_stop(
                position, slot, wanted.stop_level, wanted.stop.kind, priority,
                REASON_STOP_LOSS if wanted.stop.kind == EXIT_STOP_LOSS else REASON_TRAILING_STOP,
                wanted.stop.only_tighten,
            )
        if wanted.target != NULL:
            self.plan.say_target(position, slot, wanted.target_level, priority, REASON_TAKE_PROFIT)


cdef void _want_nothing(Wanted* wanted) noexcept nogil:
    wanted.stop = NULL
    wanted.target = NULL
    wanted.exit = NULL
    wanted.stop_level = 0.0
    wanted.target_level = 0.0
    wanted.compared = nothing_compared()


# The highest priority, the tightest, then by type; what still ties is the first one's.
cdef bint _wins_stop(double side, const Slot* slot, double level, const Wanted* wanted) noexcept nogil:
    if slot.priority != wanted.stop.priority:
        return slot.priority > wanted.stop.priority
    if level != wanted.stop_level:
        return side * level > side * wanted.stop_level
    return slot.kind < wanted.stop.kind


cdef void _want_exit(Wanted* wanted, const Slot* slot, Compared compared) noexcept nogil:
    if wanted.exit == NULL or slot.priority > wanted.exit.priority or (
        slot.priority == wanted.exit.priority and slot.kind < wanted.exit.kind
    ):
        wanted.exit = slot
        wanted.compared = compared


# One rule more has to agree: a level or an exit that it does not want is none.
cdef void _agree(double side, Wanted* agreed, const Wanted* own, bint is_first) noexcept nogil:
    if is_first:
        agreed[0] = own[0]
        return
    if own.stop == NULL or agreed.stop == NULL:
        agreed.stop = NULL
    elif side * own.stop_level < side * agreed.stop_level:
        agreed.stop = own.stop
        agreed.stop_level = own.stop_level
    if own.target == NULL or agreed.target == NULL:
        agreed.target = NULL
    elif side * own.target_level > side * agreed.target_level:
        agreed.target = own.target
        agreed.target_level = own.target_level
    if own.exit == NULL or agreed.exit == NULL:
        agreed.exit = NULL
    else:
        _want_exit(agreed, own.exit, own.compared)
