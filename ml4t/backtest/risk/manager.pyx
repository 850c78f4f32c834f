"""RiskManager: the three hooks of a run, and the rules they ask.

``check_position_exits`` (steps 3 and 4 of a bar), ``validate_order`` (before an order is accepted) and
``record_fill`` (after each fill). The engine calls their C forms; each can be called from Python too.
"""

cimport cython
from libc.math cimport NAN, fabs, isnan
from libc.stdint cimport int8_t, int32_t, int64_t

from ml4t.backtest.core.settings cimport ADVERSE_FIRST, FAVOURABLE_FIRST, NEAREST_TO_OPEN
from ml4t.backtest.core.types cimport (
    CHOICE_ADVERSE, CHOICE_FAVOURABLE, CHOICE_NONE, EVENT_NAN_INPUT, EXIT_TAKE_PROFIT,
    MOMENT_INSIDE, MOMENT_OPEN, EventRecord, FillRecord,
)
from ml4t.backtest.market.event cimport MarketEvent
from ml4t.backtest.market.market_data cimport MarketData
from ml4t.backtest.execution.broker cimport Broker, Counters
from ml4t.backtest.execution.listener cimport FillListener
from ml4t.backtest.portfolio.portfolio cimport Portfolio
from ml4t.backtest.portfolio.position cimport (
    Position, level_or_nan, side_of, touches,
)
from ml4t.backtest.risk.compiled_rule cimport CompiledRule
from ml4t.backtest.risk.context cimport RiskContext, context_of
from ml4t.backtest.risk.plan cimport RulePlan, Said, Slot, Verdict
from ml4t.backtest.risk.questions cimport Questions

from ml4t.backtest.core.records import FIXED_REASONS
from ml4t.backtest.data.features.run_columns import RunColumns
from ml4t.backtest.data.features.providers import CallableFeatureProvider, FeatureProvider
from ml4t.backtest.execution.order import Order
from ml4t.backtest.risk.decision import ExitType, RiskDecision
from ml4t.backtest.risk.rule import FunctionRule, RiskRule, RuleError, as_rule


@cython.final
cdef class _Entry:
    """One rule as added."""


cdef object _NO_ACTION = RiskDecision.no_action()


