"""RiskManager: the three hooks of a run, and the rules they ask.

``check_position_exits`` (steps 3 and 4 of a bar), ``validate_order`` (before an order is accepted) and
``record_fill`` (after each fill). The engine calls their C forms; in a run by hand each is called from
Python.
"""

cimport cython
from libc.math cimport NAN, isnan
from libc.stdint cimport int32_t, int64_t

from ml4t.backtest.core.reasons cimport Reasons
from ml4t.backtest.core.settings cimport TELL_FILLS
from ml4t.backtest.core.types cimport (
    EVENT_NAN_INPUT, EVENT_PASSED_OVER, MOMENT_CLOSE, MOMENT_OPEN, REASON_NONE, REASON_ZERO_QUANTITY,
    EventRecord, FillRecord,
)
from ml4t.backtest.execution.broker cimport Broker
from ml4t.backtest.execution.fill_listener cimport FillListener
from ml4t.backtest.execution.views cimport Fill
from ml4t.backtest.market.event cimport MarketEvent
from ml4t.backtest.market.market_data cimport MarketData
from ml4t.backtest.portfolio.armed_levels cimport TO_ASK, TO_TURN, level_or_nan
from ml4t.backtest.portfolio.portfolio cimport Portfolio
from ml4t.backtest.portfolio.position cimport Position
from ml4t.backtest.portfolio.position_bar cimport close_bar
from ml4t.backtest.risk.compiled_rule cimport CompiledRule
from ml4t.backtest.risk.compiled_rules cimport CompiledRules
from ml4t.backtest.risk.contexts cimport Contexts
from ml4t.backtest.risk.exits_at_close cimport decide_exits, take_exit
from ml4t.backtest.risk.frozen_inputs cimport Watched
from ml4t.backtest.risk.lowered_rule cimport LoweredRule
from ml4t.backtest.risk.merged_rules cimport MergedRules
from ml4t.backtest.risk.order_checks cimport OrderChecks
from ml4t.backtest.risk.portfolio_limits cimport Cut, PortfolioLimits
from ml4t.backtest.risk.python_rules cimport PythonRules
from ml4t.backtest.risk.rule_list cimport RuleEntry, RuleList
from ml4t.backtest.risk.rule_plan cimport RulePlan
from ml4t.backtest.risk.said_levels cimport AssetSlots, Said, Slot
from ml4t.backtest.risk.verdict cimport Verdict, no_verdict

from ml4t.backtest.core.copies import Attributes, check_not_running, made_anew
from ml4t.backtest.core.records import FIXED_REASONS
from ml4t.backtest.data.features.providers import FeatureProvider
from ml4t.backtest.risk.decision import RiskDecision
from ml4t.backtest.risk.function_rule import each_rule, members_of
from ml4t.backtest.risk.kept_rules import KeptRules
from ml4t.backtest.risk.late_rules import check_late
from ml4t.backtest.risk.calendar_needed import check_calendar
from ml4t.backtest.risk.lowered import refuse_distances
from ml4t.backtest.risk.python_rules import check_decision, rule_error
from ml4t.backtest.risk.stop_needed import check_stops

# Trait of risk/spec.py.
cdef enum:
    AT_RISK = 1
    IN_REGIMES = 2
    OF_A_PART = 4


