"""What the fields of a run file have in common: paths, texts, lengths of time."""

from __future__ import annotations

import datetime
import os
import re
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    PlainSerializer,
    SerializationInfo,
    ValidationInfo,
)
from pydantic_core import core_schema

from ml4t.backtest.settings_model import SettingsModel

SPANS = ("day", "month", "year")
"""What a chunk can be of the calendar."""


class Section(SettingsModel):
    """A part of a run file."""

    @classmethod
    def own_schema(cls, core: Any, handler: GetJsonSchemaHandler) -> Any:
        """Return the schema of the section itself, beside what may stand for it."""
        return handler.resolve_ref_schema(super().__get_pydantic_json_schema__(core, handler))


def _folder(info: ValidationInfo | SerializationInfo) -> Path | None:
    return (info.context or {}).get("folder")


def _absolute(path: str, info: ValidationInfo) -> str:
    """Take a relative path from the folder of the file it stands in."""
    folder = _folder(info)
    if folder is None:
        return path
    try:
        return os.path.normpath(folder / Path(path).expanduser())
    except RuntimeError as error:
        raise ValueError(
            f"{info.field_name} begins with ~, but there is no such home folder; was {path!r}"
        ) from error


def _relative(path: str, info: SerializationInfo) -> str:
    """Write a path below the folder of the file as relative to it, so that both can be moved."""
    folder = _folder(info)
    below = folder is not None and Path(path).is_relative_to(folder)
    return Path(path).relative_to(folder).as_posix() if below and folder else path


def _relative_folder(path: str, info: SerializationInfo) -> str:
    """Write a folder as relative to that of the file, wherever it is: of another drive alone, as it is."""
    folder = _folder(info)
    try:
        return path if folder is None else Path(os.path.relpath(path, folder)).as_posix()
    except ValueError:
        return path


def is_file_spec(spec: str) -> bool:
    """Tell whether ``file.py:Class`` is meant, not ``module:Class``."""
    return spec.rpartition(":")[0].endswith(".py")


def _absolute_spec(spec: str, info: ValidationInfo) -> str:
    where, colon, name = spec.rpartition(":")
    return f"{_absolute(where, info)}:{name}" if colon and is_file_spec(spec) else spec


def _relative_spec(spec: str, info: SerializationInfo) -> str:
    where, _, name = spec.rpartition(":")
    return f"{_relative(where, info)}:{name}" if is_file_spec(spec) else spec


def _text(value: Any) -> Any:
    """Take a number for text: a year reads as one."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _path_text(value: Any) -> Any:
    return os.fspath(value) if isinstance(value, os.PathLike) else value


def _duration(value: Any) -> Any:
    if isinstance(value, (datetime.timedelta, np.timedelta64)):
        return f"{pd.Timedelta(value).as_unit('ns').value}ns"
    return value


def _time(value: str, info: ValidationInfo) -> str:
    # A year or month alone would be its first instant: as the end of a run, hardly what was meant.
    if re.match(r"\s*\d{4}-\d{2}-\d{2}", value) is None:
        raise ValueError(
            f"{info.field_name} must be a date or time like 2024-01-31 or 2024-01-31 16:00, was {value!r}"
        )
    return value


def _chunk(value: Any, info: ValidationInfo) -> Any:
    is_count = isinstance(value, int) and not isinstance(value, bool) and value > 0
    if not is_count and value not in SPANS:
        raise ValueError(
            f"{info.field_name} must be {', '.join(SPANS)} or a positive number of rows, was {value!r}"
        )
    return value


def _asset(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError(f"assets must be names, was {value}; put a name like true in quotes")
    if not isinstance(value, (str, int)):
        raise ValueError(f"assets must be names, text or integers, was {value!r}")
    return value


def _list(value: Any) -> Any:
    return [value] if isinstance(value, (str, dict, BaseModel)) else value


FilePath = Annotated[
    str, BeforeValidator(_path_text), AfterValidator(_absolute), PlainSerializer(_relative)
]
ModuleFolder = Annotated[
    str, BeforeValidator(_path_text), AfterValidator(_absolute), PlainSerializer(_relative_folder)
]
ClassSpec = Annotated[str, AfterValidator(_absolute_spec), PlainSerializer(_relative_spec)]
NumberToo = Field(json_schema_extra={"type": ["string", "integer"]})
Text = Annotated[str, BeforeValidator(_text), NumberToo]
Time = Annotated[str, BeforeValidator(_text), AfterValidator(_time), NumberToo]
Chunk = Annotated[
    int | str,
    BeforeValidator(_chunk),
    Field(json_schema_extra={"anyOf": [{"enum": list(SPANS)}, {"type": "integer", "minimum": 1}]}),
]
Duration = Annotated[str, BeforeValidator(_duration)]
Asset = Annotated[Any, BeforeValidator(_asset), NumberToo]


class _OneOrMore:
    """A list, of which one alone may be given without brackets."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> Any:
        return core_schema.no_info_before_validator_function(_list, handler(source))

    def __get_pydantic_json_schema__(self, core: Any, handler: GetJsonSchemaHandler) -> Any:
        lists = handler(core)
        array = next(one for one in lists.get("anyOf", [lists]) if one.get("type") == "array")
        return {"anyOf": [array["items"], *lists.get("anyOf", [lists])]}


OneOrMore = _OneOrMore()
