"""Where a C function is found in another process: by the name that a module has for it, never by its address."""

from __future__ import annotations

import importlib
import pickle
import sys
from collections.abc import Callable
from functools import reduce
from typing import Any

_HOW_MADE = "ml4t_how_made"


def note_how_made(cfunc: Any, make: Callable[..., Any], source: Any) -> None:
    """Have a C function remember what makes its rule again: ``make(options, source)``."""
    setattr(cfunc, _HOW_MADE, (make, source))


def how_made(cfunc: Any) -> tuple[Any, Any]:
    """Return what was noted of a C function, or (None, None)."""
    noted: tuple[Any, Any] = getattr(cfunc, _HOW_MADE, (None, None))
    return noted


def found(module: str, name: str) -> Any:
    """Return what a module has under a name, perhaps a dotted one."""
    return reduce(getattr, name.split("."), importlib.import_module(module))


def place_of(rule: Any) -> tuple[str, str, Any]:
    """Return the module and the name under which a rule's function was written, and what is there.

    Raises
    ------
    pickle.PicklingError
        If it is neither the rule, nor its C function, nor the function it was compiled from.
    """
    _, source = how_made(rule.cfunc)
    function = getattr(rule.cfunc, "__wrapped__", None) if source is None else source
    module, name = getattr(function, "__module__", ""), getattr(function, "__qualname__", "")
    there = _what_is_there(module, name)
    if there is not None and any(there is one for one in (rule, rule.cfunc, source)):
        return module, name, there
    raise pickle.PicklingError(
        f"rule {rule.name} cannot be pickled: the address of its C function is that of this process. "
        "Make the rule, or the function, at the top of a module, under the function's name"
    )


def _what_is_there(module: str, name: str) -> Any:
    if module not in sys.modules:
        return None
    try:
        return found(module, name)
    except AttributeError:
        return None
