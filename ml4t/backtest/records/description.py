"""What a stored result holds besides its tables, as JSON: checked as a whole before anything is used."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from ml4t.backtest.config import BacktestConfig
from ml4t.backtest.records.errors import ResultError
from ml4t.backtest.records.frames import TABLES
from ml4t.backtest.records.replaced import current, reason

FORMAT = 4
DESCRIPTION = "result.json"

Table = Literal[*TABLES]  # type: ignore[valid-type]
Kind = Literal["int", "float", "time", "name", "bool"]


class StoredTable(BaseModel):
    """One table of a stored result."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    sha256: str
    """Of the file."""
    columns: dict[str, Kind]
    """What each column holds, in order."""
    names: dict[str, list[str | int]]
    """The names that a column of names has, those too that do not occur."""


class Description(BaseModel):
    """The arguments of ``BacktestResult`` as JSON has them, and what the tables look like."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    strategy_name: str
    seconds: float | None
    partial: bool
    config: BacktestConfig
    statistics: dict[str, Any]
    counters: dict[str, int]
    info: dict[str, Any]
    fingerprint: str
    rules: list[str]
    run_file: dict[str, Any] | None
    not_reproducible: str
    versions: dict[str, str | None]
    empty_columns: list[str]
    tables: dict[Table, StoredTable]

    @field_validator("tables")
    @classmethod
    def _complete(cls, tables: dict[Table, StoredTable]) -> dict[Table, StoredTable]:
        missing = [name for name in TABLES if name not in tables]
        if missing:
            raise ValueError(f"{missing[0]} is not among them")
        return tables

    def arguments(self) -> dict[str, Any]:
        """Return the arguments of ``BacktestResult``."""
        given = {name: getattr(self, name) for name in type(self).model_fields if name != "tables"}
        return {**given, "seconds": float("nan") if self.seconds is None else self.seconds}


def as_text(content: Mapping[str, Any]) -> str:
    """Return the text of a description: its format, what it holds, and a checksum over that.

    NumPy values, sets and paths are written as JSON has them.
    """
    plain = json.loads(json.dumps({"format": FORMAT, **content}, default=_plain))
    return json.dumps({**plain, "sha256": _checksum(plain)}, indent=2) + "\n"


def read_description(folder: Path) -> Description:
    """Read the description of a stored result.

    Raises
    ------
    ResultError
        If there is none, it is damaged, or of another version of the format.
    """
    try:
        is_there = folder.is_dir()
    except OSError as error:
        raise ResultError(f"{folder} cannot be read: {reason(error)}") from error
    if not is_there:
        raise ResultError(f"there is no folder {folder}, so no result in it")
    path = current(folder, DESCRIPTION)
    if not path.is_file():
        raise ResultError(f"{folder} holds no result: there is no {DESCRIPTION} in it")
    content = _content(path)
    stored = content.pop("sha256", None)
    try:
        description = Description.model_validate(
            {name: value for name, value in content.items() if name != "format"}
        )
    except ValidationError as error:
        raise ResultError(f"{path} {_what_is_wrong(error, content)}") from None
    if stored != _checksum(content):
        raise ResultError(f"{path} was changed since it was written: its checksum is another")
    return description


def holds_result(folder: str | Path) -> bool:
    """Tell whether a folder is that of a stored result, damaged or not."""
    return current(Path(folder), DESCRIPTION).is_file()


def _content(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_bytes())
    except OSError as error:
        raise ResultError(f"{path} cannot be read: {reason(error)}") from error
    except (ValueError, RecursionError) as error:
        raise ResultError(f"{path} is damaged: it is no JSON ({error})") from error
    version = content.get("format") if isinstance(content, dict) else None
    if not isinstance(version, int):
        raise ResultError(f"{path} is no description of a result: it names no format")
    if version > FORMAT:
        raise ResultError(
            f"{path} was written by a newer ml4t-backtest; update the package to read it"
        )
    if version < FORMAT:
        raise ResultError(
            f"{path} is of format {version}, which is no longer read; make the result anew"
        )
    return content


def _what_is_wrong(error: ValidationError, content: Mapping[str, Any]) -> str:
    """Say the first thing that is wrong; what a later version wrote is told from what is damaged."""
    unknown = [name for name in content if name not in (*Description.model_fields, "format")]
    config = content.get("config")
    if isinstance(config, dict):
        unknown += [f"config.{name}" for name in config if name not in BacktestConfig.model_fields]
    if unknown:
        return f"has {unknown[0]}, which this version of ml4t-backtest does not know; update the package to read it"
    first = error.errors(include_url=False, include_input=False)[0]
    field = ".".join(map(str, first["loc"]))
    return f"is damaged: {field} is not what it must be ({first['msg']})"


def _checksum(content: Mapping[str, Any]) -> str:
    """Return the checksum of what a text says, however it is laid out."""
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def _plain(value: Any) -> Any:
    """Turn what JSON does not know into what it does: NumPy scalars and arrays, sets, paths, times."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, (set, frozenset)):
        return sorted(value, key=str)
    return str(value)
