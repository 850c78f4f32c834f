"""A result as a folder: one Parquet file a table, the rest as JSON. No pickle, no code."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from ml4t.backtest.records.arrow_table import arrow_table
from ml4t.backtest.records.description import DESCRIPTION, Kind, as_text
from ml4t.backtest.records.frames import TABLES
from ml4t.backtest.records.replaced import replaced
from ml4t.backtest.records.stored_frames import OWN, TYPES, checksum, file_of

KINDS = {kind: name for name, kind in TYPES.items()}


def write_folder(
    folder: str | Path, frame_of: Callable[[str], pd.DataFrame], description: Mapping[str, Any]
) -> Path:
    """Write tables and description into ``folder``, aside and then all at once.

    Parameters
    ----------
    folder : str or Path
        Made where it is missing; a result already there is replaced, and is there until then.
    frame_of : callable
        Returns the frame of each of :data:`~ml4t.backtest.records.frames.TABLES`.
    description : mapping
        What the result holds besides its tables.

    Raises
    ------
    ResultError
        If it cannot be written; what the folder held before is there still.
    """
    folder = Path(folder)
    with replaced(folder, [*map(file_of, TABLES), DESCRIPTION]) as aside:
        tables = {name: _write(frame_of(name), name, aside / file_of(name)) for name in TABLES}
        text = as_text({**description, "tables": tables})
        (aside / DESCRIPTION).write_text(text, encoding="utf-8")
    return folder


def _write(frame: pd.DataFrame, table: str, path: Path) -> dict[str, Any]:
    """Write one table; return what it looks like, as ``StoredTable`` has it."""
    from pyarrow import parquet  # slow to import, and most runs store nothing

    written = arrow_table(frame)
    written = written.replace_schema_metadata({**written.schema.metadata, OWN: table})
    parquet.write_table(written, path, compression="zstd", write_page_checksum=True)
    categories = frame.select_dtypes("category")
    return {
        "sha256": checksum(path),
        "columns": {field.name: _kind(field.type) for field in written.schema},
        "names": {name: column.cat.categories.tolist() for name, column in categories.items()},
    }


def _kind(kind: pa.DataType) -> Kind:
    return "name" if pa.types.is_dictionary(kind) else KINDS[kind]