@cython.final
cdef class RiskManager(FillListener):
    """Rules on positions and orders.

    Parameters
    ----------
    rules : iterable of RiskRule or callable, optional
        In the order they were added; at equal priority the earlier one wins what still ties.
    feature_provider : FeatureProvider, optional
        Where ``context.features`` and ``context.market_features`` come from; without one they are the
        columns of the market data. If it has columns, parameters of rules are read from them too, before
        those of the market data; else it is asked by asset and time, for what a rule reads.
    lower : bool, default True
        Evaluate built-in rules in C. False runs every rule through its ``evaluate``; the results are
        the same.

    Raises
    ------
    InvalidRuleError
        If something in ``rules`` cannot be a rule.
    TypeError
        If ``feature_provider`` is none.
    """

    def __init__(self, rules=(), feature_provider=None, *, lower=True):
        if feature_provider is not None and not isinstance(feature_provider, FeatureProvider):
            raise TypeError(
                f"feature_provider must be a FeatureProvider, was {type(feature_provider).__name__}"
            )
        self.feature_provider = feature_provider
        self.lower = bool(lower)
        self.entries = []
        self._reset()
        for rule in rules:
            self.add_rule(rule)

    @property
    def rules(self):
        """The rules in force, in the order they were added."""
        return tuple([
            (<_Entry> entry).rule for entry in self.entries if (<_Entry> entry).is_active
        ])

    @property
    def rule_names(self):
        """A distinct label for every rule ever added; results refer to rules by it."""
        return tuple([(<_Entry> entry).label for entry in self.entries])

    @property
    def statistics(self):
        """What the rules did in the run, a dict.

        ``contexts_built``, ``evaluations``, ``levels_armed`` (levels set or moved) and
        ``exits_by_rule`` (label -> fills that ended or reduced a position).
        """
        cdef int64_t moves = 0
        cdef int64_t armed = 0
        cdef int32_t asset
        exits = {}
        if self.plan is not None:
            armed = self.plan.levels_armed
            for asset in range(self.plan.n_assets):
                moves += self.portfolio.position[asset].levels.trail_moves
            for entry in self.entries:
                exits[(<_Entry> entry).label] = sum(
                    [self.plan.slot[<int> slot].exits for slot in (<_Entry> entry).slots]
                )
        return {
            "contexts_built": self.contexts_built,
            "evaluations": self.evaluations,
            "levels_armed": armed + moves,
            "exits_by_rule": exits,
        }

    def add_rule(self, rule, assets=None):
        """Add a rule for all assets, for one or for several; during a run too.

        A rule added during a run is asked for open positions at their next close.

        Parameters
        ----------
        rule : RiskRule or callable
        assets : str or iterable of str, optional
            None applies it to every asset.

        Raises
        ------
        InvalidRuleError
            If it cannot be a rule.
        KeyError
            If an asset is not in the market data (during a run; else when the run starts).
        """
        cdef _Entry entry
        names = None if assets is None else [assets] if isinstance(assets, str) else list(assets)
        for member in as_rule(rule).members:
            entry = _Entry.__new__(_Entry)
            entry.rule = member
            entry.assets = names
            entry.slots = []
            entry.number = len(self.entries)
            entry.is_active = True
            entry.label = self._free_label(member.name)
            if self.plan is not None:
                self._compile(entry)
            self.entries.append(entry)

    def remove_rule(self, rule):
        """Remove a rule; its levels go with it at once.

        Parameters
        ----------
        rule : RiskRule, callable or str
            The rule itself, or its label.

        Raises
        ------
        KeyError
            If it is not in force.
        """
        members = () if isinstance(rule, str) else as_rule(rule).members
        found = [
            entry for entry in self.entries
            if (<_Entry> entry).is_active
            and ((<_Entry> entry).rule in members or (<_Entry> entry).label == rule)
        ]
        if not found:
            raise KeyError(f"rule {rule!r} is not in force; there are {list(self._active_labels())}")
        for entry in found:
            self._deactivate(entry)

    def bind(self, Broker broker not None):
        """Get ready for a run: forget the last one, compile the rules for its market data.

        Raises
        ------
        RuntimeError
            If a run with this manager is under way.
        ValueError
            If a rule reads a column that neither the market data nor the feature provider has.
        KeyError
            If a rule is for an asset the market data does not have.
        """
        if self.broker is not None:
            raise RuntimeError(
                "this RiskManager is in a run already: make one per run (rules can be shared)"
            )
        self.entries = [entry for entry in self.entries if (<_Entry> entry).is_active]
        self._reset()
        self.broker = broker
        self.portfolio = broker.portfolio
        self.cursor = broker.cursor
        self.plan = RulePlan(broker.cursor)
        # A compiled rule answers with types only: their names are its reasons.
        self.questions = Questions(
            broker.portfolio, self.plan, [0, *[self._reason(kind.value) for kind in ExitType]]
        )
        try:
            if self.feature_provider is not None:
                self._begin_provider()
            for number, entry in enumerate(self.entries):
                (<_Entry> entry).number = number
                (<_Entry> entry).slots = []
                self._compile(entry)
        except BaseException:
            self.broker = None
            self.plan = None
            raise
        broker.listener = self

    def release(self):
        """End the run; statistics stay readable."""
        if self.broker is not None:
            self.broker.listener = FillListener()
            self.broker = None

    def reason_texts(self):
        """Return the reasons of the run by code."""
        return tuple(self.reasons)

    def trade_state(self, asset):
        """Return the :class:`PositionTradeState` of an asset: what its position is and did.

        Raises
        ------
        RuntimeError
            Before the first run.
        KeyError
            If the asset is not in the market data.
        """
        self._check_bound()
        return self.portfolio.state(asset)

    def levels(self, asset):
        """Return the :class:`PositionLevels` of an asset: what its next bar is tried against."""
        self._check_bound()
        return self.portfolio.levels(asset)

    # ---- the hooks from Python ---------------------------------------------------------------

    def check_position_exits(self, MarketEvent event not None, Broker broker not None,
                             Portfolio portfolio not None):
        """Do steps 3 and 4 for the position of the event's asset: try its levels, then its close.

        Parameters
        ----------
        event : MarketEvent
            A bar of the timestamp the broker's cursor stands at.
        broker : Broker
        portfolio : Portfolio

        Returns
        -------
        int
            Exits made: fills by level, and orders decided at the close.
        """
        self._check_same(broker, portfolio)
        cdef int32_t asset = event.data.asset[event.row]
        cdef Position* position = &portfolio.position[asset]
        cdef int64_t before = broker.orders.count
        if event.row != self.cursor.row[asset] or not self.cursor.has_row(asset):
            raise ValueError(f"{event!r} is not a bar of the timestamp the run stands at")
        if position.quantity != 0.0:
            if touches(position, event.data.high_[event.row], event.data.low_[event.row]):
                self._hit(position, event.row)
        portfolio.mark[asset] = event.data.close_[event.row]
        if position.quantity != 0.0:
            self.close_bar_of(position, event.row)
        return broker.orders.count - before

    def validate_order(self, order, MarketEvent event, Broker broker not None,
                       Portfolio portfolio not None):
        """Pass an order through the rules' ``validate_order``.

        Returns
        -------
        Order or None
            The order, perhaps with fewer or more units; None when a rule rejected it.
        """
        self._check_same(broker, portfolio)
        cdef int32_t asset = self.cursor.data.code(order.asset)
        cdef double quantity = order.quantity
        if not self.validate(asset, &quantity, order.reduce_only):
            return None
        return order if quantity == order.quantity else order.with_quantity(quantity)

    def record_fill(self, fill, event=None):
        """Tell the rules of a fill that is booked already: arms the levels of its position.

        Parameters
        ----------
        fill : Fill
            As the broker returned it.
        event : MarketEvent, optional
            Not needed; the fill knows its asset and moment.
        """
        self._check_bound()
        cdef FillRecord record
        cdef int32_t asset = self.cursor.data.code(fill.asset)
        record.asset = asset
        record.quantity = float(fill.quantity)
        record.position_after = float(fill.position_after)
        record.is_entry = fill.is_entry
        record.moment = {"open": 0, "inside": 1, "close": 2}[fill.moment]
        record.rule = -1
        self.on_fill_booked(&record, &self.portfolio.position[asset])

    def evaluate_all_rules(self, context):
        """Ask every rule in force and merge their decisions (semantics section 4).

        Parameters
        ----------
        context : RiskContext

        Returns
        -------
        RiskDecision
        """
        decisions = []
        for entry in self.entries:
            if (<_Entry> entry).is_active and (
                (<_Entry> entry).assets is None or context.asset_id in (<_Entry> entry).assets
            ):
                rule = (<_Entry> entry).rule
                decision = self._evaluate(entry, rule.evaluate, context)
                decisions.append(decision.with_priority(rule.priority, keep=True))
        return RiskDecision.merge(decisions, side=context.side)

    # The run goes on in the next chunk: rules read the columns that go with it.
    cdef int enter(self, MarketData data) except -1:
        self.plan.known = data
        if self.columns is not None:
            self.given, self.plan.known = self.columns.enter(data)
        return 0

    # ---- step 3: inside the bar --------------------------------------------------------------

    # A level is touched: which one, at what price (the ten bars of section 4).
    cdef int _hit(self, Position* position, int64_t row) except -1 nogil:
        cdef double open_price = self.cursor.data.open_[row]
        cdef double side = side_of(position.quantity)
        cdef double adverse = self.cursor.data.low_[row]
        cdef double favourable = self.cursor.data.high_[row]
        cdef double stop = position.levels.stop
        cdef double target = position.levels.target
        cdef bint stop_reached
        cdef bint at_level = self.broker.settings.gap_fill_level
        cdef int choice = self.broker.settings.intrabar
        cdef Counters* counters = &self.broker.counters
        if not self.broker.settings.check_entry_bar and position.opened_t == self.cursor.run_t():
            return 0
        if side < 0.0:
            adverse = self.cursor.data.high_[row]
            favourable = self.cursor.data.low_[row]
        stop_reached = side * adverse <= side * stop
        if side * open_price <= side * stop:
            if at_level and stop != open_price:
                counters.stop_better_than_possible += 1
            return self._exit_stop(position, stop if at_level else open_price, MOMENT_OPEN, 0)
        if side * open_price >= side * target:
            if stop_reached and not self.broker.settings.open_decides:
                return self._exit_stop(position, stop, MOMENT_INSIDE, 0)
            return self._exit_target(position, target if at_level else open_price, MOMENT_OPEN, 0)
        if not stop_reached:
            return self._exit_target(position, target, MOMENT_INSIDE, CHOICE_NONE)
        if side * favourable < side * target:
            return self._exit_stop(position, stop, MOMENT_INSIDE, CHOICE_NONE)
        counters.ambiguous_bars += 1
        if choice == NEAREST_TO_OPEN:
            choice = (
                ADVERSE_FIRST if fabs(open_price - adverse) <= fabs(favourable - open_price)
                else FAVOURABLE_FIRST
            )
        if choice == ADVERSE_FIRST:
            return self._exit_stop(position, stop, MOMENT_INSIDE, CHOICE_ADVERSE)
        return self._exit_target(position, target, MOMENT_INSIDE, CHOICE_FAVOURABLE)

    cdef int _exit_stop(
        self, Position* position, double price, int8_t moment, int8_t intrabar
    ) except -1 nogil:
        cdef double fixed = position.levels.fixed_stop
        cdef double trail = position.levels.trail_stop
        cdef int32_t slot = position.levels.fixed_slot
        cdef const Said* said
        if position.levels.trail_slot >= 0 and (
            slot < 0
            or (trail != fixed and position.levels.stop == trail)
            or (trail == fixed and position.levels.trail_wins_ties)
        ):
            slot = position.levels.trail_slot
        said = self.plan.said_of(position.asset, slot)
        return self.broker.exit_at_level(
            position, price, self.broker.settings.slip_stops, said.stop_kind,
            self.plan.slot[slot].rule, said.stop_reason, position.levels.stop, moment, intrabar,
        )

    cdef int _exit_target(
        self, Position* position, double price, int8_t moment, int8_t intrabar
    ) except -1 nogil:
        cdef int32_t slot = position.levels.target_slot
        return self.broker.exit_at_level(
            position, price, False, EXIT_TAKE_PROFIT, self.plan.slot[slot].rule,
            self.plan.said_of(position.asset, slot).target_reason, position.levels.target, moment,
            intrabar,
        )

    # ---- step 4: the close -------------------------------------------------------------------

    # The close has something to decide: rules to ask, levels to arm anew, a time that is up.
    cdef int _decide(self, Position* position) except -1 nogil:
        cdef Verdict verdict
        cdef const Slot* slot
        verdict.slot = -1
        verdict.priority = 0
        verdict.reason = 0
        verdict.kind = 0
        if position.levels.attention:
            self.plan.end_waits(position.asset)
            self.plan.read_inputs(position, self.cursor.row[position.asset], self.cursor.t)
            self._warn_missing(position)
            if self.n_asked > 0:
                self._ask(position, False, True, &verdict)
            if self.questions.n_rules > 0:
                self.evaluations += self.questions.ask(
                    position, &self.broker.settings, False, True, &verdict
                )
            self.plan.compute(position, &self.broker.settings)
            self.plan.choose(position)
        self.plan.decide_time_exits(position, &verdict)
        if verdict.slot >= 0 and not position.exit_is_decided:
            slot = &self.plan.slot[verdict.slot]
            self.broker.accept_exit(
                position.asset, verdict.kind, slot.rule, verdict.reason, NAN
            )
        return 0

    # ---- fills -------------------------------------------------------------------------------

    cdef int on_fill_booked(self, const FillRecord* fill, Position* position) except -1 nogil:
        cdef bint is_add
        if self.plan.n_slots == 0:
            return 0
        if not fill.is_entry:
            self._count_exit(fill)
            return 0
        is_add = fill.position_after != fill.quantity
        if is_add and fill.moment != MOMENT_OPEN:
            position.levels.attention = 1
            return 0
        return self._arm_opening(position, is_add, fill.moment == MOMENT_OPEN)

    # Ask for the levels of a position opened, or added to at the open.
    cdef int _arm_opening(self, Position* position, bint is_add, bint at_open) except -1 nogil:
        if not is_add:
            self.plan.open_position(position, at_open)
            self._warn_missing(position)
        if self.n_asked > 0:
            self._ask(position, True, not at_open, NULL)
        if self.questions.n_rules > 0:
            self.evaluations += self.questions.ask(
                position, &self.broker.settings, True, not at_open, NULL
            )
        self.plan.compute(position, &self.broker.settings)
        self.plan.choose(position)
        if not is_add:
            position.stop_at_entry = level_or_nan(position.levels.stop)
            position.target_at_entry = level_or_nan(position.levels.target)
        return 0

    cdef void _count_exit(self, const FillRecord* fill) noexcept nogil:
        cdef int32_t i
        cdef Slot* slot
        for i in range(self.plan.n_slots):
            slot = &self.plan.slot[i]
            if slot.rule == fill.rule:
                slot.exits += 1
                return

    # One event for each rule whose frozen input has no valid value.
    cdef int _warn_missing(self, const Position* position) except -1 nogil:
        cdef int32_t i
        cdef Said* said
        cdef EventRecord* event
        for i in range(self.plan.n_slots):
            if self.plan.slot[i].input < 0 or not self.plan.is_asked(position.asset, i):
                continue
            said = self.plan.said_of(position.asset, i)
            if not said.is_warned and isnan(self.plan.parameter(position, i)):
                said.is_warned = 1
                event = self.broker.log(
                    EVENT_NAN_INPUT, self.plan.slot[i].missing_reason, position.asset, 0, NAN, NAN
                )
                event.rule = self.plan.slot[i].rule
        return 0

    cdef void on_split(self, Position* position, double ratio) noexcept nogil:
        if self.plan.n_slots > 0 and position.quantity != 0.0:
            self.plan.split(position, ratio)

    # ---- rules asked in Python ---------------------------------------------------------------

    # One context, every rule: collect levels into the plan and, at a close, the exit that wins.
    cdef int _ask(
        self, Position* position, bint opening, bint sees_bar, Verdict* verdict
    ) except -1 with gil:
        cdef RiskContext context = None
        cdef int32_t slot
        cdef _Entry entry
        for slot_number, evaluate, asked_entry in self.asked:
            slot = slot_number
            if not self.plan.is_asked(position.asset, slot):
                continue
            if context is None:
                context = self._context(position, opening, sees_bar)
            entry = asked_entry
            self.evaluations += 1
            try:
                decision = evaluate(context)
            except Exception as error:
                raise self._error(entry, context, f"raised {type(error).__name__}: {error}") from error
            if decision is not _NO_ACTION:
                self._apply(position, entry, slot, decision, context, verdict)
        return 0

    cdef int _apply(
        self, const Position* position, _Entry entry, int32_t slot, object decision,
        RiskContext context, Verdict* verdict
    ) except -1:
        if not isinstance(decision, RiskDecision):
            raise self._error(
                entry, context,
                f"must return a RiskDecision, returned {type(decision).__name__}",
            )
        cdef int64_t priority
        for part in decision.elementary():
            priority = entry.rule.priority if part.priority is None else part.priority
            if part.should_exit and verdict != NULL:
                self.plan.weigh(
                    verdict, slot, priority, part.exit_type.code,
                    self._reason(part.reason or part.exit_type.value),
                )
            if part.update_stop_loss is not None:
                self.plan.say_stop(
                    position, slot, part.update_stop_loss, part.stop_type.code, priority,
                    self._reason(part.reason or part.stop_type.value),
                )
            if part.update_take_profit is not None:
                self.plan.say_target(
                    position, slot, part.update_take_profit, priority,
                    self._reason(part.reason or "take_profit"),
                )
        return 0

    cdef RiskContext _context(self, const Position* position, bint opening, bint sees_bar):
        cdef RiskContext context = context_of(
            position, self.cursor, self.portfolio, &self.broker.settings, opening, sees_bar
        )
        self.contexts_built += 1
        context.provider = self.provider
        if self.given is not None:
            context.data = self.given
        if self.plan.n_inputs > 0:
            context.frozen_inputs = self.plan.frozen_of(position.asset)
        return context

    # ---- orders ------------------------------------------------------------------------------

    # Hook B. Returns 0 when a rule rejects the order; otherwise quantity may have changed.
    cdef int validate(self, int32_t asset, double* quantity, bint reduce_only) except -1:
        cdef _Entry entry
        cdef RiskContext context
        if not self.validators:
            return 1
        name = self.cursor.data.assets[asset]
        order = Order.proposed(name, quantity[0], reduce_only)
        context = self._context(&self.portfolio.position[asset], False, True)
        for candidate in self.validators:
            entry = candidate
            if entry.assets is not None and name not in entry.assets:
                continue
            try:
                answer = entry.rule.validate_order(order, context)
            except Exception as error:
                raise self._error(entry, context, f"raised {type(error).__name__}: {error}") from error
            if answer is None:
                return 0
            if not isinstance(answer, Order) or answer.asset != name:
                raise self._error(
                    entry, context,
                    "must return the order, a changed copy of it or None from validate_order, "
                    f"returned {answer!r}",
                )
            order = answer
        quantity[0] = order.quantity
        return 1

    # ---- inside ------------------------------------------------------------------------------

    def _reset(self):
        self.plan = None
        self.questions = None
        self.provider = None
        self.columns = None
        self.given = None
        self.asked = []
        self.validators = []
        self.n_asked = 0
        self.n_validators = 0
        self.contexts_built = 0
        self.evaluations = 0
        self.reasons = list(FIXED_REASONS)
        self.reason_codes = {text: code for code, text in enumerate(FIXED_REASONS)}

    def _begin_provider(self):
        columns = RunColumns(self.feature_provider)
        made = columns.enter(self.cursor.data)
        if made is not None:
            self.columns = columns
            self.given, self.plan.known = made
        elif isinstance(self.feature_provider, CallableFeatureProvider):
            self.provider = self.feature_provider
        else:
            # Contexts of a close and of the opening after it ask for the same bar.
            self.provider = CallableFeatureProvider(
                self.feature_provider.get_features, self.feature_provider.get_market_features
            )

    def _compile(self, _Entry entry):
        codes = None
        if entry.assets is not None:
            codes = [self.cursor.data.code(name) for name in entry.assets]
        specs = entry.rule.lower()
        columns = entry.rule.frozen_columns
        is_answered = specs is None or not self.lower
        if specs is not None and not is_answered:
            for spec in specs:
                entry.slots.append(
                    self.plan.add(codes, spec, columns, spec.priority, entry.number, False)
                )
        else:
            spec = specs[0] if specs is not None and len(specs) == 1 else None
            entry.slots.append(
                self.plan.add(codes, spec, columns, entry.rule.priority, entry.number, True)
            )
            if isinstance(entry.rule, CompiledRule) and self.lower:
                self.questions.add(entry.rule, entry.label, entry.slots[0])
            else:
                self.asked.append((entry.slots[0], _question_of(entry.rule), entry))
                self.n_asked += 1
        for slot in entry.slots:
            if self.plan.slot[<int> slot].input >= 0:
                self.plan.slot[<int> slot].missing_reason = self._reason(
                    self.plan.input_names[self.plan.slot[<int> slot].input]
                )
        if type(entry.rule).validate_order is not RiskRule.validate_order:
            self.validators.append(entry)
            self.validators.sort(key=_validator_order)
            self.n_validators = <int32_t> len(self.validators)
        self._rearm_at_next_close()

    def _deactivate(self, _Entry entry):
        cdef int32_t i
        entry.is_active = False
        if self.plan is None:
            self.entries.remove(entry)
            return
        for slot in entry.slots:
            self.plan.remove(slot)
        self.asked = [item for item in self.asked if item[2] is not entry]
        self.n_asked = <int32_t> len(self.asked)
        self.validators = [other for other in self.validators if other is not entry]
        self.n_validators = <int32_t> len(self.validators)
        for i in range(self.portfolio.n_open):
            self.plan.sync_trails(&self.portfolio.position[self.portfolio.open_asset[i]])
            self.plan.choose(&self.portfolio.position[self.portfolio.open_asset[i]])
        self._rearm_at_next_close()

    def _rearm_at_next_close(self):
        cdef int32_t i
        for i in range(self.portfolio.n_open):
            self.portfolio.position[self.portfolio.open_asset[i]].levels.attention = 1

    def _free_label(self, name):
        taken = {(<_Entry> entry).label for entry in self.entries}
        label = name
        count = 1
        while label in taken:
            count += 1
            label = f"{name}#{count}"
        return label

    def _active_labels(self):
        return [(<_Entry> entry).label for entry in self.entries if (<_Entry> entry).is_active]

    def _check_bound(self):
        if self.plan is None:
            raise RuntimeError("bind the manager to a broker first: positions exist only in a run")

    def _check_same(self, Broker broker, Portfolio portfolio):
        if self.broker is None:
            self.bind(broker)
        if broker is not self.broker or portfolio is not self.portfolio:
            raise ValueError("broker and portfolio must be those the manager is bound to")

    def _evaluate(self, _Entry entry, evaluate, RiskContext context):
        try:
            decision = evaluate(context)
        except Exception as error:
            raise self._error(entry, context, f"raised {type(error).__name__}: {error}") from error
        if not isinstance(decision, RiskDecision):
            raise self._error(
                entry, context, f"must return a RiskDecision, returned {type(decision).__name__}"
            )
        return decision

    def _error(self, _Entry entry, RiskContext context, str what):
        return RuleError(
            f"rule {entry.label} {what} (asset {context.asset_id!r}, "
            f"{'opening' if context.opening else 'close'} of {context.timestamp})"
        )

    cdef int32_t _reason(self, str text) except -1:
        code = self.reason_codes.get(text)
        if code is None:
            code = len(self.reasons)
            self.reasons.append(text)
            self.reason_codes[text] = code
        return code


# What is called with a context: of a plain function the function itself, without the method around it.
def _question_of(rule):
    return rule.function if type(rule) is FunctionRule else rule.evaluate


def _validator_order(_Entry entry):
    return -entry.rule.priority, entry.number
