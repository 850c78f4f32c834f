"""Names of a package that are imported when they are first used."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from importlib import import_module
from importlib.util import find_spec
from typing import Any


def names_when_used(
    package: str, modules: Mapping[str, Sequence[str]]
) -> tuple[list[str], Callable[[str], Any], Callable[[], list[str]]]:
    """Return ``__all__``, ``__getattr__`` and ``__dir__`` of a package.

    Parameters
    ----------
    package : str
    modules : mapping of module to names
        Below the package, and what comes from there. The modules of the package itself are found too.
    """
    origin = {name: module for module, names in modules.items() for name in names}

    def get(name: str) -> Any:
        if name in origin:
            return getattr(import_module(f"{package}.{origin[name]}"), name)
        if not name.startswith("_") and find_spec(f"{package}.{name}") is not None:
            return import_module(f"{package}.{name}")
        near = get_close_matches(name, origin, 1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise AttributeError(f"{package} has no {name!r}{hint}")

    return sorted(origin), get, lambda: sorted(origin)
