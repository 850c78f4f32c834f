"""The parts of a template, each looked at once: what makes it for a run is a function of the parameters."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from ml4t.backtest.risk import RiskManager, RiskRule
from ml4t.backtest.strategy.strategy import CompiledStrategy, Strategy
from ml4t.backtest.sweep.errors import SweepError

PACKAGE = "ml4t.backtest."
MOST_KEPT = 4096
PLAIN = int | float | str | bytes | None
PLAIN_KINDS = frozenset({int, float, str, bytes, bool, type(None)})
"""Their types, and no class that derives from one: most parameters are of these."""

Make = Callable[[Mapping[str, Any], dict[int, Any]], Any]
"""``make(parameters, memo)``; the memo is that of one run, for what stands in several places."""


@dataclass(frozen=True)
class Param:
    """The place of a parameter in a template; made by :func:`param`."""

    name: str


def params(value: Any) -> Iterator[str]:
    """Yield the names of the parameters in a part of a template."""
    if isinstance(value, Param):
        yield value.name
    elif isinstance(value, partial):
        yield from params([*value.args, *value.keywords.values()])
    elif isinstance(value, Mapping):
        yield from params(list(value.values()))
    elif isinstance(value, list | tuple):
        for one in value:
            yield from params(one)
    elif isinstance(value, Iterator):
        raise SweepError(
            f"a template holds {type(value).__name__}, which the first trial uses up: give a list or a tuple"
        )


def maker_of(value: Any) -> Make:
    """Return what makes a part with values in place of its parameters, and with nothing that another run changes."""
    if isinstance(value, Param):
        name = value.name
        return lambda parameters, memo: parameters[name]
    if isinstance(value, partial) and next(params(value), None) is not None:
        return _called(value)
    if type(value) in (list, tuple):
        kind, makers = type(value), [maker_of(one) for one in value]
        return lambda parameters, memo: kind([make(parameters, memo) for make in makers])
    if type(value) is dict:
        named = {name: maker_of(one) for name, one in value.items()}
        return lambda parameters, memo: {
            name: make(parameters, memo) for name, make in named.items()
        }
    if not _may_change(value):
        return lambda parameters, memo: value
    if _is_ours(type(value)) and isinstance(value, CompiledStrategy):
        kept = _KeptByThread()
        return lambda parameters, memo: kept.get((), copy.deepcopy, value)
    return lambda parameters, memo: copy.deepcopy(value, memo)


def _called(value: partial[Any]) -> Make:
    """Return what calls a function with its arguments; what keeps nothing of a run is made once for equal ones."""
    function = value.func
    arguments = [maker_of(one) for one in value.args]
    named = {name: maker_of(one) for name, one in value.keywords.items()}

    def make(parameters: Mapping[str, Any], memo: dict[int, Any]) -> Any:
        given = [one(parameters, memo) for one in arguments]
        return function(*given, **{name: one(parameters, memo) for name, one in named.items()})

    if not _keeps_nothing(value):
        return make
    names = [*dict.fromkeys(params(value))]
    kind: Any = value.func
    kept = _Kept() if issubclass(kind, RiskRule) else _KeptByThread()

    def make_once(parameters: Mapping[str, Any], memo: dict[int, Any]) -> Any:
        values = [parameters[name] for name in names]
        kinds = [*map(type, values)]
        if not (PLAIN_KINDS.issuperset(kinds) or all(isinstance(one, PLAIN) for one in values)):
            return make(parameters, memo)
        return kept.get((*kinds, *values), make, parameters, memo)

    return make_once


def _keeps_nothing(value: partial[Any]) -> bool:
    kind = value.func
    return (
        isinstance(kind, type)
        and issubclass(kind, RiskRule | CompiledStrategy)
        and _is_ours(kind)
        and all(isinstance(one, Param | PLAIN) for one in (*value.args, *value.keywords.values()))
    )


class _Kept:
    """What was made: a rule of this package may be in several runs at a time."""

    def __init__(self) -> None:
        self._made: dict[Any, Any] = {}

    def get(self, key: Any, make: Callable[..., Any], *arguments: Any) -> Any:
        made = self._made.get(key)
        if made is None:
            if len(self._made) >= MOST_KEPT:
                self._made.clear()
            made = self._made[key] = make(*arguments)
        return made


class _KeptByThread(_Kept, threading.local):
    """What was made in each thread: a strategy is in one run at a time."""


def _is_ours(kind: type) -> bool:
    return f"{kind.__module__}.".startswith(PACKAGE)


def _may_change(value: Any) -> bool:
    if isinstance(value, RiskRule):  # those of this package keep nothing
        return not _is_ours(type(value))
    return isinstance(value, Strategy | RiskManager)
