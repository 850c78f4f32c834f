"""The JSON schema of what is made by name: a rule or an indicator, each with its own parameters."""

from __future__ import annotations

import inspect
import re
import sys
import typing
from collections.abc import Iterator, Mapping
from math import inf
from typing import Any, Union

from pydantic import TypeAdapter

from ml4t.backtest.data.features.indicators import Indicator
from ml4t.backtest.risk.parameters import ParameterRule
from ml4t.backtest.risk.spec import BOUNDS, Bounds

JsonSchema = dict[str, Any]

OF_INDICATORS: dict[str, JsonSchema] = {
    "period": {"minimum": 1},
    "bars_per_year": {"exclusiveMinimum": 0},
    "field": {"enum": ["open", "high", "low", "close"]},
}
"""What the types of their parameters do not say."""
_DOCUMENTED = re.compile(r"^(\w+(?:, \w+)*) : .*\n((?: {4}.*\n)+)", re.MULTILINE)


def by_name(word: str, known: Mapping[str, type], shared: Mapping[str, Any]) -> list[JsonSchema]:
    """Return a schema for each of the `known` classes.

    Parameters
    ----------
    word : str
        The field that names it.
    known : mapping of name to class
    shared : mapping of field to schema
        Those it has beside its parameters; one of the same name goes before a parameter.
    """
    return [_of_class(word, name, kind, shared) for name, kind in known.items()]


def _of_class(word: str, name: str, kind: type, shared: Mapping[str, Any]) -> JsonSchema:
    parameters = dict(_parameters(kind))
    given = [*parameters]
    required = [p for p, schema in parameters.items() if schema.pop("required", False)]
    schema: JsonSchema = {
        "type": "object",
        "title": name,
        "description": (inspect.getdoc(kind) or "").split("\n\n")[0],
        "properties": {word: {"const": name}, **parameters, **shared},
        "required": [word, *required],
        "additionalProperties": _is_open(kind),
    }
    forms = [*_ranges(kind)]
    if len(forms) > 1:
        schema["oneOf"] = [{"required": [form]} for form in given if form in forms]
    return schema


def _parameters(kind: type) -> Iterator[tuple[str, JsonSchema]]:
    # What a base says is spelled in the names of its own module.
    names: dict[str, Any] = {}
    for base in reversed(kind.__mro__):
        names |= vars(sys.modules[base.__module__])
    hints = typing.get_type_hints(kind.__init__, localns=names)  # type: ignore[misc]
    texts, ranges = dict(_documented(kind)), _ranges(kind)
    for name, parameter in inspect.signature(kind).parameters.items():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        required = parameter.default is parameter.empty
        schema: JsonSchema = {} if name == "rules" else _of_type(hints[name])
        limits = ranges.get(name, {}) if ranges else OF_INDICATORS.get(name, {})
        for branch in schema.get("anyOf", [schema]):
            if branch.get("type") in ("number", "integer") or "enum" in limits:
                branch |= limits
        if not required and parameter.default is not None:
            schema["default"] = parameter.default
        told = {"description": texts[name]} if name in texts else {}
        yield name, {**schema, **told, "required": required}


def _of_type(hint: Any) -> JsonSchema:
    kinds = [one for one in typing.get_args(hint) if one is not Indicator]
    if Indicator in typing.get_args(hint):  # in a file it is named
        hint = Union[tuple(kinds)]  # noqa: UP007
    return TypeAdapter(hint).json_schema()


def _ranges(kind: type) -> dict[str, JsonSchema]:
    """Return the range of each form that the parameter of a rule may have."""
    if not issubclass(kind, ParameterRule):
        return {}
    return {name: _limits(BOUNDS[kind.kind, form]) for name, form in kind.forms.items()}


def _limits(bounds: Bounds) -> JsonSchema:
    limits = {"minimum" if bounds.closed else "exclusiveMinimum": bounds.low}
    return limits if bounds.high == inf else {**limits, "exclusiveMaximum": bounds.high}


def _is_open(kind: type) -> bool:
    parameters = inspect.signature(kind).parameters.values()
    return any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters)


def _documented(kind: type) -> Iterator[tuple[str, str]]:
    """Yield parameters and what the class says of them."""
    for names, text in _DOCUMENTED.findall(f"{inspect.getdoc(kind)}\n"):
        for name in names.split(", "):
            yield name, " ".join(text.split())
