"""Fields of a run file given anew, each by its path: ``account.initial_cash``, ``risk.rules[0].pct``."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from typing import Any

from ml4t.backtest.runfile.errors import RunFileError
from ml4t.backtest.setting_errors import Location, field_path, nearest

_NAME = r"[^\s.=\[\]]+"
_PATH = re.compile(rf"{_NAME}(?:\.{_NAME}|\[\d+\])*")
_STEP = re.compile(rf"\[(\d+)\]|({_NAME})")


def is_path(text: str) -> bool:
    """Tell whether a text reads like the path of a field."""
    return _PATH.fullmatch(text) is not None


def changed(content: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy of the full content of a run file with other values at some paths.

    Raises
    ------
    RunFileError
        If a path cannot be read, begins with no section, or leads through something without fields.
    """
    new: dict[str, Any] = copy.deepcopy(dict(content))
    for path, value in changes.items():
        if not is_path(path):
            raise RunFileError(
                f"a field must read like account.initial_cash or risk.rules[0].pct, was {path!r}"
            )
        steps = _STEP.findall(path)
        location = tuple(int(place) if place else name for place, name in steps)
        if location[0] not in content:
            raise RunFileError(f"{path}: there is no such field; {_nearest_field(path, content)}")
        _put(new, location, value)
    return new


def _nearest_field(path: str, content: Mapping[str, Any]) -> str:
    fields = [
        f"{section}.{name}"
        for section, held in content.items()
        if isinstance(held, Mapping)
        for name in held
    ]
    near = nearest(path, fields)
    return near if near.startswith("did") else f"sections are {', '.join(content)}"


def _put(content: Any, location: Location, value: Any) -> None:
    """Set the value; whether a section has such a field is left to whoever checks the whole."""
    *above, last = location
    for depth, step in enumerate(above):
        _check_holds(content, location[: depth + 1])
        if isinstance(content, list) and step == len(content):
            content.append({})
        elif isinstance(content, dict) and content.get(step) is None:
            content[step] = {}
        content = content[step]
    _check_holds(content, location)
    if isinstance(content, list) and last == len(content):
        content.append(value)
    else:
        content[last] = value


def _check_holds(content: Any, location: Location) -> None:
    """Refuse a step into something that has no such step; one behind the end of a list adds to it."""
    *above, step = location
    where, wanted = field_path(above), field_path(location)
    if isinstance(content, list):
        if isinstance(step, str):
            raise RunFileError(f"{where} is a list, so there is no {wanted}; write {where}[0]")
        if step > len(content):
            raise RunFileError(
                f"{wanted} would leave a gap: the next of {where} is [{len(content)}]"
            )
    elif not isinstance(content, dict):
        raise RunFileError(f"{where} has no fields, so there is no {wanted}")
    elif isinstance(step, int):
        raise RunFileError(f"{where} is no list, so there is no {wanted}")
