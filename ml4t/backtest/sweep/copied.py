"""What a trial is given of its own: copies of what a run may change, so that no trial starts with what another left."""

from __future__ import annotations

import copy
import datetime
import enum
import pathlib
import types
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from functools import partial
from numbers import Number
from typing import Any

import numpy as np

from ml4t.backtest.data.stream.feed import DataFeed
from ml4t.backtest.market.market_data import MarketData
from ml4t.backtest.risk import RiskManager, RiskRule
from ml4t.backtest.strategy.strategy import Strategy

PACKAGE = "ml4t.backtest."
PLAIN_KINDS = frozenset({int, float, str, bytes, bool, type(None)})
"""Most parameters are of these, and of no class that derives from one."""
FIXED = (
    type | types.FunctionType | types.BuiltinFunctionType | types.ModuleType | Number | np.generic
    | enum.Enum | datetime.date | datetime.time | datetime.timedelta | datetime.tzinfo
    | pathlib.PurePath | range | slice | types.MappingProxyType
)  # fmt: skip
DATA = ("pandas", "polars", "pyarrow")
"""What these packages make is data, which runs read; it is large, too."""
COMPILED = "numba"
CONTAINERS = (list, tuple, set, frozenset)


def is_ours(kind: type) -> bool:
    """Tell whether a class is one of this package."""
    return f"{kind.__module__}.".startswith(PACKAGE)


def keeps_something(value: Any) -> bool:
    """Tell whether it is a strategy, a rule or a manager in which a run may leave something."""
    if isinstance(value, RiskRule):  # those of this package keep nothing, their members may
        return not is_ours(type(value)) or any(map(may_change, _members(value)))
    return isinstance(value, Strategy | RiskManager)


def _members(rule: RiskRule) -> Iterator[Any]:
    """Yield the rules in a rule of this package, and the function that it calls."""
    members = getattr(rule, "rules", ())
    yield from members if isinstance(members, tuple) else ()
    yield getattr(rule, "function", None)


def may_change(value: Any) -> bool:
    """Tell whether a run may change it. Data are read, and what is frozen stays as it is."""
    kind = type(value)
    if kind in PLAIN_KINDS or kind is object or isinstance(value, FIXED):
        return False
    if isinstance(value, tuple | frozenset):
        return any(map(may_change, value))
    if isinstance(value, partial):
        return may_change((value.func, *value.args, *value.keywords.values()))
    if isinstance(value, types.MethodType):
        return may_change(value.__self__)
    if is_ours(kind):
        return keeps_something(value)
    if isinstance(value, np.ndarray | MarketData | DataFeed) or kind.__module__.partition(".")[
        0
    ] in (*DATA, COMPILED):
        return False
    if isinstance(value, Strategy | RiskRule | RiskManager):
        return True
    if is_dataclass(value) and kind.__dataclass_params__.frozen:
        return any(may_change(getattr(value, one.name)) for one in fields(value))
    return True


def copied(value: Any, memo: dict[int, Any]) -> Any:
    """Return what a run may change as a copy, anything else as it is.

    Parameters
    ----------
    value : object
    memo : dict
        That of one run, for what stands in several places.
    """
    if type(value) in PLAIN_KINDS or not may_change(value):
        return value
    for one in _as_it_is(value, set()):  # a table in a list is data, too
        memo[id(one)] = one
    try:
        return copy.deepcopy(value, memo)
    except Exception as error:  # a connection or a lock: whatever its class raises
        kind = type(value).__name__
        warnings.warn(
            f"{kind} in a template or a parameter cannot be copied for each trial, so all of them share it "
            f"({type(error).__name__}: {error}): what one trial changes in it the next one finds",
            stacklevel=2,
        )
        return value


def copied_values(parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return parameters of a trial, copies of those that it may change."""
    if PLAIN_KINDS.issuperset(map(type, parameters.values())):  # nearly always
        return parameters
    memo: dict[int, Any] = {}
    return {name: copied(value, memo) for name, value in parameters.items()}


def _as_it_is(value: Any, seen: set[int]) -> Iterator[Any]:
    """Yield what stands in containers and is not copied with them."""
    if id(value) in seen:
        return
    seen.add(id(value))
    if not may_change(value):
        yield value
    elif type(value) in CONTAINERS:
        for one in value:
            yield from _as_it_is(one, seen)
    elif type(value) is dict:
        for one in value.values():
            yield from _as_it_is(one, seen)
