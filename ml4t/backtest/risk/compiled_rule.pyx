"""CompiledRule: the base of rules that are C, and CFuncRule, a C function as a rule."""

from libc.math cimport INFINITY, NAN, isnan
from libc.stdint cimport INT64_MIN, SIZE_MAX, int32_t, int64_t, uintptr_t

import numpy as np

from ml4t.backtest.core.types cimport EXIT_NONE, EXIT_OTHER, EXIT_STOP_LOSS, EXIT_TRAILING_STOP
from ml4t.backtest.risk.context cimport RiskContext
from ml4t.backtest.risk.rule_view cimport RuleAnswer, RuleView

from ml4t.backtest.core.copies import reduced
from ml4t.backtest.risk.copied_rules import found, how_made, place_of
from ml4t.backtest.risk.decision import ExitType, InvalidDecisionError, RiskDecision
from ml4t.backtest.risk.rule import InvalidRuleError, RiskRule, checked_priority

# What a rule answers that was never given its C function.
cdef int64_t NO_FUNCTION = INT64_MIN
# And one that raised an exception, which cannot leave C.
cdef int64_t RAISED = INT64_MIN + 1
# No function lies in the first page of memory.
cdef int LEAST_ADDRESS = 4096

cdef const char* WROTE_BEYOND = b"wrote beyond the columns it named, which are not its own to change"


cdef class CompiledRule:
    """CompiledRule(*, columns=(), frozen_columns=(), priority=0, name=None)\n--\n
    A rule asked in C: a Cython subclass overrides ``decide`` (see ``compiled_rule.pxd``).

    Parameters
    ----------
    columns : sequence of str, optional
        Signals, features or context that ``decide`` reads, as known at each question.
    frozen_columns : sequence of str, optional
        Columns read once per position, when it opens.
    priority : int, default 0
    name : str, optional
        The name of the class by default.

    Notes
    -----
    ``decide`` runs without the GIL, from any thread: one object serves every asset, position and run,
    so it may read its own fields and must not write them.
    """

    def __cinit__(self, *arguments, **options):
        self.name = type(self).__name__
        self.columns = ()
        self.frozen_columns = ()

    def __init__(self, *, columns=(), frozen_columns=(), priority=0, name=None):
        if name is not None:
            self.name = name
        self.priority = checked_priority(self.name, priority)
        self.columns = _names(self.name, "columns", columns)
        self.frozen_columns = _names(self.name, "frozen_columns", frozen_columns)

    cdef void decide(
        self, const RuleView* view, const double* columns, RuleAnswer* answer
    ) noexcept nogil:
        pass

    def evaluate(self, RiskContext context not None):
        """Ask ``decide`` from Python; the answer is the same.

        Raises
        ------
        InvalidDecisionError
            If the answer cannot be: a level that is not positive and finite, an unknown type; or if
            ``decide`` wrote beyond the columns it was given.
        KeyError
            If the context has no column of a name the rule reads.
        """
        cdef RuleAnswer answer
        cdef double[::1] values = self._guarded_values(context)
        cdef int32_t n_columns = <int32_t> (values.shape[0] - 2 * N_GUARDS)
        cdef double* columns = &values[0] + <int> N_GUARDS
        cdef const char* fault
        ask_nothing(&answer, self.priority)
        self.decide(&context.view, columns, &answer)
        fault = fault_of(&answer) if guards_hold(columns, n_columns) else WROTE_BEYOND
        if fault != NULL:
            raise InvalidDecisionError(f"rule {self.name} {fault.decode()}")
        return _decision_of(&answer, context.side)

    validate_order = RiskRule.validate_order
    looks_at_orders = RiskRule.looks_at_orders

    def lower(self):
        """Return None: it is no formula of the engine's, but asked each time."""
        return None

    def lower_merged(self):
        """Return None: it is no group."""
        return None

    @property
    def live_columns(self):
        """None beside ``columns``, which are read at every question."""
        return ()

    @property
    def limit_spec(self):
        """None: it is a rule on positions."""
        return None

    @property
    def needs_calendar(self):
        """False: C functions are not told of sessions."""
        return False

    @property
    def members(self):
        """The rules the engine asks in its place: itself."""
        return (self,)

    cdef double[::1] _guarded_values(self, RiskContext context):
        values = [_column(context, name) for name in self.columns]
        values += [context.frozen(name) for name in self.frozen_columns]
        guards = [GUARD] * <int> N_GUARDS
        return np.array([*guards, *values, *guards])

    def __reduce__(self):
        """Its class, what it was made with, and its attributes."""
        return reduced(self, (CompiledRule,), _rule_anew, _options(self))

    # A rule is immutable: it is its own copy.
    def __copy__(self):
        return self

    def __deepcopy__(self, memo):
        return self

    def __repr__(self):
        return f"{self.name}()"


RiskRule.register(CompiledRule)