@cython.final
cdef class RiskManager(FillListener):
    """RiskManager(rules=(), feature_provider=None, *, lower=True)\n--\n
    Rules on positions and orders.

    Parameters
    ----------
    rules : RiskRule or callable, or iterable of them, optional
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

    def __cinit__(self, *arguments, **options):
        self._rules = RuleList()
        self.lower = True

    def __init__(self, rules=(), feature_provider=None, *, lower=True):
        if feature_provider is not None and not isinstance(feature_provider, FeatureProvider):
            raise TypeError(
                f"feature_provider must be a FeatureProvider, was {type(feature_provider).__name__}"
            )
        if self.broker is not None:
            raise RuntimeError("this RiskManager is in a run: it cannot be made anew")
        self._rules = RuleList()
        self.feature_provider = feature_provider
        self.lower = bool(lower)
        self.plan = None
        for rule in each_rule(rules):
            self.add_rule(rule)

    def _repr_html_(self):
        return self._rules.as_page()

    # ---- the rules ---------------------------------------------------------------------------

    @property
    def rules(self):
        """The rules in force, in the order they were added."""
        return tuple([(<RuleEntry> entry).rule for entry in self._rules.active()])

    @property
    def rule_names(self):
        """A distinct label for every rule ever added; results refer to rules by it."""
        if self.plan is None:
            self._rules.forget_removed()
        return tuple(self._rules.labels)

    @property
    def contexts_built(self):
        """Contexts built in the run."""
        return 0 if self.plan is None else self.contexts.n_built

    @property
    def evaluations(self):
        """Rules asked in the run, in Python or in C."""
        if self.plan is None:
            return 0
        return (
            self.python_rules.n_asked + self.compiled_rules.n_asked + self.merged_rules.n_asked
        )

    @property
    def statistics(self):
        """What the rules did in the run, a dict.

        ``contexts_built``, ``evaluations``, ``levels_armed`` (levels set or moved) and
        ``exits_by_rule`` (label -> fills that ended or reduced a position).
        """
        cdef int64_t armed = 0
        cdef int32_t asset
        exits = {}
        if self.plan is not None:
            self.portfolio.thread.check()
            armed = self.plan.levels_armed
            for asset in range(self.plan.n_assets):
                armed += self.positions.at[asset].levels.trail_moves
            exits = {
                (<RuleEntry> entry).label: self.plan.n_exits((<RuleEntry> entry).number)
                for entry in self._rules.all()
            }
        return {
            "contexts_built": self.contexts_built,
            "evaluations": self.evaluations,
            "levels_armed": armed,
            "exits_by_rule": exits,
        }

    def add_rule(self, rule, assets=None):
        """Add a rule for all assets, for one or for several; during a run too.

        A rule added during a run is asked for open positions at their next close. It finds the columns that were
        joined before the run: an indicator is computed for the rules that the run begins with.

        Parameters
        ----------
        rule : RiskRule or callable
        assets : str or iterable of str, optional
            None applies it to every asset.

        Raises
        ------
        InvalidRuleError
            If it cannot be a rule; during a run, if it reads a column that the run does not have, or is a target by
            the risk for an asset of which no rule can arm a stop. Nothing is added then.
        KeyError
            If an asset is not in the market data (during a run; else when the run starts).
        RuntimeError
            In a run, if a rule that is asked calls it, or another thread.
        """
        self._check_may_change()
        members, names = members_of(rule, assets)
        if self.broker is not None:
            check_late(
                members, names, lambda: self._rules.copies(), self.plan.inputs.data, computes=self.is_driven,
                has_begun=self._kept is not None,
            )
        added = self._rules.add(members, names)
        if self.broker is None:
            return
        try:
            for entry in added:
                self._compile(entry)
        except BaseException:
            for entry in added:
                self._deactivate(entry)
            raise
        self._rearm_at_next_close()

    def remove_rule(self, rule):
        """Remove a rule; its levels go with it at once.

        Parameters
        ----------
        rule : RiskRule, callable or str
            The rule itself, wherever it was added, or its label; or one that equals it.

        Raises
        ------
        KeyError
            If it is not in force.
        ValueError
            If it is not in force itself, and several equal it: nothing is removed then.
        RuntimeError
            In a run, if a rule that is asked calls it, or another thread.
        """
        self._check_may_change()
        for entry in self._rules.found(rule):
            self._deactivate(entry)
        if self.broker is not None and self.settings.ledger != TELL_FILLS:
            self._tell_all_levels()

    def __reduce__(self):
        """Outside of a run a manager is its rules in force, with their assets and labels."""
        check_not_running(self.broker is not None, "a RiskManager")
        parts = {"feature_provider": self.feature_provider, "lower": self.lower}
        rules = {f"rules[{i}]": entry for i, entry in enumerate(self._rules.copies())}
        advice = "what a rule is made of stands at the top of a module"
        return made_anew, (RiskManager,), Attributes("RiskManager", parts | rules, advice)

    def __setstate__(self, state):
        check_not_running(self.broker is not None, "a RiskManager")
        cdef RuleList rules = RuleList()
        parts = dict(state)
        provider, lower = parts.pop("feature_provider"), parts.pop("lower")
        rules.restore(list(parts.values()))
        self.__init__((), provider, lower=lower)
        self._rules = rules

    # ---- the run -----------------------------------------------------------------------------

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
        if isinstance(broker.fills.listener, RiskManager):
            raise RuntimeError("another RiskManager is bound to this broker: a run has one")
        self._rules.forget_removed()
        self.portfolio = broker.portfolio
        self.positions = broker.portfolio.positions
        self.cursor = broker.cursor
        self.settings = broker.settings
        self.reasons = broker.reasons
        self.plan = RulePlan(broker.cursor)
        self.plan.tells = self.settings.ledger
        self.plan.whole_units = self.settings.whole_units
        self.plan.exits_at_close = self.settings.exit_at_close
        self.measures_risk = False
        self._n_untold = broker.fills.buffer.count
        self._told = set()
        try:
            self.contexts = Contexts(broker, self.plan.inputs, self.feature_provider)
            self.python_rules = PythonRules(self.plan, self.contexts, self.reasons)
            self.compiled_rules = CompiledRules(
                broker.portfolio.account, self.plan, self.reasons
            )
            self.merged_rules = MergedRules(self.plan)
            self.order_checks = OrderChecks(self.contexts, self.positions)
            self.limits = PortfolioLimits(broker, self.reasons, self.contexts)
            self.plan.first_slots = max(self.plan.first_slots, min(self._rules.n_slots(), 16))
            for entry in self._rules.all():
                self._compile(entry)
            self.plan.is_bound = True
        except BaseException:
            self.plan = None
            raise
        self.broker = broker
        broker.fills.listener = self
        broker.rule_names = self._rules.labels
        self._rearm_at_next_close()

    def release(self):
        """End a run by hand; statistics stay readable.

        Raises
        ------
        RuntimeError
            In a run of the engine, which ends it itself.
        """
        self._check_by_hand("release")
        self.leave_run()

    def reason_texts(self):
        """Return the reasons of the run by code."""
        return FIXED_REASONS if self.plan is None else self.reasons.texts

    def trade_state(self, asset):
        """Return the :class:`PositionTradeState` of an asset: what its position is and did.

        Raises
        ------
        RuntimeError
            Before the first run; in a run, from another thread.
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

        Of a run by hand. The engine does these steps itself, before the strategy is told.

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

        Raises
        ------
        RuntimeError
            In a run of the engine: the bar has been seen already.
        """
        self._check_by_hand("check_position_exits")
        self._check_same(broker, portfolio)
        self._check_event(event)
        cdef int32_t asset = event.data.asset[event.row]
        cdef int64_t row = event.row
        cdef MarketData data = event.data
        cdef Position* position = &self.positions.at[asset]
        cdef int64_t before = broker.book.orders.count
        broker.inside_bar.try_bar(asset, row)
        portfolio.account.mark_one(asset, data.close_[row])
        cdef Watched watched = self.plan.inputs.only_live()
        cdef int64_t t = self.cursor.run_t()
        if position.levels.watches:
            self._look_for_a_turn(position, &watched, row)
        if position.quantity != 0.0 and close_bar(
            position, &self.settings, t, data.high_[row], data.low_[row], data.close_[row]
        ):
            self._decide(position)
        return broker.book.orders.count - before

    def validate_order(self, order, MarketEvent event, Broker broker not None,
                       Portfolio portfolio not None):
        """Pass an order through the rules' ``validate_order``, then through the limits of the portfolio.

        Returns
        -------
        Order or None
            The order, perhaps with fewer or more units; None when a rule or a limit rejected it.

        Raises
        ------
        ValueError
            If broker and portfolio are not those of the run.
        RuleError
            If a rule raises or answers wrongly; it may not make orders, nor add or remove rules.
        RuntimeError
            In a run, from another thread.
        """
        self._check_same(broker, portfolio)
        self._check_thread()
        cdef int32_t asset = self.cursor.data.code(order.asset)
        cdef double quantity = order.quantity
        if not self.validate(asset, &quantity, order.reduce_only):
            return None
        if not self._is_admitted(asset, &quantity, order.reduce_only):
            return None
        return order if quantity == order.quantity else order.with_quantity(quantity)

    def record_fill(self, fill, event=None):
        """Tell the rules of a fill: arms the levels of its position.

        Of a run by hand, for fills from before :meth:`bind`; the rules are told of later ones at once,
        and of none twice.

        Parameters
        ----------
        fill : Fill
            As the broker returned it.
        event : MarketEvent, optional
            Not needed; the fill knows its asset and moment.

        Raises
        ------
        RuntimeError
            In a run of the engine: the rules have been told.
        ValueError
            If it is not a fill of the run.
        """
        self._check_bound()
        self._check_by_hand("record_fill")
        if not isinstance(fill, Fill) or (<Fill> fill).broker is not self.broker or (
            self.broker is None
        ):
            raise ValueError(f"{fill!r} is no fill of the run this manager is bound to")
        cdef int64_t index = (<Fill> fill).index
        if index >= self._n_untold or index in self._told:
            return
        self._told.add(index)
        cdef const FillRecord* record = <const FillRecord*> self.broker.fills.buffer.at(index)
        cdef Position* position = &self.positions.at[record.asset]
        # The position it opened may have ended since: there is nothing to arm.
        if not record.is_entry or record.trade_id == position.position_id and position.quantity != 0.0:
            self.on_fill_booked(record, position)

    def evaluate_all_rules(self, context):
        """Ask every rule in force and merge their decisions (semantics section 4).

        Parameters
        ----------
        context : RiskContext

        Returns
        -------
        RiskDecision
        """
        cdef RuleEntry entry
        cdef Broker broker = self.broker
        cdef bint was_asking = broker is not None and broker.is_asking
        self._check_thread()
        decisions = []
        if broker is not None:
            broker.is_asking = True
        try:
            for active in self._rules.active():
                entry = active
                if entry.is_for(context.asset_id) and entry.rule.limit_spec is None:
                    try:
                        decision = entry.rule.evaluate(context)
                    except Exception as error:
                        raise rule_error(
                            entry, context, f"raised {type(error).__name__}: {error}"
                        ) from error
                    check_decision(entry, context, decision)
                    decisions.append(decision.with_priority(entry.rule.priority, keep=True))
        finally:
            if broker is not None:
                broker.is_asking = was_asking
        return RiskDecision.merge(decisions, side=context.side)

    # ---- for the engine ----------------------------------------------------------------------

    # From here on the loop calls the hooks.
    cdef int enter_run(self, Broker broker) except -1:
        self.bind(broker)
        self.is_driven = True
        return 0

    # on_start has been called, and the first timestamp is next.
    cdef int begin(self, object strategy) except -1:
        if self.measures_risk:
            check_stops(self._rules.copies(), self.cursor.data.assets)
        self._kept = KeptRules(self.rules, strategy)
        return 0

    cdef int leave_run(self) except -1:
        if self.broker is not None:
            self.broker.fills.listener = FillListener()
            self.broker = None
        if self._kept is not None:
            self._kept.end()
            self._kept = None
        self.is_driven = False
        return 0

    # The run goes on in the next chunk: rules read the columns that go with it.
    cdef int enter(self, MarketData data) except -1:
        self.contexts.enter(data)
        return self._rules.check_regimes(self.plan.inputs.data)

    # Hook B. Returns 0 when a rule rejects the order; otherwise quantity may have changed.
    cdef int validate(self, int32_t asset, double* quantity, bint reduce_only) except -1:
        if self.order_checks.n == 0:
            return 1
        cdef bint was_asking = self.broker.is_asking
        self.broker.is_asking = True
        try:
            return self.order_checks.validate(asset, quantity, reduce_only)
        finally:
            self.broker.is_asking = was_asking

    # Returns 0 when a limit of the portfolio lets nothing of the order pass; else the quantity may have shrunk.
    cdef bint _is_admitted(self, int32_t asset, double* quantity, bint reduce_only) except -1:
        cdef Cut cut
        if self.limits.n == 0 or reduce_only:
            return True
        return self.limits.admit(asset, quantity, 0.0, &cut) == 0 and quantity[0] != 0.0

    # The close has something to decide: rules to ask, levels to arm anew, a time that is up.
    cdef int _decide(self, Position* position) except -1 nogil:
        cdef Verdict verdict = no_verdict()
        if self.plan.has_standing and <double> position.bars_held >= position.levels.max_bars:
            position.levels.attention |= TO_ASK
        if position.levels.attention & TO_ASK:
            self.plan.end_waits(position.asset)
            self.plan.inputs.read_close(position)
            self._warn_missing(position)
            self._ask(position, False, True, &verdict)
            self.plan.arm(position, &self.settings, True, False)
        elif position.levels.attention & TO_TURN:
            self.plan.inputs.read_close(position)
            self.plan.arm(position, &self.settings, True, True)
        if self.settings.ledger != TELL_FILLS:
            self._tell_levels(position, self.cursor.row[position.asset])
        decide_exits(self.plan, position, &verdict)
        return take_exit(self.plan, self.broker.book, position, &verdict, &self.settings)

    # Hook D.
    cdef int on_fill_booked(self, const FillRecord* fill, Position* position) except -1 nogil:
        cdef bint is_add
        if self.plan.n_slots == 0:
            return 0
        if not fill.is_entry:
            self.plan.count_exit(fill.rule)
            # Of what is left; a position that has ended asks nothing.
            position.levels.attention |= self.plan.follows_units
            return 0
        is_add = fill.position_after != fill.quantity
        if is_add and fill.moment != MOMENT_OPEN:
            self.plan.sync_trails(position)
            position.levels.attention = TO_ASK
            return 0
        return self._arm(position, is_add, fill.moment != MOMENT_CLOSE)

    # A target gives way to the next one at once, inside the bar too.
    cdef int on_part_closed(self, Position* position, double units, bint is_done) except -1 nogil:
        self.plan.close_part(position, units, is_done)
        if self.settings.ledger != TELL_FILLS:
            self._tell_levels(position, self.cursor.row_before(position.asset))
        return 0

    cdef void on_split(self, Position* position, double ratio) noexcept nogil:
        if self.plan.n_slots > 0 and position.quantity != 0.0:
            self.plan.split(position, ratio)

    cdef void on_dividend(self, Position* position, double dividend) noexcept nogil:
        if self.plan.n_slots > 0:
            self.plan.go_ex_dividend(position, dividend)

    cdef int on_levels_adjusted(self, const Position* position, int32_t reason) except -1 nogil:
        if self.plan.n_slots == 0 or self.settings.ledger == TELL_FILLS:
            return 0
        return self.broker.book.ledger.tell_levels(
            position, self.cursor.row_before(position.asset), reason
        )

    # What they come from was known with that row of the asset.
    cdef int _tell_levels(self, const Position* position, int64_t row) except -1 nogil:
        return self.broker.book.ledger.tell_levels(position, row, REASON_NONE)

    # The levels of a position opened, or added to at the open.
    cdef int _arm(self, Position* position, bint is_add, bint at_open) except -1 nogil:
        if not is_add:
            self.plan.open_position(position, at_open, self.portfolio.account)
            self._warn_missing(position)
        self._ask(position, True, not at_open, NULL)
        self.plan.arm(position, &self.settings, False, False)
        position.levels.attention |= is_add and self.plan.closes_parts  # what a split has left of them is told at the close
        if self.settings.ledger != TELL_FILLS:
            self._tell_levels(
                position,
                self.cursor.row_before(position.asset) if at_open else self.cursor.row[position.asset],
            )
        if not is_add:
            position.stop_at_entry = level_or_nan(position.levels.stop)
            position.target_at_entry = level_or_nan(position.levels.target)
        return 0

    cdef int _ask(
        self, Position* position, bint opening, bint sees_bar, Verdict* verdict
    ) except -1 nogil:
        if self.python_rules.n_rules > 0:
            self._ask_python(position, opening, sees_bar, verdict)
        if self.compiled_rules.n_rules > 0:
            self.compiled_rules.ask(position, &self.settings, opening, sees_bar, verdict)
        if self.merged_rules.n_rules > 0:
            self.merged_rules.ask(position, &self.settings, opening, verdict)
        return 0

    cdef int _ask_python(
        self, Position* position, bint opening, bint sees_bar, Verdict* verdict
    ) except -1 with gil:
        self.broker.is_asking = True
        try:
            return self.python_rules.ask(position, opening, sees_bar, verdict)
        finally:
            self.broker.is_asking = False

    # One event for each rule whose frozen input has no valid value.
    cdef int _warn_missing(self, const Position* position) except -1 nogil:
        cdef const AssetSlots* slots = &self.plan.of[position.asset]
        cdef const Slot* slot
        cdef Said* said
        cdef EventRecord* event
        cdef int32_t i
        if self.plan.inputs.n == 0 and not self.plan.closes_parts:
            return 0
        for i in range(slots.n):
            said = &slots.said[i]
            slot = &self.plan.slot[said.slot]
            if said.waits:
                continue
            if slot.leads and not said.is_told and self.plan.regime_of(position, slot, said.regime) < 0:
                said.is_told = 1
                event = self.broker.events.add(
                    EVENT_NAN_INPUT, slot.regime_reason, position.asset, 0, NAN, NAN
                )
                event.rule = slot.rule
            if slot.part > 0.0:
                self._warn_of_part(position, slot, said)
            if not slot.reads or said.is_warned:
                continue
            if isnan(self.plan.parameter(position, slot)):
                said.is_warned = 1
                event = self.broker.events.add(
                    EVENT_NAN_INPUT, slot.missing_reason, position.asset, 0, NAN, NAN
                )
                event.rule = slot.rule
        return 0

    # One event for each target whose part of the position is less than an order can have.
    cdef int _warn_of_part(self, const Position* position, const Slot* slot, Said* said) except -1 nogil:
        cdef EventRecord* event
        if said.is_done or said.is_warned or not self.plan.has_no_part(position, slot, said):
            return 0
        said.is_warned = 1
        event = self.broker.events.add(
            EVENT_PASSED_OVER, REASON_ZERO_QUANTITY, position.asset, 0,
            slot.part * position.largest - said.closed, 0.0,
        )
        event.rule = slot.rule
        return 0

    # ---- inside ------------------------------------------------------------------------------

    cdef int _compile(self, RuleEntry entry) except -1:
        cdef LoweredRule lowered = entry.asked()
        cdef int32_t slot
        codes = None
        if entry.assets is not None:
            codes = [self.cursor.data.code(name) for name in entry.assets]
        if lowered.limit is not None:
            self.limits.add(lowered.limit, entry.number, lowered.priority, entry.assets, entry.label)
            return 0
        if lowered.needs_calendar:
            check_calendar(entry.label, self.cursor.sessions, self.cursor.data)
        specs = lowered.specs
        merged = lowered.merged if self.lower else None
        if self.cursor.data.negative_prices:
            refuse_distances(
                entry.label, entry.assets, merged.specs if merged is not None else specs,
                self.cursor.data.negative_prices,
            )
        entry.check_regimes(self.plan.inputs.data)
        columns, live = lowered.frozen_columns, lowered.live_columns
        # What other rules say comes first, and Python is asked before: a multiple of the risk is always said in C, and so is
        # what keeps the regime of a position.
        self.measures_risk = self.measures_risk or lowered.traits & AT_RISK
        cdef bint answers = not self.lower and not lowered.traits & (AT_RISK | IN_REGIMES)
        if specs is not None and (not answers or lowered.traits & OF_A_PART):
            # In Python too a target of a part has a slot of its own, where it is written down what it has closed.
            for spec in specs:
                entry.slots.append(
                    self.plan.add(codes, spec, columns, live, spec.priority, entry.number, answers)
                )
            if answers:
                self.python_rules.add(entry, entry.slots[0])
        else:
            spec = specs[0] if specs is not None and len(specs) == 1 else None
            slot = self.plan.add(codes, spec, columns, live, lowered.priority, entry.number, True)
            entry.slots.append(slot)
            if merged is not None:
                entry.slots += self.merged_rules.add(slot, merged)
            elif isinstance(entry.rule, CompiledRule) and self.lower:
                self.plan.slot[slot].question = self.compiled_rules.add(entry.rule, entry.label)
            else:
                self.python_rules.add(entry, slot)
        for number in entry.slots:
            slot = number
            if self.plan.slot[slot].regime_input >= 0:
                self.plan.slot[slot].regime_reason = self.reasons.code(
                    self.plan.inputs.names[self.plan.slot[slot].regime_input]
                )
            if self.plan.slot[slot].reads:
                names = self.plan.names_read(slot)
                self.plan.slot[slot].signal_reason = self.reasons.code(names[0])
                self.plan.slot[slot].missing_reason = self.reasons.code(" or ".join(names))
        self.order_checks.add(entry)
        if self.python_rules.n_rules > 0 or self.compiled_rules.n_rules > 0 or self.order_checks.n > 0:
            # What rules look at holds exposure: it is kept up to date while orders fill.
            self.portfolio.account.is_watched = True

    cdef int _deactivate(self, RuleEntry entry) except -1:
        cdef int32_t i
        cdef Position* position
        self._rules.remove(entry)
        if self.broker is None:
            return 0
        self.limits.remove(entry.number)
        for slot in entry.slots:
            self.plan.remove(slot)
            self.python_rules.remove(slot)
        self.order_checks.remove(entry)
        self.positions.settle()
        for i in range(self.positions.n_open):
            position = &self.positions.at[self.positions.open_asset[i]]
            self.plan.sync_trails(position)
            self.plan.choose(position)
        self._rearm_at_next_close()

    cdef int _tell_all_levels(self) except -1:
        cdef int32_t i
        cdef const Position* position
        self.positions.settle()
        for i in range(self.positions.n_open):
            position = &self.positions.at[self.positions.open_asset[i]]
            self._tell_levels(position, self.cursor.row[position.asset])
        return 0

    cdef int _rearm_at_next_close(self) except -1:
        cdef int32_t i
        self.positions.settle()
        for i in range(self.positions.n_open):
            self.plan.begin(self.positions.open_asset[i])  # one that was opened before the rules were bound
            self.positions.at[self.positions.open_asset[i]].levels.attention = TO_ASK

    cdef int _check_bound(self) except -1:
        if self.plan is None:
            raise RuntimeError("bind the manager to a broker first: positions exist only in a run")
        self._check_thread()

    cdef int _check_thread(self) except -1:
        if self.broker is not None:
            self.broker.thread.check()

    cdef int _check_may_change(self) except -1:
        self._check_thread()
        if self.broker is not None:
            self.broker.check_no_costs_asked()
        if self.broker is not None and self.broker.is_asking:
            raise RuntimeError("a rule adds and removes no rules: it answers with a RiskDecision")

    cdef int _check_by_hand(self, str hook) except -1:
        if self.broker is not None:
            self.broker.check_not_asking(hook)
        if self.is_driven:
            raise RuntimeError(
                f"{hook} belongs to the engine in a run: it has been called for this bar. Call it in a "
                "run by hand (ml4t.backtest.testing.manual_run)"
            )

    cdef int _check_same(self, Broker broker, Portfolio portfolio) except -1:
        if self.broker is None:
            self.bind(broker)
        if broker is not self.broker or portfolio is not self.portfolio:
            raise ValueError("broker and portfolio must be those the manager is bound to")

    cdef int _check_event(self, MarketEvent event) except -1:
        cdef int64_t row = event.row
        if (
            event.data is not self.cursor.data or row < self.cursor.first
            or row >= self.cursor.last
        ):
            raise ValueError(f"{event!r} is not a bar of the timestamp the run stands at")
