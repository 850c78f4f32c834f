"""Questions: the compiled rules of a run, asked without the GIL."""

cimport cython
from cpython.object cimport PyObject
from libc.math cimport NAN, isnan
from libc.stdint cimport int8_t, int32_t, int64_t
from libc.stdlib cimport calloc, free, realloc

import pandas as pd

from ml4t.backtest.core.settings cimport Settings
from ml4t.backtest.core.types cimport EXIT_NONE, EXIT_TAKE_PROFIT
from ml4t.backtest.portfolio.portfolio cimport Portfolio
from ml4t.backtest.portfolio.position cimport Position, level_or_nan
from ml4t.backtest.risk.compiled_rule cimport (
    CompiledRule, RuleAnswer, RuleView, ask_nothing, fault_of,
)
from ml4t.backtest.risk.plan cimport RulePlan, Verdict

from ml4t.backtest.market.column_names import unknown_name
from ml4t.backtest.risk.rule import RuleError


@cython.final
cdef class Questions:
    """The compiled rules of one run.

    Parameters
    ----------
    portfolio : Portfolio
    plan : RulePlan
        Where their levels are kept, and compete with those of other rules.
    reasons : sequence of int
        By code of an exit type: the reason that stands on its fills.
    """

    def __cinit__(self, Portfolio portfolio not None, RulePlan plan not None, reasons):
        self.cursor = plan.cursor
        self.portfolio = portfolio
        self.plan = plan
        self.rules = []
        for code, reason in enumerate(reasons):
            self.reason[<int> code] = reason

    def __dealloc__(self):
        cdef int32_t i
        for i in range(self.n_rules):
            free(self.question[i].source)
        free(self.question)
        free(self.values)

    # Take a rule in; its levels go to the slot of the plan.
    cdef int add(self, CompiledRule rule, str label, int32_t slot) except -1:
        cdef int32_t new = self.n_rules + 1
        cdef int32_t i
        cdef tuple names = rule.columns + rule.frozen_columns
        cdef size_t size = len(names) + 1
        cdef Source* source = <Source*> calloc(size, sizeof(Source))
        if source == NULL:
            raise MemoryError(f"no memory for {len(names)} columns of a rule")
        try:
            for i in range(<int32_t> len(rule.columns)):
                self._find(&source[i], names[i])
            for i in range(<int32_t> len(rule.columns), <int32_t> len(names)):
                source[i] = Source(-1, -1, self.plan._input(names[i]))
            self._make_room(new, size)
        except BaseException:
            free(source)
            raise
        self.question[self.n_rules].rule = <PyObject*> rule
        self.question[self.n_rules].source = source
        self.question[self.n_rules].n_sources = <int32_t> len(names)
        self.question[self.n_rules].slot = slot
        self.rules.append((rule, label))
        self.n_rules = new
        return 0

    # Ask every rule of the position; returns how many were asked.
    cdef int64_t ask(
        self, const Position* position, const Settings* settings, bint opening, bint sees_bar,
        Verdict* verdict
    ) except -1 nogil:
        cdef RuleView view
        cdef RuleAnswer answer
        cdef const char* fault
        cdef const Question* question
        cdef int64_t asked = 0
        cdef int32_t asset = position.asset
        cdef int64_t row = self.cursor.row[asset] if sees_bar else self.cursor.row_before(asset)
        cdef int64_t t = self.cursor.t if sees_bar else self.cursor.t - 1
        cdef int32_t i
        self._look(&view, position, settings, opening, sees_bar)
        for i in range(self.n_rules):
            question = &self.question[i]
            if not self.plan.is_asked(asset, question.slot):
                continue
            self._read(question, asset, row, t)
            ask_nothing(&answer, self.plan.slot[question.slot].priority)
            (<CompiledRule> question.rule).decide(&view, self.values, &answer)
            fault = fault_of(&answer)
            if fault != NULL:
                return self._fail(i, &view, asset, fault)
            self._take(position, question.slot, &answer, verdict)
            asked += 1
        return asked

    # ---- inside ------------------------------------------------------------------------------

    # The moment as RiskContext has it: at an opening the bar is not known yet, unless sees_bar.
    cdef void _look(
        self, RuleView* view, const Position* position, const Settings* settings, bint opening,
        bint sees_bar
    ) noexcept nogil:
        cdef int64_t row = self.cursor.row[position.asset]
        view.timestamp_ns = self.cursor.now
        view.opening = opening
        view.entry_time_ns = position.entry_time
        view.bars_held = position.bars_held
        view.open = self.cursor.data.open_[row]
        view.high = self.cursor.data.high_[row] if sees_bar else NAN
        view.low = self.cursor.data.low_[row] if sees_bar else NAN
        view.close = self.cursor.data.close_[row] if sees_bar else NAN
        view.volume = _optional(self.cursor.data.volume_, row, sees_bar)
        view.bid = _optional(self.cursor.data.bid_, row, sees_bar)
        view.ask = _optional(self.cursor.data.ask_, row, sees_bar)
        view.position_quantity = position.quantity
        view.entry_price = position.entry_price
        view.level_price = (
            position.basis if settings.level_basis_signal_close else position.entry_price
        )
        view.water_mark = position.water
        view.best_price = position.best
        view.worst_price = position.worst
        view.split_ratio = position.split_ratio
        view.stop_loss_price = level_or_nan(position.levels.stop)
        view.take_profit_price = level_or_nan(position.levels.target)
        view.equity = self.portfolio.equity()
        view.cash = self.portfolio.cash
        view.gross = self.portfolio.gross()

    cdef void _read(
        self, const Question* question, int32_t asset, int64_t row, int64_t t
    ) noexcept nogil:
        cdef const Source* source
        cdef int32_t i
        for i in range(question.n_sources):
            source = &question.source[i]
            if source.feature >= 0:
                self.values[i] = self.plan.known.feature[source.feature][row] if row >= 0 else NAN
            elif source.context >= 0:
                self.values[i] = self.plan.known.context_[source.context][t] if t >= 0 else NAN
            else:
                self.values[i] = self.plan.frozen[
                    <int64_t> asset * self.plan.n_inputs + source.input
                ]

    cdef int _take(
        self, const Position* position, int32_t slot, const RuleAnswer* answer, Verdict* verdict
    ) except -1 nogil:
        if answer.exit_type != EXIT_NONE and verdict != NULL:
            self.plan.weigh(
                verdict, slot, answer.priority, <int8_t> answer.exit_type,
                self.reason[answer.exit_type],
            )
        if not isnan(answer.update_stop_loss):
            self.plan.say_stop(
                position, slot, answer.update_stop_loss, <int8_t> answer.stop_type,
                answer.priority, self.reason[answer.stop_type],
            )
        if not isnan(answer.update_take_profit):
            self.plan.say_target(
                position, slot, answer.update_take_profit, answer.priority,
                self.reason[<int> EXIT_TAKE_PROFIT],
            )
        return 0

    cdef int _fail(
        self, int32_t number, const RuleView* view, int32_t asset, const char* fault
    ) except -1 with gil:
        moment = "opening" if view.opening else "close"
        raise RuleError(
            f"rule {self.rules[number][1]} {fault.decode()} (asset "
            f"{self.cursor.data.assets[asset]!r}, {moment} of "
            f"{pd.Timestamp(view.timestamp_ns, tz='UTC')})"
        )

    cdef int _find(self, Source* source, str name) except -1:
        features = list(self.plan.known.features)
        context = list(self.plan.known.context)
        if name in features:
            source[0] = Source(<int32_t> features.index(name), -1, -1)
        elif name in context:
            source[0] = Source(-1, <int32_t> context.index(name), -1)
        else:
            raise ValueError(f"a rule reads {unknown_name(name, features + context)}")
        return 0

    def _make_room(self, int32_t rules, size_t columns):
        cdef void* moved = realloc(self.question, <size_t> rules * sizeof(Question))
        if moved == NULL:
            raise MemoryError(f"no memory for {rules} compiled rules")
        self.question = <Question*> moved
        for rule, _ in self.rules:
            columns = max(columns, <size_t> len(rule.columns) + <size_t> len(rule.frozen_columns))
        moved = realloc(self.values, columns * sizeof(double))
        if moved == NULL:
            raise MemoryError(f"no memory for {columns} columns")
        self.values = <double*> moved


cdef inline double _optional(const double* column, int64_t row, bint is_known) noexcept nogil:
    return column[row] if is_known and column != NULL else NAN
