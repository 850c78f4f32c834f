"""CompiledRules: the compiled rules of a run, asked without the GIL; the twin of PythonRules."""

cimport cython
from cpython.object cimport PyObject
from libc.math cimport NAN, isnan
from libc.stdint cimport int8_t, int32_t, int64_t
from libc.stdlib cimport calloc, free, realloc

import pandas as pd

from ml4t.backtest.core.build cimport CHECKED
from ml4t.backtest.core.guards cimport guard
from ml4t.backtest.core.reasons cimport Reasons
from ml4t.backtest.core.settings cimport Settings
from ml4t.backtest.core.types cimport EXIT_NONE, EXIT_TAKE_PROFIT
from ml4t.backtest.portfolio.account cimport Account
from ml4t.backtest.portfolio.position cimport Position
from ml4t.backtest.risk.compiled_rule cimport (
    N_GUARDS, WROTE_BEYOND, CompiledRule, ask_nothing, fault_of, guards_hold, set_guards,
)
from ml4t.backtest.risk.rule_plan cimport RulePlan
from ml4t.backtest.risk.rule_view cimport RuleAnswer, RuleView, look
from ml4t.backtest.risk.verdict cimport Verdict, nothing_compared, weigh

from ml4t.backtest.market.column_names import unknown_name
from ml4t.backtest.risk.decision import ExitType
from ml4t.backtest.risk.rule import RuleError

# Read off once: an enumeration takes its time, and each run is told.
_EXIT_TYPES = [(kind.code, kind.value) for kind in ExitType]


