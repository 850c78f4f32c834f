"""A result as a folder: one Parquet file a table, the rest as JSON. No pickle, no code."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow

from ml4t.backtest.records.arrow_table import arrow_table
from ml4t.backtest.records.columns import category_dtype
from ml4t.backtest.records.frames import TABLES

FORMAT = 1
CATEGORIES = b"ml4t.categories"
DESCRIPTION = "result.json"


def write_folder(
    folder: str | Path, frame_of: Callable[[str], pd.DataFrame], description: Mapping[str, Any]
) -> Path:
    """Write tables and description into ``folder``; the description last, so that half a result is none.

    Parameters
    ----------
    folder : str or Path
        Made where it is missing; a result already there is replaced.
    frame_of : callable
        Returns the frame of each of :data:`~ml4t.backtest.records.frames.TABLES`.
    description : mapping
        What the result holds besides its tables; NumPy values, sets and paths are written as JSON has them.
    """
    from pyarrow import parquet  # slow to import, and most runs write nothing

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / DESCRIPTION).unlink(missing_ok=True)
    for name in TABLES:
        frame = frame_of(name)
        table = arrow_table(frame)
        table = table.replace_schema_metadata(
            {**table.schema.metadata, CATEGORIES: _categories(frame)}
        )
        parquet.write_table(table, folder / f"{name}.parquet", compression="zstd")
    text = json.dumps({"format": FORMAT, **description}, indent=2, default=_plain)
    (folder / DESCRIPTION).write_text(text + "\n", encoding="utf-8")
    return folder


def _categories(frame: pd.DataFrame) -> str:
    """Write down the names of each category column in their order: Parquet keeps that in which they occur."""
    columns = frame.select_dtypes("category")
    return json.dumps({name: column.cat.categories.tolist() for name, column in columns.items()})


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
    """Read what was written beside the tables.

    Raises
    ------
    FileNotFoundError
        If there is none: the folder holds no result, or half of one.
    ValueError
        If it was written by a newer format.
    """
    path = Path(folder) / DESCRIPTION
    if not path.is_file():
        raise FileNotFoundError(
            f"{path.parent} holds no result: there is no {DESCRIPTION} (to_parquet writes it last)"
        )
    description: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if description.pop("format") > FORMAT:
        raise ValueError(
            f"{path} was written by a newer ml4t-backtest; update the package to read it"
        )
    return description


class StoredFrames:
    """The tables of a result in a folder, each read when it is first asked for."""

    def __init__(self, folder: str | Path) -> None:
        self._folder = Path(folder)

    def frame(self, table: str) -> pd.DataFrame:
        """Read the frame of ``table``."""
        stored = self._read(table)
        frame = stored.to_pandas()
        for name, categories in json.loads(stored.schema.metadata[CATEGORIES]).items():
            is_number = pyarrow.types.is_integer(stored.schema.field(name).type)
            dtype = category_dtype(categories, int if is_number else str)
            frame[name] = frame[name].astype(dtype)
        return frame.set_index("timestamp") if table == "equity" else frame

    def column(self, table: str, name: str) -> np.ndarray:
        """Read one numeric column."""
        return self._read(table, [name]).column(name).to_numpy()

    def _read(self, table: str, columns: list[str] | None = None) -> Any:
        from pyarrow import parquet

        return parquet.read_table(self._folder / f"{table}.parquet", columns=columns)
