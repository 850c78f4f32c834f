cimport cython
from libc.math cimport INFINITY, fabs
from libc.stdint cimport int32_t, int64_t

from ml4t.backtest.core.build cimport CHECKED
from ml4t.backtest.core.guards cimport guard
from ml4t.backtest.core.prefetch cimport prefetch
from ml4t.backtest.core.reasons cimport Reasons
from ml4t.backtest.core.settings cimport Settings
from ml4t.backtest.core.types cimport FillRecord
from ml4t.backtest.execution.broker cimport Broker
from ml4t.backtest.execution.fill_listener cimport FillListener
from ml4t.backtest.market.cursor cimport Cursor
from ml4t.backtest.market.event cimport MarketEvent
from ml4t.backtest.market.market_data cimport MarketData
from ml4t.backtest.portfolio.armed_levels cimport TO_TURN, levels_hold
from ml4t.backtest.portfolio.portfolio cimport Portfolio
from ml4t.backtest.portfolio.position cimport Position, side_of
from ml4t.backtest.portfolio.position_bar cimport close_bar
from ml4t.backtest.portfolio.positions cimport Positions
from ml4t.backtest.risk.compiled_rules cimport CompiledRules
from ml4t.backtest.risk.contexts cimport Contexts
from ml4t.backtest.risk.frozen_inputs cimport Watched, may_turn
from ml4t.backtest.risk.merged_rules cimport MergedRules
from ml4t.backtest.risk.order_checks cimport OrderChecks
from ml4t.backtest.risk.portfolio_limits cimport PortfolioLimits
from ml4t.backtest.risk.python_rules cimport PythonRules
from ml4t.backtest.risk.rule_list cimport RuleEntry, RuleList
from ml4t.backtest.risk.rule_plan cimport RulePlan
from ml4t.backtest.risk.said_levels cimport Said, Slot
from ml4t.backtest.risk.verdict cimport Verdict


