"""Functions that say which argument was meant when one is misspelled."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Container, Sequence
from difflib import get_close_matches
from typing import ParamSpec, TypeVar

_Arguments = ParamSpec("_Arguments")
_Returned = TypeVar("_Returned")


def suggests_names(
    function: Callable[_Arguments, _Returned], settings: Container[str] = ()
) -> Callable[_Arguments, _Returned]:
    """Have a function refuse a keyword it does not know with the one that is nearest.

    Python itself does so from 3.13 on, and for functions in Python only. Of ``settings``, which stand in its ``config``, it is
    said where they belong.
    """
    known = keywords_of(function)
    names = frozenset(known)

    @functools.wraps(function)
    def checked(*arguments: _Arguments.args, **named: _Arguments.kwargs) -> _Returned:
        if not named.keys() <= names:
            raise TypeError(_refused(next(name for name in named if name not in names)))
        return function(*arguments, **named)

    def _refused(name: str) -> str:
        if name in settings:
            return f"{name} is a setting: write config=BacktestConfig({name}=...)"
        return unknown_argument(name, known)

    return checked


def keywords_of(function: Callable[..., object]) -> tuple[str, ...]:
    """Return the arguments of a function that can be given by name, ``self`` aside."""
    parameters = inspect.signature(function).parameters.values()
    by_name = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return tuple(p.name for p in parameters if p.kind in by_name and p.name not in ("self", "cls"))


def unknown_argument(name: object, known: Sequence[str]) -> str:
    """Say that an argument does not exist, and which one may have been meant."""
    near = get_close_matches(str(name), known, 1)
    hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known)}"
    return f"unknown argument {name!r}; {hint}"