@cython.final
cdef class CompiledRules:
    """The compiled rules of one run.

    Parameters
    ----------
    account : Account
    plan : RulePlan
        Where their levels are kept, and compete with those of other rules.
    reasons : Reasons
        They answer with types only, so the names of the types are their reasons.
    """

    def __cinit__(self, Account account not None, RulePlan plan not None, Reasons reasons not None):
        self.cursor = plan.inputs.cursor
        self.account = account
        self.plan = plan
        self.rules = []
        for code, name in _EXIT_TYPES:
            self.reason[<int> code] = reasons.code(name)

    def __dealloc__(self):
        cdef int32_t i
        for i in range(self.n_rules):
            free(self.question[i].source)
        free(self.question)
        free(self._memory)

    # Take a rule in; returns the number of its question.
    cdef int32_t add(self, CompiledRule rule, str label) except -1:
        cdef int32_t number = self.n_rules
        cdef int32_t i
        cdef tuple columns = rule.columns
        cdef tuple frozen = rule.frozen_columns
        cdef size_t size = len(columns) + len(frozen)
        cdef Source* source
        self._grow(size)
        source = <Source*> calloc(size + 1, sizeof(Source))
        if source == NULL:
            raise MemoryError(f"no memory for {size} columns of a rule")
        try:
            for i in range(<int32_t> len(columns)):
                source[i] = self._find(columns[i])
            for i in range(<int32_t> len(frozen)):
                source[<int32_t> len(columns) + i] = Source(
                    -1, -1, self.plan.inputs.number_of(frozen[i])
                )
        except BaseException:
            free(source)
            raise
        self.question[number].rule = <PyObject*> rule
        self.question[number].source = source
        self.question[number].n_sources = <int32_t> size
        self.rules.append((rule, label))
        self.n_rules = number + 1
        return number

    # Ask every rule of the position.
    cdef int ask(
        self, const Position* position, const Settings* settings, bint opening, bint sees_bar,
        Verdict* verdict
    ) except -1 nogil:
        cdef RuleView view
        cdef RuleAnswer answer
        cdef const char* fault
        cdef const Question* question
        cdef int32_t asset = position.asset
        cdef int64_t row = self.cursor.row[asset] if sees_bar else self.cursor.row_before(asset)
        cdef int64_t t = self.cursor.t if sees_bar else self.cursor.t - 1
        cdef int32_t number
        cdef int32_t place = 0
        cdef int32_t slot = self.plan.next_answered(asset, -1, &place)
        if slot >= 0:
            look(&view, position, self.cursor, self.account, settings, opening, sees_bar)
        while slot >= 0:
            number = self.plan.slot[slot].question
            if number >= 0:
                question = &self.question[number]
                self._read(question, asset, row, t)
                ask_nothing(&answer, self.plan.slot[slot].priority)
                (<CompiledRule> question.rule).decide(&view, self.values, &answer)
                self.n_asked += 1
                fault = fault_of(&answer)
                if not guards_hold(self.values, question.n_sources):
                    fault = WROTE_BEYOND
                if fault != NULL:
                    return self._fail(number, &view, asset, fault)
                self._take(position, slot, &answer, verdict)
            slot = self.plan.next_answered(asset, slot, &place)
        return 0

    # ---- inside ------------------------------------------------------------------------------

    cdef void _read(
        self, const Question* question, int32_t asset, int64_t row, int64_t t
    ) noexcept nogil:
        cdef const Source* source
        cdef int32_t i
        if CHECKED:
            guard(
                row < self.plan.inputs.data.n_rows and t < self.plan.inputs.data.n_times,
                b"a compiled rule reads past its data",
            )
        for i in range(question.n_sources):
            source = &question.source[i]
            if CHECKED:
                guard(
                    source.feature < self.plan.inputs.data.n_features
                    and source.context < self.plan.inputs.data.n_context
                    and source.input < self.plan.inputs.n,
                    b"a compiled rule reads a column that its data have not",
                )
            if source.feature >= 0:
                self.values[i] = (
                    self.plan.inputs.data.feature[source.feature][row] if row >= 0 else NAN
                )
            elif source.context >= 0:
                self.values[i] = (
                    self.plan.inputs.data.context_[source.context][t] if t >= 0 else NAN
                )
            else:
                self.values[i] = self.plan.inputs.input[source.input].value[asset]
        set_guards(self.values, question.n_sources)

    cdef int _take(
        self, const Position* position, int32_t slot, const RuleAnswer* answer, Verdict* verdict
    ) except -1 nogil:
        if answer.exit_type != EXIT_NONE and verdict != NULL:
            weigh(
                verdict, slot, answer.priority, <int8_t> answer.exit_type,
                self.reason[answer.exit_type], nothing_compared(),
            )
        if not isnan(answer.update_stop_loss):
            self.plan.say_stop(
                position, slot, answer.update_stop_loss, <int8_t> answer.stop_type,
                answer.priority, self.reason[answer.stop_type], False,
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

    cdef Source _find(self, str name) except *:
        cdef dict features = self.plan.inputs._feature_column
        cdef dict context = self.plan.inputs._context_column
        if name in features:
            return Source(<int32_t> features[name], -1, -1)
        if name in context:
            return Source(-1, <int32_t> context[name], -1)
        raise ValueError(f"a rule reads {unknown_name(name, [*features, *context])}")

    # Room for one more question, and for the columns of any.
    cdef int _grow(self, size_t n_columns) except -1:
        cdef int32_t capacity
        cdef void* moved
        if self.n_rules == self._capacity:
            capacity = 4 + 2 * self._capacity
            moved = realloc(self.question, <size_t> capacity * sizeof(Question))
            if moved == NULL:
                raise MemoryError(f"no memory for {capacity} compiled rules")
            self.question = <Question*> moved
            self._capacity = capacity
        if self._memory == NULL or n_columns > self._n_values:
            moved = realloc(self._memory, (n_columns + 2 * <size_t> N_GUARDS) * sizeof(double))
            if moved == NULL:
                raise MemoryError(f"no memory for {n_columns} columns")
            self._memory = <double*> moved
            self.values = self._memory + <int> N_GUARDS
            self._n_values = n_columns
        return 0