@cython.final
cdef class RiskManager(FillListener):
    cdef readonly object feature_provider
    """Where ``context.features`` come from; None: the columns of the market data."""
    cdef readonly bint lower
    """False runs every rule through its ``evaluate``."""
    cdef RuleList _rules
    cdef Broker broker               # of the run under way; None outside of one
    cdef Portfolio portfolio         # of the last run; so all that follows
    cdef Positions positions
    cdef Cursor cursor
    cdef Settings settings
    cdef RulePlan plan
    cdef Contexts contexts
    cdef PythonRules python_rules
    cdef CompiledRules compiled_rules
    cdef MergedRules merged_rules
    cdef OrderChecks order_checks
    cdef PortfolioLimits limits
    cdef Reasons reasons
    cdef int64_t _n_untold           # fills before bind(), of which nobody has told the rules
    cdef set _told                   # of these, those told since
    cdef object _kept                # what the rules of the run kept from the last; None outside of one
    cdef bint measures_risk          # a rule multiplies the initial risk
    cdef bint is_driven              # by the engine's loop, which calls the hooks itself

    # Step 4: every position takes its bar in; rules decide and arm where there is something to do. What all are worth is
    # summed on the way: where nobody decides, it is what step 5 asks for.
    cdef inline int close_bars(self) except -1 nogil:
        cdef int32_t i
        cdef double value
        cdef double net = 0.0
        cdef double gross = 0.0
        cdef bint some_decide = False
        cdef const double* mark = self.portfolio.account.mark
        cdef int64_t t = self.cursor.run_t()
        cdef int64_t row
        cdef int64_t first = self.cursor.first
        cdef Position* position
        cdef Position* at = self.positions.at
        cdef const int64_t* row_of = self.cursor.row
        cdef const double* high = self.cursor.data.high_
        cdef const double* low = self.cursor.data.low_
        cdef const double* close = self.cursor.data.close_
        cdef const int32_t* open_asset
        cdef Watched watched = self.plan.inputs.only_live()
        cdef bint some_turn = watched.some_turn
        cdef bint is_block = self.cursor.is_block()
        cdef Settings settings = self.settings  # its own: nothing that a bar writes can lie in it
        self.positions.settle()
        if CHECKED:
            self.positions.check_settled()
        open_asset = self.positions.open_asset
        for i in range(self.positions.n_open):
            position = &at[open_asset[i]]
            row = first + open_asset[i] if is_block else row_of[open_asset[i]]
            if row >= first:
                if some_turn and position.levels.watches:
                    self._look_for_a_turn(position, &watched, row)
                if close_bar(position, &settings, t, high[row], low[row], close[row]):
                    some_decide = True
                    self._decide(position)
            value = position.quantity * mark[open_asset[i]]
            net += value
            gross += fabs(value)
            if CHECKED:
                guard(row < self.cursor.last, b"a position stands in a row that is still to come")
                guard(
                    levels_hold(&position.levels, side_of(position.quantity)),
                    b"a level lies on the wrong side of its position",
                )
        if not some_decide:
            self.portfolio.account.hold_sums(net, gross)
        if some_turn and watched.column != NULL and not watched.by_row:
            self._gather_regimes(&watched)
        return 0

    # Where a column says another regime its rules are asked. What ends stays as it was before this bar: trails catch up first.
    cdef inline void _look_for_a_turn(
        self, Position* position, const Watched* watched, int64_t row
    ) noexcept nogil:
        cdef bint turns
        if watched.column == NULL:
            turns = self.plan.inputs.may_turn(position.asset)
        else:
            if watched.by_row:
                # Rows of the next timestamp lie as far away as this one has rows, where all assets have one.
                prefetch(&watched.column[row + self.cursor.last - self.cursor.first])
            turns = may_turn(watched, row, position.asset)
        if turns:
            self.plan.sync_trails(position)
            position.levels.attention |= TO_TURN

    # Between which values of a column of the whole market no regime ends: some did.
    cdef inline void _gather_regimes(self, const Watched* watched) noexcept nogil:
        cdef int32_t i
        cdef int32_t asset
        watched.of.all_stay_from = -INFINITY
        watched.of.all_stay_below = INFINITY
        for i in range(self.positions.n_open):
            asset = self.positions.open_asset[i]
            if self.positions.at[asset].levels.watches:
                watched.of.all_stay_from = max(watched.of.all_stay_from, watched.stays_from[asset])
                watched.of.all_stay_below = min(watched.of.all_stay_below, watched.stays_below[asset])

    cdef int enter_run(self, Broker broker) except -1
    cdef int begin(self, object strategy) except -1
    cdef int leave_run(self) except -1
    cdef int enter(self, MarketData data) except -1
    cdef int validate(self, int32_t asset, double* quantity, bint reduce_only) except -1
    cdef bint _is_admitted(self, int32_t asset, double* quantity, bint reduce_only) except -1
    cdef int _decide(self, Position* position) except -1 nogil
    cdef int _tell_levels(self, const Position* position, int64_t row) except -1 nogil
    cdef int _arm(self, Position* position, bint is_add, bint at_open) except -1 nogil
    cdef int _ask(
        self, Position* position, bint opening, bint sees_bar, Verdict* verdict
    ) except -1 nogil
    cdef int _ask_python(
        self, Position* position, bint opening, bint sees_bar, Verdict* verdict
    ) except -1 with gil
    cdef int _warn_missing(self, const Position* position) except -1 nogil
    cdef int _warn_of_part(self, const Position* position, const Slot* slot, Said* said) except -1 nogil
    cdef int _compile(self, RuleEntry entry) except -1
    cdef int _deactivate(self, RuleEntry entry) except -1
    cdef int _tell_all_levels(self) except -1
    cdef int _rearm_at_next_close(self) except -1
    cdef int _check_bound(self) except -1
    cdef int _check_thread(self) except -1
    cdef int _check_may_change(self) except -1
    cdef int _check_by_hand(self, str hook) except -1
    cdef int _check_same(self, Broker broker, Portfolio portfolio) except -1
    cdef int _check_event(self, MarketEvent event) except -1
