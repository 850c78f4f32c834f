"""YAML and JSON: read without running anything, environment variables put in; written."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from ml4t.backtest.data.tables.find_files import is_there
from ml4t.backtest.runfile.errors import RunFileError
from ml4t.backtest.setting_errors import field_path, nearest

SUFFIXES = (".yaml", ".yml", ".json")
_VARIABLE = re.compile(r"\$\{([^}]*)\}")


class _Loader(yaml.SafeLoader):
    """YAML's safe loader with the types of JSON: 1e-3 is a number, 2014-01-31 is text."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - as the class above it has it
        first: [(tag, test) for tag, test in resolvers if not tag.endswith(":timestamp")]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        merge = "tag:yaml.org,2002:merge"
        keys = [self.construct_object(key) for key, _ in node.value if key.tag != merge]
        _mapping([(key, None) for key in keys])
        return super().construct_mapping(node, deep)


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?\d+(\.\d*)?[eE][-+]?\d+$"), list("-+0123456789")
)


def _mapping(pairs: list[tuple[Any, Any]]) -> dict[str, Any]:
    """Return the pairs as a mapping; a name given twice would silently be the last."""
    names: dict[str, Any] = {}
    for name, value in pairs:
        if not isinstance(name, str):
            raise RunFileError(f"{name!r} stands where a name must; put it in quotes")
        if name in names:
            raise RunFileError(f"{name} is given twice in one section")
        names[name] = value
    return names


def read_file(path: Path) -> dict[str, Any]:
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
        read = _from_json(text) if path.suffix.lower() == ".json" else _from_yaml(text)
    except OSError as error:
        raise RunFileError(f"{path} cannot be read: {error.strerror or error}") from error
    except RunFileError as error:
        raise RunFileError(f"{path.name}: {error}") from None
    except ValueError as error:
        raise RunFileError(f"{path.name} cannot be read: {error}") from error
    if not isinstance(read, dict):
        raise RunFileError(f"{path.name} must hold the sections of a run, was {read!r}")
    return substituted(read, ())


def _from_json(text: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_mapping)
    except RecursionError as error:
        raise ValueError("too many brackets in brackets") from error


def _from_yaml(text: str) -> Any:
    try:
        return yaml.load(text, _Loader)  # a SafeLoader: plain values only
    except RunFileError:
        raise
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())) from error
    except RecursionError as error:
        raise ValueError("too many brackets in brackets") from error
    except Exception as error:
        # YAML takes tags at their word: !!float account, !!bool maybe.
        raise ValueError(
            f"a value is not what its tag says ({error}); write it without !!"
        ) from error


def substituted(value: Any, location: tuple[str | int, ...]) -> Any:
    """Return `value` with ``${NAME}`` replaced in every text within.

    A text that is one variable and nothing else becomes what YAML reads from it, so that
    ``${CASH}`` can be a number.
    """
    if isinstance(value, dict):
        return {name: substituted(item, (*location, name)) for name, item in value.items()}
    if isinstance(value, list):
        return [substituted(item, (*location, place)) for place, item in enumerate(value)]
    if not isinstance(value, str):
        return value
    text = _VARIABLE.sub(lambda match: _variable(match[1], location), value)
    return _scalar(text) if _VARIABLE.fullmatch(value) else text


def _variable(name: str, location: tuple[str | int, ...]) -> str:
    if name not in os.environ:
        near = nearest(name, os.environ)
        hint = f"; {near}" if near.startswith("did") else ""
        raise RunFileError(
            f"{field_path(location)}: the environment variable {name!r} is not set{hint}"
        )
    return os.environ[name]


def _scalar(text: str) -> Any:
    try:
        value = _from_yaml(text)
    except ValueError:
        return text
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
        text = yaml.dump(content, Dumper=_Dumper, sort_keys=False, allow_unicode=True)
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise RunFileError(f"{path} cannot be written: {error.strerror or error}") from error


class _Dumper(yaml.SafeDumper):
    """Quotes the text that the loader above would take for a number."""

    yaml_implicit_resolvers = _Loader.yaml_implicit_resolvers
