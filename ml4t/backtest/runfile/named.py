"""Rules and indicators by name: the classes a file can name, and the parameters each takes."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Mapping
from typing import Any

from ml4t.backtest import data, risk
from ml4t.backtest.data.indicators import Indicator
from ml4t.backtest.risk import RiskRule, rules
from ml4t.backtest.runfile.errors import nearest
from ml4t.backtest.runfile.imports import without_init

GROUPS = ("AllOf", "AnyOf", "CompositeRule")
RULES: dict[str, type[RiskRule]] = {name: getattr(risk, name) for name in (*rules.__all__, *GROUPS)}
INDICATORS: dict[str, type[Indicator]] = {
    name: kind
    for name, kind in ((name, getattr(data, name)) for name in data.__all__)
    if isinstance(kind, type) and issubclass(kind, Indicator) and kind is not Indicator
}


def make_named(known: Mapping[str, type], name: str, parameters: Mapping[str, Any]) -> Any:
    """Make one of the `known` classes.

    Raises
    ------
    ValueError
        If there is none of this name, it has no such parameter, or refuses its value.
    """
    if name not in known:
        raise ValueError(f"there is no {name!r}; {nearest(name, known)}")
    signature = inspect.signature(known[name])
    for parameter in parameters:
        if parameter not in signature.parameters:
            raise ValueError(
                f"{name} has no parameter {parameter!r}; {nearest(parameter, signature.parameters)}"
            )
    try:
        return known[name](**parameters)
    except TypeError as error:
        raise ValueError(f"{name}: {without_init(name, error)}") from error


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
