"""Plain callables as rules."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from ml4t.backtest.risk.compiled_rule import CFuncRule
from ml4t.backtest.risk.decision import RiskDecision
from ml4t.backtest.risk.rule import InvalidRuleError, RiskRule, checked_priority

if TYPE_CHECKING:
    from ml4t.backtest.risk.context import RiskContext

__all__ = ["FunctionRule", "GivenRules", "RuleFunction", "as_rule", "each_rule"]


@runtime_checkable
class RuleFunction(Protocol):
    """A plain callable that serves as a rule."""

    def __call__(self, context: RiskContext, /) -> RiskDecision:
        """Return what to do with the position of `context`."""
        ...


GivenRules = RiskRule | RuleFunction | Iterable[RiskRule | RuleFunction]
"""One rule, or several."""


@dataclass(frozen=True, repr=False)
class FunctionRule(RiskRule):
    """A plain callable as a rule; made by :func:`as_rule`."""

    function: RuleFunction
    priority: int = 0
    name: str = ""

    def evaluate(self, context: RiskContext) -> RiskDecision:
        """Return what the function says."""
        return self.function(context)

    def __repr__(self) -> str:
        return f"as_rule({self.name})"


def as_rule(
    rule: RiskRule | RuleFunction, *, priority: int | None = None, name: str | None = None
) -> RiskRule:
    """Return `rule` as a :class:`RiskRule`.

    Parameters
    ----------
    rule : RiskRule or callable
        A callable takes a context and returns a :class:`RiskDecision`. A ``numba.cfunc`` of the signature
        of rules becomes a :class:`CFuncRule` that reads no columns.
    priority : int, optional
        Of a callable; 0 by default.
    name : str, optional
        Of a callable; its ``__name__`` by default.

    Raises
    ------
    InvalidRuleError
        If it is neither a rule nor a callable of one argument, or a class instead of an object of it,
        or a rule that already has a priority and a name is given another.
    """
    if isinstance(rule, RiskRule):
        if priority is not None or name is not None:
            raise InvalidRuleError(
                f"{rule!r} has its own priority and name: give them when it is made"
            )
        return rule
    if isinstance(rule, type) and issubclass(rule, RiskRule):
        raise InvalidRuleError(
            f"{rule.__name__} is a class, not a rule: write {rule.__name__}(...)"
        )
    if isinstance(getattr(rule, "address", None), int):
        return CFuncRule(rule, priority=priority or 0, name=name)
    if not callable(rule):
        raise InvalidRuleError(
            f"a rule is a RiskRule or a callable of one context, was {type(rule).__name__} {rule!r}"
        )
    label = _callable_name(rule) if name is None else name
    _check_takes_context(rule, label)
    return FunctionRule(rule, 0 if priority is None else checked_priority(label, priority), label)


def members_of(
    rule: RiskRule | RuleFunction, assets: str | Iterable[str] | None
) -> tuple[tuple[RiskRule, ...], tuple[str, ...] | None]:
    """Return the rules that are asked in the place of one, and the names of the assets they are for; None: all."""
    names = (assets,) if isinstance(assets, str) else assets
    return tuple(as_rule(rule).members), None if names is None else tuple(names)


def each_rule(given: GivenRules) -> tuple[RiskRule | RuleFunction, ...]:
    """Return what was given as rules, one or several, as a tuple; what is no rule is for others to say."""
    several: Any = given
    if type(several) in (list, tuple):  # nearly always: no other question is as quick
        return tuple(several)
    if isinstance(given, RiskRule | str) or callable(given) or not isinstance(given, Iterable):
        return (several,)
    return tuple(several)


def _callable_name(function: Any) -> str:
    function = getattr(function, "func", function)  # functools.partial
    return str(getattr(function, "__name__", type(function).__name__))


def _check_takes_context(function: RuleFunction, label: str) -> None:
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # compiled callables may not tell
        return
    try:
        signature.bind(None)
    except TypeError:
        raise InvalidRuleError(
            f"rule {label} must be callable with one argument, the context; its signature is {signature}"
        ) from None