cdef class CFuncRule(CompiledRule):
    """CFuncRule(cfunc, *, columns=(), frozen_columns=(), priority=0, name=None)\n--\n
    A C function as a rule: a ``numba.cfunc``, or anything with such an ``address``.

    Parameters
    ----------
    cfunc : object with an integer ``address``
        Of a function ``void (const RuleView*, const double* columns, RuleAnswer*)``. It must not need the
        GIL.
    columns, frozen_columns, priority, name
        As for :class:`CompiledRule`; the name is the function's by default.

    Raises
    ------
    InvalidRuleError
        If it has no address, or a numba function has another signature.
    """

    def __cinit__(self, *arguments, **options):
        self.function = _answer_no_function

    def __init__(self, cfunc, *, columns=(), frozen_columns=(), priority=0, name=None):
        address = getattr(cfunc, "address", None)
        if not isinstance(address, int) or not LEAST_ADDRESS <= address <= SIZE_MAX:
            raise InvalidRuleError(f"a C function has an integer address, {cfunc!r} has none")
        if name is None:
            name = getattr(cfunc, "__name__", None) or type(self).__name__
        super().__init__(
            columns=columns, frozen_columns=frozen_columns, priority=priority, name=name
        )
        _check_signature(name, cfunc)
        self.cfunc = cfunc
        self.function = <rule_function> <uintptr_t> address

    cdef void decide(
        self, const RuleView* view, const double* columns, RuleAnswer* answer
    ) noexcept nogil:
        self.function(view, columns, answer)

    def __reduce__(self):
        """The name of its C function in a module: an address is one of this process."""
        module, name, there = place_of(self)
        if there is self:
            return found, (module, name)
        if there is self.cfunc:
            return reduced(self, (CFuncRule,), _cfunc_rule_anew, _options(self), module, name)
        make, source = how_made(self.cfunc)
        return make, (_options(self), source)


cdef void _answer_no_function(
    const RuleView* view, const double* columns, RuleAnswer* answer
) noexcept nogil:
    answer.exit_type = NO_FUNCTION


def exception_code():
    """Return what a C function puts into ``exit_type`` to say that it raised an exception."""
    return RAISED


cdef void ask_nothing(RuleAnswer* answer, int64_t priority) noexcept nogil:
    answer.exit_type = EXIT_NONE
    answer.stop_type = EXIT_STOP_LOSS
    answer.priority = priority
    answer.update_stop_loss = NAN
    answer.update_take_profit = NAN


cdef const char* fault_of(const RuleAnswer* answer) noexcept nogil:
    if answer.exit_type == NO_FUNCTION:
        return b"has no C function: its class must call super().__init__(cfunc)"
    if answer.exit_type == RAISED:
        return b"raised an exception: perhaps it reads beyond the columns it named"
    if not (EXIT_NONE <= answer.exit_type and answer.exit_type <= EXIT_OTHER):
        return b"answered with an exit_type that is none: use the codes of ExitType"
    if answer.stop_type != EXIT_STOP_LOSS and answer.stop_type != EXIT_TRAILING_STOP:
        return b"answered with a stop_type that is neither stop_loss nor trailing_stop"
    if not _is_price(answer.update_stop_loss):
        return b"answered with a stop that is not positive and finite"
    if not _is_price(answer.update_take_profit):
        return b"answered with a target that is not positive and finite"
    return NULL


cdef inline bint _is_price(double level) noexcept nogil:
    return isnan(level) or (level > 0.0 and level < INFINITY)


cdef object _decision_of(const RuleAnswer* answer, int side):
    parts = []
    if answer.exit_type != EXIT_NONE:
        parts.append(
            RiskDecision.exit_now(ExitType.from_code(answer.exit_type), priority=answer.priority)
        )
    if not isnan(answer.update_stop_loss):
        parts.append(
            RiskDecision.update_stops(
                stop_loss=answer.update_stop_loss, exit_type=ExitType.from_code(answer.stop_type),
                priority=answer.priority,
            )
        )
    if not isnan(answer.update_take_profit):
        parts.append(
            RiskDecision.update_stops(
                take_profit=answer.update_take_profit, priority=answer.priority
            )
        )
    return RiskDecision.merge(parts, side=side)


def _column(RiskContext context, str name):
    features = context.features
    return features[name] if name in features else context.market_features[name]


# A rule whose compiled base is made with these options; the __init__ of its class is not called.
def _rule_anew(kind, options):
    rule = kind.__new__(kind)
    CompiledRule.__init__(rule, **options)
    return rule


def _cfunc_rule_anew(kind, options, module, name):
    rule = kind.__new__(kind)
    CFuncRule.__init__(rule, found(module, name), **options)
    return rule


def _options(CompiledRule rule not None):
    return {
        "columns": rule.columns, "frozen_columns": rule.frozen_columns, "priority": rule.priority,
        "name": rule.name,
    }


def _names(rule, argument, columns):
    names = tuple(columns)
    if isinstance(columns, str) or not all([isinstance(name, str) for name in names]):
        raise InvalidRuleError(f"{rule}: {argument} must be a sequence of names, was {columns!r}")
    return names


def _check_signature(rule, cfunc):
    # A wrong pointer type would be read all the same, and crash: numba's functions can be asked.
    signature = getattr(cfunc, "_sig", None)
    if signature is None:
        return
    from ml4t.backtest.risk.numba_signature import rule_signature

    if signature != rule_signature():
        raise InvalidRuleError(
            f"{rule}: a cfunc rule is compiled with numba.cfunc(rule_signature()), was {signature}"
        )
