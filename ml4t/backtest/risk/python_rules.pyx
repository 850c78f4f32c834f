"""PythonRules: the rules of a run that are asked in Python, by their ``evaluate``."""

cimport cython
from libc.stdint cimport int32_t, int64_t

from ml4t.backtest.core.reasons cimport Reasons
from ml4t.backtest.portfolio.position cimport Position
from ml4t.backtest.risk.context cimport RiskContext
from ml4t.backtest.risk.contexts cimport Contexts
from ml4t.backtest.risk.rule_list cimport RuleEntry
from ml4t.backtest.risk.rule_plan cimport RulePlan
from ml4t.backtest.risk.verdict cimport Compared, Verdict, nothing_compared, weigh

from ml4t.backtest.core.meant_names import attribute_meant
from ml4t.backtest.risk.decision import RiskDecision
from ml4t.backtest.risk.function_rule import FunctionRule
from ml4t.backtest.risk.parameters import number_or_nan
from ml4t.backtest.risk.rule import RuleError

cdef object _NO_ACTION = RiskDecision.no_action()


@cython.final
cdef class PythonRules:
    """The Python rules of one run.

    Parameters
    ----------
    plan : RulePlan
        Where their levels are kept, and compete with those of other rules.
    contexts : Contexts
    reasons : Reasons
    """

    def __cinit__(
        self, RulePlan plan not None, Contexts contexts not None, Reasons reasons not None
    ):
        self.plan = plan
        self.contexts = contexts
        self.reasons = reasons
        self.asked = []

    cdef int add(self, RuleEntry entry, int32_t slot) except -1:
        self.asked += [None] * (slot + 1 - len(self.asked))
        self.asked[slot] = (_question_of(entry.rule), entry)
        self.n_rules += 1
        return 0

    cdef int remove(self, int32_t slot) except -1:
        if self._at(slot) is not None:
            self.asked[slot] = None
            self.n_rules -= 1
        return 0

    # One context, every rule: collect levels into the plan and, at a close, the exit that wins.
    cdef int ask(
        self, const Position* position, bint opening, bint sees_bar, Verdict* verdict
    ) except -1:
        cdef RiskContext context = None
        cdef int32_t place = 0
        cdef int32_t slot = self.plan.next_answered(position.asset, -1, &place)
        while slot >= 0:
            found = self._at(slot)
            if found is not None:
                if context is None:
                    context = self.contexts.new(position, opening, sees_bar)
                self.n_asked += 1
                decision = _answer(<tuple> found, context)
                if decision is not _NO_ACTION:
                    self._take(
                        position, <RuleEntry> (<tuple> found)[1], slot, decision, context, verdict
                    )
            slot = self.plan.next_answered(position.asset, slot, &place)
        return 0

    # Where a target of an answer is written down: those of a scaled exit have a place each.
    cdef int32_t _place_of(self, RuleEntry entry, int32_t slot, object about) except -1:
        place = about.get(RiskDecision.TARGET)
        return entry.slots[place] if isinstance(place, int) and 0 <= place < len(entry.slots) else slot

    cdef int _take(
        self, const Position* position, RuleEntry entry, int32_t slot, object decision,
        RiskContext context, Verdict* verdict
    ) except -1:
        cdef int64_t priority
        check_decision(entry, context, decision)
        for part in decision.elementary():
            priority = entry.rule.priority if part.priority is None else part.priority
            if part.should_exit and verdict != NULL:
                weigh(
                    verdict, slot, priority, part.exit_type.code,
                    self.reasons.code(part.reason or part.exit_type.value), _compared(part.metadata),
                )
            if part.update_stop_loss is not None:
                self.plan.say_stop(
                    position, slot, part.update_stop_loss, part.stop_type.code, priority,
                    self.reasons.code(part.reason or part.stop_type.value), part.only_tighten,
                )
            if part.update_take_profit is not None:
                self.plan.say_target(
                    position, self._place_of(entry, slot, part.metadata), part.update_take_profit, priority,
                    self.reasons.code(part.reason or "take_profit"),
                )
        return 0


# The numbers that an exit was decided on, where it says them.
cdef Compared _compared(object about) except *:
    cdef Compared compared = nothing_compared()
    said = about.get(RiskDecision.COMPARED)
    if isinstance(said, (tuple, list)) and len(said) == 2:
        compared.number, compared.bound = map(number_or_nan, said)
    return compared


# A function of its own: what an exception needs to be kept apart is then no part of the loop.
cdef object _answer(tuple asked, RiskContext context):
    try:
        return asked[0](context)
    except Exception as error:
        raise rule_error(
            <RuleEntry> asked[1], context,
            f"raised {type(error).__name__}: {error}{_meant(error, context)}",
        ) from error


def check_decision(RuleEntry entry not None, RiskContext context not None, decision):
    """Refuse what is no decision.

    Raises
    ------
    RuleError
        Naming rule, asset and time.
    """
    if not isinstance(decision, RiskDecision):
        raise rule_error(
            entry, context, f"must return a RiskDecision, returned {type(decision).__name__}"
        )


def rule_error(RuleEntry entry not None, RiskContext context not None, str what):
    """Return the error of a rule that raised or answered wrongly: names rule, asset and time."""
    moment = "opening" if context.opening else "close"
    return RuleError(
        f"rule {entry.label} {what} (asset {context.asset_id!r}, {moment} of {context.timestamp})"
    )


# The names of columns are looked at only where they may be meant: a provider may be asked for them.
def _meant(error, RiskContext context):
    if not isinstance(error, AttributeError):
        return ""
    columns = ()
    if isinstance(error.obj, RiskContext):
        columns = (*context.features, *context.market_features)
    return attribute_meant(error, columns)


# What is called with a context: of a plain function the function itself, without the method around it.
def _question_of(rule):
    return rule.function if type(rule) is FunctionRule else rule.evaluate
