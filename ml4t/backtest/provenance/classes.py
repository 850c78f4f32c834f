"""Classes by name, and the parameters that make their objects again."""

from __future__ import annotations

import dataclasses
import inspect
import sys
from pathlib import Path
from typing import Any

from ml4t.backtest.provenance.errors import DescriptionError
from ml4t.backtest.provenance.plain_values import plain

FILE_MODULE = "strategy_file_"
"""Modules made from files have names of their own, so that numpy.py hides nobody."""


def class_spec(kind: type, field: str) -> str:
    """Return ``module:Class``, or ``file.py:Class`` for what was loaded from a file.

    Raises
    ------
    DescriptionError
        If the class is in no module: in a function, or in the script that runs.
    """
    module = sys.modules.get(kind.__module__)
    if "." in kind.__qualname__ or getattr(module, kind.__name__, None) is not kind:
        raise DescriptionError(
            f"{field}: {kind.__name__} is made inside {kind.__qualname__.rpartition('.')[0] or 'a program'}, "
            "where a file cannot find it; put it at the top of a module"
        )
    if kind.__module__ == "__main__":
        raise DescriptionError(
            f"{field}: {kind.__name__} is in the script that runs, which a file cannot name; put it in a module"
        )
    if kind.__module__.startswith(FILE_MODULE):
        return f"{inspect.getfile(kind)}:{kind.__name__}"
    return f"{kind.__module__}:{kind.__name__}"


def module_folder(kind: type) -> Path:
    """Return the folder from which the module of a class is imported."""
    file = getattr(sys.modules.get(kind.__module__), "__file__", None)
    if file is None or kind.__module__.startswith(FILE_MODULE):
        return Path.cwd()
    path = Path(file).absolute()
    path = path.parent if path.name == "__init__.py" else path
    return path.parents[kind.__module__.count(".")]


def is_installed(kind: type) -> bool:
    """Tell whether the module of a class is found without being told where: it is of an installed package."""
    parts = module_folder(kind).parts
    return kind.__module__.startswith("ml4t.") or bool(
        {"site-packages", "dist-packages"} & {*parts}
    )


def parameters_of(made: Any, field: str, *, again: bool = True) -> dict[str, Any]:
    """Return what the class of `made` has to be called with to make it again.

    They are its property ``parameters``, if it has one, or its attributes with the names of the
    parameters of ``__init__``.

    Parameters
    ----------
    made : object
    field : str
        Where it stands, for messages.
    again : bool
        Make another one with them, and see whether its attributes are the same.

    Raises
    ------
    DescriptionError
        If there is no such attribute, or it is not what the class was called with.
    """
    kind = type(made)
    if hasattr(kind, "parameters"):
        return plain(made.parameters, f"{field}.parameters")
    given = _attributes(made, field)
    other = _attributes(kind(**given), field) if again else given
    for name, value in given.items():
        if other.get(name, value) != value:
            raise DescriptionError(
                f"{field}: {kind.__name__}.{name} is not what {kind.__name__} was called with; keep that, or give "
                "the class a property `parameters`"
            )
    return given


def _attributes(made: Any, field: str) -> dict[str, Any]:
    kind = type(made)
    if kind.__init__ is object.__init__:
        return {}
    given = {}
    for name, parameter in inspect.signature(kind).parameters.items():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        if not hasattr(made, name):
            raise DescriptionError(
                f"{field}: {kind.__name__} keeps no attribute {name!r}, so what it was called with is unknown; "
                "keep it, or give the class a property `parameters`"
            )
        value = plain(getattr(made, name), f"{field}.parameters.{name}")
        default = parameter.default
        if default is parameter.empty or type(value) is not type(default) or value != default:
            given[name] = value
    return given


def given_fields(made: Any) -> dict[str, Any]:
    """Return the fields of a dataclass that are not at their defaults, nor the name of its class."""
    fields = [
        (field, getattr(made, field.name)) for field in dataclasses.fields(made) if field.init
    ]
    return {
        field.name: value
        for field, value in fields
        if value != field.default and not (field.name == "name" and value == type(made).__name__)
    }
