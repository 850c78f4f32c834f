"""A result as a folder: one Parquet file a table, the rest as JSON. No pickle, no code."""

from __future__ import annotations

import json
import platform
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow
from pyarrow import parquet

from ml4t.backtest.config import BacktestConfig
from ml4t.backtest.data.errors import DataError
from ml4t.backtest.records.columns import category_dtype
from ml4t.backtest.records.frames import TABLES

if TYPE_CHECKING:
    from ml4t.backtest.result import BacktestResult

FORMAT = 1
CATEGORIES = b"ml4t.categories"
DESCRIPTION = "result.json"
PACKAGES = ("ml4t-backtest", "numpy", "pandas", "pyarrow")


def arrow_table(frame: pd.DataFrame) -> pyarrow.Table:
    """Return ``frame`` as an Arrow table; a named index becomes the first column."""
    flat = frame.reset_index() if frame.index.name else frame
    table = pyarrow.Table.from_pandas(flat, preserve_index=False)
    metadata = table.schema.metadata
    for position, field in enumerate(table.schema):
        if pyarrow.types.is_dictionary(field.type):
            names = _names(table.column(position).combine_chunks())
            table = table.set_column(position, field.with_type(names.type), names)
    return table.replace_schema_metadata(metadata)


def _names(column: pyarrow.DictionaryArray) -> pyarrow.DictionaryArray:
    """Return a column of names in the one type that it has, however many names there are.

    Pandas counts them in as few bytes as will do: tables of 100 and of 200 assets could not be appended.
    """
    names = column.dictionary
    # Without any name, older versions of pandas say nothing of their type.
    if pyarrow.types.is_large_string(names.type) or pyarrow.types.is_null(names.type):
        names = names.cast(pyarrow.string())
    return pyarrow.DictionaryArray.from_arrays(column.indices.cast(pyarrow.int32()), names)


def write_result(result: BacktestResult, folder: str | Path) -> Path:
    """Write ``result`` into ``folder``; the description last, so that half a result is none."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / DESCRIPTION).unlink(missing_ok=True)
    for name in TABLES:
        frame = getattr(result, name)
        table = arrow_table(frame)
        table = table.replace_schema_metadata(
            {**table.schema.metadata, CATEGORIES: _categories(frame)}
        )
        parquet.write_table(table, folder / f"{name}.parquet", compression="zstd")
    text = json.dumps(_description(result), indent=2, default=_plain)
    (folder / DESCRIPTION).write_text(text + "\n", encoding="utf-8")
    return folder


def _categories(frame: pd.DataFrame) -> str:
    """Write down the names of each category column: Parquet keeps only those that occur."""
    columns = frame.select_dtypes("category")
    return json.dumps({name: column.cat.categories.tolist() for name, column in columns.items()})


def _description(result: BacktestResult) -> dict[str, Any]:
    not_reproducible = result.not_reproducible
    try:
        fingerprint = result.fingerprint
    except DataError as error:  # files of a feed changed: no reason to lose the result
        fingerprint, not_reproducible = "", f"its data have no fingerprint: {error}"
    return {
        "format": FORMAT,
        "strategy_name": result.strategy_name,
        "seconds": result.seconds if np.isfinite(result.seconds) else None,
        "partial": result.partial,
        "config": result.config.model_dump(mode="json"),
        "statistics": result.statistics,
        "counters": result.counters,
        "info": result.info,
        "fingerprint": fingerprint,
        "rules": [str(rule) for rule in result.rules],
        "run_file": result.run_file,
        "not_reproducible": not_reproducible,
        "versions": result.versions,
    }


@cache
def package_versions() -> dict[str, str | None]:
    """Return the versions of Python, of this package and of those it computes with."""
    versions: dict[str, str | None] = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:  # run from a source tree that is not installed
            versions[name] = None
    return versions


def _plain(value: Any) -> Any:
    """Turn what JSON does not know into what it does: NumPy scalars and arrays, sets, paths, times."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, (set, frozenset)):
        return sorted(value, key=str)
    return str(value)


def read_description(folder: str | Path) -> dict[str, Any]:
    """Read what a result holds besides its tables, as arguments of ``BacktestResult``."""
    path = Path(folder) / DESCRIPTION
    if not path.is_file():
        raise FileNotFoundError(
            f"{path.parent} holds no result: there is no {DESCRIPTION} (to_parquet writes it last)"
        )
    description = json.loads(path.read_text(encoding="utf-8"))
    if description.pop("format") > FORMAT:
        raise ValueError(
            f"{path} was written by a newer ml4t-backtest; update the package to read it"
        )
    description["config"] = BacktestConfig.model_validate(description["config"])
    if description["seconds"] is None:
        description["seconds"] = float("nan")
    return description


class StoredFrames:
    """The tables of a result in a folder, each read when it is first asked for."""

    def __init__(self, folder: str | Path) -> None:
        self._folder = Path(folder)

    def frame(self, table: str) -> pd.DataFrame:
        """Read the frame of ``table``."""
        stored = parquet.read_table(self._path(table))
        frame = stored.to_pandas()
        for name, categories in json.loads(stored.schema.metadata[CATEGORIES]).items():
            frame[name] = frame[name].astype(category_dtype(categories))
        return frame.set_index("timestamp") if table == "equity" else frame

    def column(self, table: str, name: str) -> np.ndarray:
        """Read one numeric column."""
        return parquet.read_table(self._path(table), columns=[name]).column(name).to_numpy()

    def _path(self, table: str) -> Path:
        return self._folder / f"{table}.parquet"
