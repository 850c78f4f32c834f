"""The parts of a template, each looked at once: what makes it for a run is a function of the parameters."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from ml4t.backtest.risk import RiskRule
from ml4t.backtest.strategy.strategy import CompiledStrategy
from ml4t.backtest.sweep.copied import (
    PLAIN_KINDS,
    copied,
    is_ours,
    keeps_something,
    may_change,
)
from ml4t.backtest.sweep.errors import SweepError

MOST_KEPT = 4096
PLAIN = int | float | str | bytes | None

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


def maker_of(value: Any, is_argument: bool = False) -> Make:
    """Return what makes a part with values in place of its parameters, and with nothing that another run changes.

    Parameters
    ----------
    value : object
    is_argument : bool
        Whether it is given to a class or a function of the user, which may change it, and not to ``run_backtest``
        itself, which changes no indicator and no setting.
    """
    if isinstance(value, Param):
        return _parameter(value.name)
    if isinstance(value, partial) and next(params(value), None) is not None:
        return _called(value)
    if type(value) in (list, tuple):
        kind, makers = type(value), [maker_of(one, is_argument) for one in value]
        return lambda parameters, memo: kind([make(parameters, memo) for make in makers])
    if type(value) is dict:
        named = {name: maker_of(one, is_argument) for name, one in value.items()}
        return lambda parameters, memo: {
            name: make(parameters, memo) for name, make in named.items()
        }
    if not (may_change(value) if is_argument else keeps_something(value)):
        return lambda parameters, memo: value
    if is_ours(type(value)) and isinstance(value, CompiledStrategy):
        kept = _KeptByThread()
        return lambda parameters, memo: kept.get((), copy.deepcopy, value)
    if keeps_something(value):
        return lambda parameters, memo: copy.deepcopy(value, memo)
    return lambda parameters, memo: copied(value, memo)


def _parameter(name: str) -> Make:
    def make(parameters: Mapping[str, Any], memo: dict[int, Any]) -> Any:
        value = parameters[name]
        return value if type(value) in PLAIN_KINDS else copied(value, memo)

    return make


def _called(value: partial[Any]) -> Make:
    """Return what calls a function with its arguments; what keeps nothing of a run is made once for equal ones."""
    function = value.func
    arguments = [maker_of(one, True) for one in value.args]
    named = {name: maker_of(one, True) for name, one in value.keywords.items()}

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
        and is_ours(kind)
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
