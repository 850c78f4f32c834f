"""Run files as text: YAML and JSON read, environment variables put in; written."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ml4t.backtest.data.tables.find_files import is_there
from ml4t.backtest.runfile.errors import RunFileError
from ml4t.backtest.runfile.yaml_text import UnreadableText, lines_of, read_yaml, write_yaml
from ml4t.backtest.setting_errors import Location, field_path, nearest

SUFFIXES = (".yaml", ".yml", ".json")
_VARIABLE = re.compile(r"\$\{([^}]*)\}")


@dataclass(frozen=True)
class FileText:
    """What a run file says, and in which line."""

    name: str
    content: dict[str, Any]
    lines: Mapping[Location, int]

    def place(self, location: Sequence[str | int]) -> str:
        """Return ``run.yaml:3``, where a setting stands, or else what it is missing in."""
        for end in range(len(location), 0, -1):
            line = self.lines.get(tuple(location[:end]))
            if line is not None:
                return f"{self.name}:{line}"
        return self.name


def read_file(path: Path) -> FileText:
    """Read a run file, with ``${NAME}`` replaced from the environment.

    Raises
    ------
    RunFileError
        If there is no such file, it cannot be read, it is no YAML or JSON, or a variable is not set.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise RunFileError(f"a run file ends in {', '.join(SUFFIXES)}, was {path.name}")
    if not is_there(path):
        raise RunFileError(f"there is no file {path}")
    try:
        text = path.read_text(encoding="utf-8")
        content, lines = _from_json(text) if path.suffix.lower() == ".json" else read_yaml(text)
    except OSError as error:
        raise RunFileError(f"{path} cannot be read: {error.strerror or error}") from error
    except UnreadableText as error:
        where = path.name if error.line is None else f"{path.name}:{error.line}"
        raise RunFileError(f"{where}: {error}") from None
    except ValueError as error:
        raise RunFileError(f"{path.name} cannot be read: {error}") from error
    if not isinstance(content, dict):
        raise RunFileError(f"{path.name} must hold the sections of a run, was {content!r}")
    read = FileText(path.name, content, lines)
    try:
        return replace(read, content=_substituted(content, (), read))
    except RecursionError:
        raise RunFileError(f"{path.name}: something in it holds itself") from None


def read_scalar(text: str) -> Any:
    """Return what YAML makes of a value alone; text that is no YAML is what it is."""
    try:
        return read_yaml(text)[0]
    except UnreadableText:
        return text


def _from_json(text: str) -> tuple[Any, dict[Location, int]]:
    try:
        return json.loads(text, object_pairs_hook=_mapping), lines_of(text)
    except RecursionError as error:
        raise UnreadableText("there are too many brackets in brackets") from error
    except json.JSONDecodeError as error:
        raise UnreadableText(f"{error.msg}, column {error.colno}", error.lineno) from error


def _mapping(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return the pairs as a mapping; a name given twice would silently be the last."""
    names: dict[str, Any] = {}
    for name, value in pairs:
        if name in names:
            raise UnreadableText(f"{name} is given twice in one section")
        names[name] = value
    return names


def _substituted(value: Any, location: Location, read: FileText) -> Any:
    """Return `value` with ``${NAME}`` replaced in every text within.

    A text that is one variable and nothing else becomes what YAML reads from it, so that
    ``${CASH}`` can be a number.
    """
    if isinstance(value, dict):
        return {name: _substituted(item, (*location, name), read) for name, item in value.items()}
    if isinstance(value, list):
        return [_substituted(item, (*location, i), read) for i, item in enumerate(value)]
    if not isinstance(value, str):
        return value

    def variable(match: re.Match[str]) -> str:
        if match[1] not in os.environ:
            near = nearest(match[1], os.environ)
            hint = f"; {near}" if near.startswith("did") else ""
            raise RunFileError(
                f"{read.place(location)}: {field_path(location)}: the environment variable {match[1]!r} "
                f"is not set{hint}"
            )
        return os.environ[match[1]]

    text = _VARIABLE.sub(variable, value)
    return _scalar(text) if _VARIABLE.fullmatch(value) else text


def _scalar(text: str) -> Any:
    value = read_scalar(text)
    return value if isinstance(value, (bool, int, float)) else text


def write_file(path: Path, content: Mapping[str, Any]) -> None:
    """Write `content` as the suffix of `path` says.

    Raises
    ------
    RunFileError
        If the suffix is another, or the file cannot be written.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise RunFileError(f"a run file ends in {', '.join(SUFFIXES)}, was {path.name}")
    if path.suffix.lower() == ".json":
        text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
    else:
        text = write_yaml(content)
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise RunFileError(f"{path} cannot be written: {error.strerror or error}") from error
