"""What is wrong with settings: one sentence each, with the path of the setting and the nearest name."""

from __future__ import annotations

import difflib
import re
import typing
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

from ml4t.backtest.core.planned import comes_with

Location = tuple[str | int, ...]


@dataclass(frozen=True)
class Problem:
    """One setting that cannot be used: where it stands, and the sentence that says why."""

    location: Location
    sentence: str


class SettingsError(ValueError):
    """Settings that cannot be used.

    Attributes
    ----------
    problems : tuple of Problem
        All of them; the message has a line for each.
    """

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(problem.sentence for problem in problems))
        self.problems = tuple(problems)

    def __reduce__(self) -> tuple[type[SettingsError], tuple[Any, ...]]:
        return type(self), (self.problems,)


def nearest(name: Any, known: Collection[str]) -> str:
    """Return ``did you mean ...?``, or the names there are."""
    near = difflib.get_close_matches(str(name), [str(one) for one in known], 1, cutoff=0.5)
    if near:
        return f"did you mean {near[0]!r}?"
    return f"there are {', '.join(map(str, known))}" if known else "there are none"


def field_path(location: Sequence[str | int]) -> str:
    """Return ``risk.rules[0].pct`` for ("risk", "rules", 0, "pct")."""
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return path.removeprefix(".")


def problems(error: ValidationError, model: type[BaseModel]) -> list[Problem]:
    """Return everything that pydantic found wrong, in sentences of our own."""
    at: dict[Location, list[dict[str, Any]]] = {}
    for one in error.errors(include_url=False):
        at.setdefault(_field(one["loc"]), []).append({**one})
    return [Problem(place, _sentence(place, found, model)) for place, found in at.items()]


def _field(location: Location) -> Location:
    """Return the location without what pydantic calls the branch of a union that a value failed in."""
    for depth, step in enumerate(location):
        if isinstance(step, str) and _BRANCH.fullmatch(step):
            return location[:depth]
    return location


def _sentence(location: Location, found: list[dict[str, Any]], model: type[BaseModel]) -> str:
    # Of what may stand here a value was taken for the one that has a sentence of its own for it.
    error = next((one for one in found if one["type"] == "value_error"), found[0])
    path = field_path(location)
    value = error["input"]
    match error["type"]:
        case "extra_forbidden":
            known = _names_at(model, location[:-1])
            later = comes_with("settings", location[-1])
            return f"{path}: {later or f'there is no such setting; {nearest(str(location[-1]), known)}'}"
        case "missing":
            return f"{path} is missing"
        case "literal_error" if later := comes_with("values", value):
            return f"{path}: {later}"
        case "literal_error" if isinstance(value, str):
            known = re.findall(r"'([^']*)'", error["ctx"]["expected"])
            return (
                f"{path} must be {error['ctx']['expected']}, was {value!r}; {nearest(value, known)}"
            )
        case "value_error":
            return _told(path, location, error["msg"].removeprefix("Value error, "))
        case "json_invalid":
            return f"the text is no JSON: {error['ctx']['error']}"
        case "tuple_type" if isinstance(value, str) and len(found) == 1:
            return f"{path} must be a list; write [{value!r}]"
    wanted = dict.fromkeys(map(_requirement, found))
    first, *others = wanted
    either = " or ".join([first, *(other.removeprefix("must be ") for other in others)])
    return f"{path or 'the settings'} {either}, was {value!r}"


_BRANCH = re.compile(r"str|int|float|bool|(dict|tuple|list)\[.*\]|function-.*|constrained-.*")


def _requirement(error: dict[str, Any]) -> str:
    """Return what a value must be: ``must be finite``."""
    match error["type"]:
        case "model_type" | "model_attributes_type" | "dict_type":
            return "must be a section of names and values"
        case "float_type" | "float_parsing":
            return "must be a number"
        case "string_type":
            return "must be text"
        case "tuple_type":
            return "must be a list"
        case "finite_number":
            return "must be finite"
        case "bool_type" | "bool_parsing":
            return "must be True or False"
        case "greater_than_equal" if error["ctx"]["ge"] == 0:
            return "must not be negative"
        case "less_than" if error["ctx"]["lt"] == 1:
            return "is a fraction (0.001 means 0.1%) and must be below 1"
        case "greater_than":
            return f"must be greater than {error['ctx']['gt']:g}"
    return f"must be {error['msg'].removeprefix('Input should be ')}"


def _told(path: str, location: Sequence[str | int], message: str) -> str:
    """Put the path in front of a message of our own, in place of the bare name it may begin with."""
    name = str(location[-1]) if location else ""
    if name and message.startswith((f"{name} ", f"{name}.")):
        return path + message[len(name) :]
    if path and message.startswith("must "):
        return f"{path} {message}"
    return f"{path}: {message}" if path else message


def _names_at(model: type[BaseModel], location: Sequence[str | int]) -> list[str]:
    """Return the names that the section at `location` knows."""
    for part in location:
        field = next((f for n, f in model.model_fields.items() if part in (n, f.alias)), None)
        if field is not None:
            model = next(_models_in(field.annotation), model)
    return [field.alias or name for name, field in model.model_fields.items()]


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in typing.get_args(annotation):
        yield from _models_in(argument)
