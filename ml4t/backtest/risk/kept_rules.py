"""Rules that keep something from one run to the next: whoever runs them is told."""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Iterator
from functools import lru_cache
from types import MethodType
from typing import Any

from ml4t.backtest.core.kept_state import KeptState, what_is_kept
from ml4t.backtest.data.errors import PACKAGE, warn
from ml4t.backtest.risk.function_rule import FunctionRule
from ml4t.backtest.risk.rule import ReusedRuleWarning, RiskRule

_states: dict[int, tuple[weakref.ref[Any], KeptState]] = {}
"""By the identity of what has run and still lives: rules go from one manager to the next."""


class KeptRules:
    """The rules of a run that begins; a warning for each that starts with what its last run left.

    Parameters
    ----------
    rules : iterable of RiskRule
    strategy : Strategy
        Whose methods may be rules; it is looked at by itself.
    """

    def __init__(self, rules: Iterable[RiskRule], strategy: Any) -> None:
        seen: dict[int, Any] = {}
        for rule in rules:
            if not _keeps_nothing(type(rule)):  # most rules do: nothing more is done for them
                seen.update((id(thing), thing) for thing in _may_keep(rule))
        self._seen = [thing for thing in seen.values() if thing is not strategy] if seen else []
        for thing in self._seen:
            kept = _state_of(thing).begin(thing)
            if kept:
                warn(
                    f"{what_is_kept(type(thing).__name__, kept)}: make a new one for each run, or keep nothing "
                    "in it; what a rule has to remember of a position stands in its context",
                    ReusedRuleWarning,
                )

    def end(self) -> None:
        """Look at what the run leaves."""
        for thing in self._seen:
            _state_of(thing).end(thing)


def _may_keep(rule: RiskRule) -> Iterator[Any]:
    """Yield the objects of a user behind a rule and its members; what this package made keeps nothing."""
    thing: Any = rule.function if isinstance(rule, FunctionRule) else rule
    if isinstance(thing, MethodType):  # made anew whenever it is looked up
        thing = thing.__self__
    kind: Any = type(thing)
    if _is_of_a_user(kind):
        yield thing
    for member in getattr(rule, "rules", ()):
        if isinstance(member, RiskRule):
            yield from _may_keep(member)


@lru_cache(maxsize=64)
def _keeps_nothing(kind: Any) -> bool:
    """A rule of this package, and no other behind it."""
    has_members = "rules" in getattr(kind, "__dataclass_fields__", {}) or hasattr(kind, "rules")
    return not (_is_of_a_user(kind) or issubclass(kind, FunctionRule) or has_members)


@lru_cache(maxsize=64)
def _is_of_a_user(kind: Any) -> bool:
    return not f"{kind.__module__}.".startswith(PACKAGE) and bool(kind.__weakrefoffset__)


def _state_of(thing: Any) -> KeptState:
    key = id(thing)
    if key not in _states:
        _states[key] = weakref.ref(thing, lambda _: _states.pop(key, None)), KeptState()
    return _states[key][1]
