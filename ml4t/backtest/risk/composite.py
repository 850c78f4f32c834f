"""Rules made of rules: all of them, any of them, or only when they agree."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

from ml4t.backtest.risk.decision import RiskDecision, combine, exit_rank
from ml4t.backtest.risk.function_rule import GivenRules, as_rule, each_rule
from ml4t.backtest.risk.rule import InvalidRuleError, RiskRule, checked_priority, decision_of
from ml4t.backtest.risk.spec import RuleSpec

if TYPE_CHECKING:
    from ml4t.backtest.risk.context import RiskContext

__all__ = ["AllOf", "AnyOf", "CompositeRule"]


@dataclass(frozen=True, init=False, repr=False)
class _Group(RiskRule):
    """Rules asked together. An order has to pass the ``validate_order`` of each in turn."""

    rules: tuple[RiskRule, ...]
    priority: int = 0
    name: str = ""

    def __init__(self, rules: GivenRules, *, priority: int = 0, name: str = "") -> None:
        cls = type(self).__name__
        members = tuple(as_rule(rule) for rule in each_rule(rules))
        if not members:
            raise InvalidRuleError(f"{cls} needs at least one rule, had none")
        object.__setattr__(self, "rules", members)
        object.__setattr__(self, "priority", checked_priority(cls, priority))
        object.__setattr__(self, "name", name or cls)

    def _decisions(self, context: RiskContext) -> list[RiskDecision]:
        return [
            decision_of(rule, context).with_priority(rule.priority, keep=True)
            for rule in self.rules
        ]

    def validate_order(self, order: Any, context: RiskContext) -> Any:
        """Pass the order through every member; None as soon as one rejects it."""
        for rule in self.rules:
            if order is None:
                return None
            order = rule.validate_order(order, context)
        return order

    @property
    def frozen_columns(self) -> tuple[str, ...]:
        """Columns of all members, each once."""
        return tuple(dict.fromkeys(name for rule in self.rules for name in rule.frozen_columns))

    @property
    def live_columns(self) -> tuple[str, ...]:
        """Those of all members."""
        return tuple(dict.fromkeys(name for rule in self.rules for name in rule.live_columns))

    def __repr__(self) -> str:
        given = f"[{', '.join(map(repr, self.rules))}]"
        if self.priority:
            given += f", priority={self.priority}"
        if self.name != type(self).__name__:
            given += f", name={self.name!r}"
        return f"{type(self).__name__}({given})"


@final
class CompositeRule(_Group):
    """Several rules as one object: the same as adding each of them.

    Members keep their priorities, names and levels; the engine asks them one by one. :meth:`evaluate`
    shows their decisions merged.

    Parameters
    ----------
    rules : RiskRule or callable, or iterable of them
    name : str, optional

    Raises
    ------
    InvalidRuleError
        If there are no members, or one is not a rule.
    """

    def __init__(self, rules: GivenRules, *, name: str = "") -> None:
        super().__init__(rules, name=name)

    def evaluate(self, context: RiskContext) -> RiskDecision:
        """Merge the decisions of all members."""
        return RiskDecision.merge(self._decisions(context), side=context.side)

    def lower(self) -> tuple[RuleSpec, ...] | None:
        """Return the levels and exits of all members; None when one of them cannot be lowered."""
        specs: list[RuleSpec] = []
        for rule in self.rules:
            lowered = rule.lower()
            if lowered is None:
                return None
            specs.extend(lowered)
        return tuple(specs)

    @property
    def members(self) -> tuple[RiskRule, ...]:
        """The rules the engine asks in its place, those of nested composites among them."""
        return tuple(member for rule in self.rules for member in rule.members)


class AnyOf(_Group):
    """One rule that exits when any of its members says so.

    Unlike :class:`CompositeRule` it has one name, one priority, one stop and one target: the members'
    priorities decide among themselves who wins, the winner then competes with the priority of the whole.

    Parameters
    ----------
    rules : RiskRule or callable, or iterable of them
    priority : int, optional
    name : str, optional

    Raises
    ------
    InvalidRuleError
        If there are no members, or one is not a rule.

    Notes
    -----
    Levels are the tightest stop and the nearest target of the members that gave one this time. A member
    that gives its level only once loses it when another member moves: use :class:`CompositeRule` there.
    """

    def evaluate(self, context: RiskContext) -> RiskDecision:
        """Merge the decisions of all members under the priority of the whole."""
        return RiskDecision.merge(self._decisions(context), side=context.side).with_priority(None)


class AllOf(_Group):
    """One rule that exits only when all of its members say so at the same close.

    A level stands where all agree, too: only when every member gives a stop is there one, at the loosest
    of them, where the last member would leave; targets likewise, at the farthest.

    Parameters
    ----------
    rules : RiskRule or callable, or iterable of them
    priority : int, optional
    name : str, optional

    Raises
    ------
    InvalidRuleError
        If there are no members, or one is not a rule.

    Notes
    -----
    A protective stop does not belong here: a member without a stop means no stop at all. Add it as a rule
    of its own. The exit has the type and reason that win among the members.
    """

    def evaluate(self, context: RiskContext) -> RiskDecision:
        """Return what all members agree on."""
        decisions, side = self._decisions(context), context.side
        exits = _agreed(decisions, lambda part: part.should_exit)
        stops = _agreed(decisions, lambda part: part.update_stop_loss is not None)
        targets = _agreed(decisions, lambda part: part.update_take_profit is not None)
        return combine(
            min(exits, key=exit_rank, default=None),
            min(stops, key=lambda part: side * (part.update_stop_loss or 0.0), default=None),
            max(targets, key=lambda part: side * (part.update_take_profit or 0.0), default=None),
        ).with_priority(None)


def _agreed(
    decisions: Sequence[RiskDecision], is_such: Callable[[RiskDecision], bool]
) -> list[RiskDecision]:
    # One part of each decision; none at all unless every decision has one.
    found = [next(filter(is_such, decision.elementary()), None) for decision in decisions]
    return [] if None in found else [part for part in found if part is not None]
