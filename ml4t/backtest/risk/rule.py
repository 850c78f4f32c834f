"""RiskRule: the base class of rules."""

from __future__ import annotations

import operator
from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ml4t.backtest.core.copies import named_state
from ml4t.backtest.risk.decision import InvalidDecisionError, RiskDecision
from ml4t.backtest.risk.spec import Merged, RuleSpec

if TYPE_CHECKING:
    from ml4t.backtest.risk.context import RiskContext
    from ml4t.backtest.risk.limits.limit_spec import LimitSpec
    from ml4t.backtest.risk.lowered_rule import LoweredRule

__all__ = [
    "InvalidRuleError",
    "ReusedRuleWarning",
    "RiskRule",
    "RuleError",
    "labels",
]


class InvalidRuleError(ValueError):
    """Something that cannot be a rule, or a parameter out of its range."""


class RuleError(RuntimeError):
    """A rule raised, or answered with something that is no decision; names rule, asset and time."""

    partial_result: Any


class ReusedRuleWarning(UserWarning):
    """A rule object is run again and starts with what its last run left in its attributes."""


class RiskRule(ABC):
    """What may happen to a position, decided from its context alone.

    A rule is asked when a position opens (for levels only) and at every close while it is held. One rule
    object serves every asset, position and run: it keeps nothing between two questions. What has to be
    remembered (the water mark, bars held, frozen inputs) is the position's and stands in the context.

    A rule answers: orders it makes, and rules it adds or removes while it is asked, are refused with a
    :class:`RuleError`.

    Attributes
    ----------
    priority : int
        Among conflicting decisions the highest wins.
    name : str
        Stands on the fills and trades the rule causes; the name of the class unless given.
    """

    priority: int = 0
    name: str = "RiskRule"
    # Whether one of its columns may be the name of an indicator; asked at each run, of compiled rules always.
    _may_compute = True
    # Where a rule that never changes keeps what the engine has asked of it; others are asked at each run.
    _lowered_rule: LoweredRule | None = None

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "name" not in vars(cls):
            cls.name = cls.__name__

    @abstractmethod
    def evaluate(self, context: RiskContext) -> RiskDecision:
        """Return what to do with the position of `context`."""

    def validate_order(self, order: Any, context: RiskContext) -> Any:
        """Return `order`, a changed copy of it, or None to reject it. By default it passes."""
        return order

    @property
    def looks_at_orders(self) -> bool:
        """Whether orders are passed through :meth:`validate_order`: where a class has its own."""
        return type(self).validate_order is not RiskRule.validate_order

    def lower(self) -> tuple[RuleSpec, ...] | None:
        """Return the rule as levels and exits the engine evaluates in C; None when it cannot be."""
        return None

    def lower_merged(self) -> Merged | None:
        """Return the members whose answers the engine merges in C into one; None of any rule but a group."""
        return None

    @property
    def frozen_columns(self) -> tuple[str, ...]:
        """Columns read once per position, when it opens: ``context.frozen(column)``."""
        return ()

    @property
    def live_columns(self) -> tuple[str, ...]:
        """Columns read anew at every close: ``context.live(column)``."""
        return ()

    @property
    def limit_spec(self) -> LimitSpec | None:
        """What a limit of the portfolio tells the engine; None for a rule on positions."""
        return None

    @property
    def needs_calendar(self) -> bool:
        """Whether the rule asks for the end of the session: a run needs a calendar then."""
        return False

    @property
    def members(self) -> tuple[RiskRule, ...]:
        """The rules the engine asks in its place: itself, but for a :class:`CompositeRule`."""
        return (self,)

    def __getstate__(self) -> Any:
        return named_state(self)

    def __repr__(self) -> str:
        return f"{self.name}()"


def checked_priority(rule: str, value: Any) -> int:
    """Return `value` as an int; `rule` names the rule in the error."""
    try:
        return operator.index(value)
    except TypeError:
        raise InvalidRuleError(f"{rule}: priority must be a whole number, was {value!r}") from None


def decision_of(rule: RiskRule, context: RiskContext) -> RiskDecision:
    """Ask `rule`, and check that it answers with a decision.

    Raises
    ------
    InvalidDecisionError
        If it returns anything but a :class:`RiskDecision`.
    """
    decision: Any = rule.evaluate(context)
    if not isinstance(decision, RiskDecision):
        hint = "; return RiskDecision.no_action() to do nothing" if decision is None else ""
        raise InvalidDecisionError(
            f"rule {rule.name} must return a RiskDecision, returned {type(decision).__name__}{hint}"
        )
    return decision


def labels(rules: Iterable[RiskRule]) -> tuple[str, ...]:
    """Return a distinct label for each rule: its name, with ``#2``, ``#3`` where names repeat."""
    taken: dict[str, None] = {}
    for rule in rules:
        label, count = rule.name, 1
        while label in taken:
            count += 1
            label = f"{rule.name}#{count}"
        taken[label] = None
    return tuple(taken)
