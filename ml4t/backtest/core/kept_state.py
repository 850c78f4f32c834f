"""What an object keeps from one run to the next, found by a look at its attributes before and after."""

from __future__ import annotations

import random
import sys
from collections import deque
from contextlib import suppress
from dataclasses import is_dataclass
from datetime import date, time, timedelta
from enum import Enum
from functools import lru_cache
from numbers import Number
from typing import Any

import numpy as np

Look = tuple[Any, ...]

MOST_ITEMS = 100
MOST_BYTES = 8192
DEPTH = 2
NOTHING: Look = ()

_SMALL = (type(None), Number, date, time, timedelta, Enum, range)
_SERIES = list | tuple | deque


class KeptState:
    """Compares how the runs of one object, a strategy or a rule, begin."""

    def __init__(self) -> None:
        self._begun: dict[str, Look] | None = None
        self._left: dict[str, Look] | None = None

    def begin(self, thing: Any) -> list[str]:
        """Return the attributes that the last run changed, and that are now as it left them.

        What was set anew between the runs is no concern.
        """
        now, kept = look_at_attributes(thing), []
        if self._begun is not None and self._left is not None:
            kept = [
                name
                for name, left in self._left.items()
                if left != self._begun.get(name, NOTHING) and left == now.get(name, NOTHING)
            ]
        self._begun = now
        _keep_in_one_dict(thing)
        return sorted(kept)

    def end(self, thing: Any) -> None:
        """Look at what a run leaves."""
        if self._begun is not None:
            self._left = look_at_attributes(thing)


def what_is_kept(name: str, kept: list[str]) -> str:
    """Return what a run begins with that is not its own; ``name`` is that of the class."""
    return f"this {name} has run before and starts with what that run left in {', '.join(kept)}"


def _keep_in_one_dict(thing: Any) -> None:
    """Give an object an equal dict of attributes, of which Python remembers where each stands.

    It does not of the dict of an object whose type derives from a compiled one, nor of one that has been looked at:
    CPython shares their keys, and looks each up anew (13 ns more for each in a callback, with 3.11).
    """
    if type(getattr(thing, "__dict__", None)) is not dict or _holders(thing) > HOLDERS:
        return
    kinds = type(thing).__mro__
    setter = next(vars(kind)["__dict__"] for kind in kinds if "__dict__" in vars(kind))
    with suppress(
        AttributeError, TypeError
    ):  # a type of the user's may not let it be set: it stays
        setter.__set__(thing, {**thing.__dict__})


def _holders(thing: Any) -> int:
    attributes = thing.__dict__
    return sys.getrefcount(attributes)


class _Alone:
    def __init__(self) -> None:
        self.attribute = 1


HOLDERS = _holders(_Alone())
"""Of a dict that only its object holds, as Python counts them here."""


def has_attributes(kind: Any) -> bool:
    """Tell whether objects of a class have attributes that Python may set: not those of a compiled one alone."""
    return kind.__dictoffset__ != 0 or bool(_slots_of(kind))


def look_at_attributes(thing: Any) -> dict[str, Look]:
    """Return what can be seen of each attribute of an object, by name; no value is copied or kept alive
    that is not small."""
    if not _slots_of(type(thing)):
        return {name: look(value) for name, value in getattr(thing, "__dict__", {}).items()}
    state = object.__getstate__(thing)
    parts = state if isinstance(state, tuple) else (state,)
    return {name: look(value) for part in parts if part for name, value in part.items()}


def _slots_of(kind: Any) -> tuple[str, ...]:
    """Return the names of the slots of a class: of a compiled one Python counts them anew each time."""
    try:
        return _known_slots_of(kind)
    except TypeError:  # of a metaclass that makes classes equal, but not hashable
        return _counted_slots_of(kind)


def _counted_slots_of(kind: type) -> tuple[str, ...]:
    return tuple(name for base in kind.__mro__ for name in _named_slots(base))


_known_slots_of = lru_cache(maxsize=64)(_counted_slots_of)


def _named_slots(kind: type) -> tuple[str, ...]:
    slots = vars(kind).get("__slots__", ())
    return (slots,) if isinstance(slots, str) else tuple(slots)


def look(value: Any, depth: int = DEPTH) -> Look:
    """Return what can be seen of a value at little cost; two looks are equal where nothing seems changed.

    Numbers, times and texts are seen by value, random generators by their state, small arrays by their
    bytes, containers and dataclasses by their number of items and, where these are few, by each of them.
    All else is seen by identity: not what an object keeps inside.
    """
    kind = type(value)
    if isinstance(value, float):
        return kind, value.hex()  # NaN equals NaN
    if isinstance(value, _SMALL):
        return kind, value
    if isinstance(value, str | bytes):
        return kind, len(value), hash(value)
    if isinstance(value, np.ndarray | np.generic):
        return _look_at_array(value)
    if isinstance(value, np.random.Generator):
        return kind, repr(value.bit_generator.state)
    if isinstance(value, np.random.RandomState):
        return kind, repr(value.get_state(legacy=False))
    if isinstance(value, random.Random):
        return kind, hash(value.getstate())
    return _look_inside(value, depth)


def _look_inside(value: Any, depth: int) -> Look:
    kind = type(value)
    if is_dataclass(value) and hasattr(value, "__dict__"):
        return kind, look(vars(value), depth)
    if isinstance(value, dict | set | frozenset | _SERIES):
        if depth == 0 or len(value) > MOST_ITEMS:
            return kind, len(value)
        if isinstance(value, dict):
            items = tuple((look(key, 0), look(one, depth - 1)) for key, one in value.items())
            return kind, len(value), items
        looks = tuple(look(one, depth - 1) for one in value)
        return kind, len(value), looks if isinstance(value, _SERIES) else frozenset(looks)
    return kind, id(value)


def _look_at_array(array: np.ndarray[Any, Any] | np.generic) -> Look:
    if array.dtype.hasobject or array.nbytes > MOST_BYTES:
        return type(array), id(array)
    return type(array), array.dtype.str, array.shape, array.tobytes()
