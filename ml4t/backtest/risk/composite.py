"""Rules made of rules: all of them, any of them, or only when they agree."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, final

from ml4t.backtest.risk.decision import ExitType, RiskDecision, combine, exit_rank
from ml4t.backtest.risk.function_rule import GivenRules, as_rule, each_rule
from ml4t.backtest.risk.rule import InvalidRuleError, RiskRule, checked_priority, decision_of
from ml4t.backtest.risk.spec import Form, Merged, RuleSpec

if TYPE_CHECKING:
    from ml4t.backtest.risk.context import RiskContext

__all__ = ["AllOf", "AnyOf", "CompositeRule"]

_STOPS = (ExitType.STOP_LOSS, ExitType.TRAILING_STOP)
_EXITS = (Form.BARS, Form.SIGNAL)


@dataclass(frozen=True, init=False, repr=False)
class _Group(RiskRule):
    """Rules asked together. An order has to pass the ``validate_order`` of each in turn."""

    asks_in_python: ClassVar[bool] = False

    rules: tuple[RiskRule, ...]
    priority: int = 0
    name: str = ""

    def __init__(self, rules: GivenRules, *, priority: int = 0, name: str = "") -> None:
        cls = type(self).__name__
        members = tuple(as_rule(rule) for rule in each_rule(rules))
        if not members:
            raise InvalidRuleError(f"{cls} needs at least one rule, had none")
        for member in members:
            if member.limit_spec is not None:
                raise InvalidRuleError(
                    f"{cls}: {member.name} is a limit of the portfolio and no member; add it beside {cls}"
                )
        if self.asks_in_python:
            _refuse_what_is_kept(cls, members)
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
    def looks_at_orders(self) -> bool:
        """Whether one of the members does."""
        own = type(self).validate_order is not _Group.validate_order
        return own or any(rule.looks_at_orders for rule in self.rules)

    @property
    def frozen_columns(self) -> tuple[str, ...]:
        """Columns of all members, each once."""
        return tuple(dict.fromkeys(name for rule in self.rules for name in rule.frozen_columns))

    @property
    def live_columns(self) -> tuple[str, ...]:
        """Those of all members."""
        return tuple(dict.fromkeys(name for rule in self.rules for name in rule.live_columns))

    @property
    def needs_calendar(self) -> bool:
        """Whether any member does."""
        return any(rule.needs_calendar for rule in self.rules)

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

    Built-in members are evaluated in C: as fast as they are alone where one of them at most has a stop and one a
    target, both by numbers; else merged at every close. With a member in Python, or an :class:`AllOf`, the group is
    asked in Python.
    """

    asks_in_python = True

    def evaluate(self, context: RiskContext) -> RiskDecision:
        """Merge the decisions of all members under the priority of the whole."""
        return RiskDecision.merge(self._decisions(context), side=context.side).with_priority(None)

    def lower(self) -> tuple[RuleSpec, ...] | None:
        """Return the levels and exits of all members, where none of them has to be merged; else None."""
        leaves = None if _says_otherwise(self, AnyOf) else _leaves(self.rules)
        if leaves is None or not _stand_beside(leaves):
            return None
        return tuple(replace(spec, priority=self.priority) for leaf in leaves for spec in leaf)

    def lower_merged(self) -> Merged | None:
        """Return the members as one, where all of them are lowered; else None."""
        leaves = None if _says_otherwise(self, AnyOf) else _leaves(self.rules)
        return (
            None if leaves is None else Merged((tuple(spec for leaf in leaves for spec in leaf),))
        )


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
    of its own. The exit has the type and reason that win among the members. Built-in members are evaluated in C at
    every close; with one in Python, or an :class:`AllOf` in it, the group is asked in Python.
    """

    asks_in_python = True

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

    def lower_merged(self) -> Merged | None:
        """Return the members one by one, where all of them are lowered; else None."""
        members = [] if _says_otherwise(self, AllOf) else [_leaves([rule]) for rule in self.rules]
        if not members or None in members:
            return None
        specs = tuple(tuple(spec for leaf in leaves or () for spec in leaf) for leaves in members)
        return Merged(specs, needs_all=True)


def _says_otherwise(rule: RiskRule, group: type[RiskRule]) -> bool:
    """Return whether a subclass answers in its own way."""
    return type(rule).evaluate is not group.evaluate


def _leaves(rules: Sequence[RiskRule]) -> list[tuple[RuleSpec, ...]] | None:
    """Return what each rule is lowered to, those of groups one by one, with the priorities they compete by.

    None where one of them cannot be.
    """
    found: list[tuple[RuleSpec, ...]] = []
    for rule in rules:
        if isinstance(rule, CompositeRule | AnyOf):
            inner = None if _asks_itself(rule) else _leaves(rule.rules)
            if inner is None:
                return None
            if isinstance(rule, AnyOf):
                # Its members have settled it among themselves: of one priority they may as well all compete.
                if len({spec.priority for leaf in inner for spec in leaf}) > 1:
                    return None
                inner = [
                    tuple(replace(spec, priority=rule.priority) for spec in leaf) for leaf in inner
                ]
            found += inner
        else:
            lowered = rule.lower()
            if lowered is None:
                return None
            found.append(lowered)
    return found


def _asks_itself(rule: CompositeRule | AnyOf) -> bool:
    return isinstance(rule, AnyOf) and _says_otherwise(rule, AnyOf)


def _stand_beside(leaves: Sequence[tuple[RuleSpec, ...]]) -> bool:
    """Return whether each may say its own: one stop, one target, exits of one priority, by numbers.

    What is out of the range of a column is told of each rule, not of a group; and a group asks for a target by the
    risk together with the stops.
    """
    specs = [spec for leaf in leaves for spec in leaf]
    by_column = [spec for spec in specs if spec.columns]
    n_stops = sum(any(spec.kind in _STOPS for spec in leaf) for leaf in leaves)
    n_targets = sum(spec.kind is ExitType.TAKE_PROFIT for spec in specs)
    priorities = {spec.priority for spec in specs if spec.form in _EXITS}
    if max(n_stops, n_targets, len(priorities), len(by_column)) > 1:
        return False
    return all(spec.form is Form.SIGNAL for spec in by_column) and all(
        spec.form is not Form.RISK for spec in specs
    )


def _refuse_what_is_kept(group: str, members: Sequence[RiskRule]) -> None:
    for rule in members:
        specs = rule.lower() or ()
        if any(spec.part > 0.0 for spec in specs):
            raise InvalidRuleError(
                f"{group}: {rule.name} leaves in parts, and {group} all at once; add it beside the {group}"
            )
        if any(spec.regime is not None for spec in specs):
            raise InvalidRuleError(
                f"{group}: {rule.name} keeps the regime of a position in the engine, and cannot be asked here; add it "
                f"beside the {group}, or read the column in a rule of your own"
            )


def _agreed(
    decisions: Sequence[RiskDecision], is_such: Callable[[RiskDecision], bool]
) -> list[RiskDecision]:
    # One part of each decision; none at all unless every decision has one.
    found = [next(filter(is_such, decision.elementary()), None) for decision in decisions]
    return [] if None in found else [part for part in found if part is not None]
