"""What the rows of files are given by the names of their folders, or of the files themselves."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from ml4t.backtest.data.errors import DataError
from ml4t.backtest.data.tables.asked import Asked
from ml4t.backtest.data.tables.column_roles import SERIES_ROLES, plain
from ml4t.backtest.data.tables.find_files import TableFile
from ml4t.backtest.data.tables.vendor_columns import vendor_names

ASSET = "asset"
NOTHING = "__HIVE_DEFAULT_PARTITION__"
"""What Hive, Spark and Polars call a folder of rows without a value."""


def file_keys(
    files: Sequence[TableFile], columns: Sequence[str], asked: Asked, name: str
) -> dict[str, pa.Array]:
    """Return the columns that files do not have themselves: name to a value for each file.

    A key of folders is a column where it is asked for, or where it is the time or asset that the files
    do not have; what the files have themselves counts. So a file that holds one asset, and is named as
    it, is of that asset.

    Parameters
    ----------
    files : sequence of TableFile
    columns : sequence of str
        Those of the files.
    asked : Asked
    name : str
        What the table is called in messages.

    Raises
    ------
    DataError
        If some files have a key and some do not, or an asset is to be an integer and is none.
    """
    own = {plain(column) for column in columns}
    lacking = {
        known
        for role, names in SERIES_ROLES.items()
        if role not in asked.columns and not own & {*names, *vendor_names(role)}
        for known in names
    }
    used = [
        key
        for key in dict.fromkeys(key for file in files for key in file.keys)
        if key not in columns and (key in asked.names or plain(key) in lacking)
    ]
    found = {key: _values(files, key, asked, name) for key in used}
    stems = [file.stem for file in files]
    named = ASSET in lacking and not any(file.keys for file in files)
    if named and asked.files_are_assets(columns, stems):
        found[ASSET] = _assets(stems, asked, name)
    return found


def _values(files: Sequence[TableFile], key: str, asked: Asked, name: str) -> pa.Array:
    without = [file for file in files if key not in file.keys]
    if without:
        raise DataError(
            f"{name}: {without[0].path} stands in no folder {key}=..., as other files do; move it"
        )
    values = [file.keys[key] for file in files]
    if NOTHING in values:
        where = files[values.index(NOTHING)].path
        raise DataError(
            f"{name}: {where} says that its rows have no {key}; name it, or leave the file out"
        )
    if key == asked.columns.get("asset") or plain(key) in SERIES_ROLES["asset"]:
        return _assets(values, asked, name)
    try:
        return pa.array([int(value) for value in values], pa.int64())
    except ValueError:
        return pa.array(values)


def _assets(values: list[str], asked: Asked, name: str) -> pa.Array:
    """Return names of assets as the run has them: text is all that a file system has."""
    if not asked.integers:
        return pa.array(values)
    try:
        return pa.array([int(value) for value in values], pa.int64())
    except ValueError as error:
        raise DataError(
            f"{name}: {error.args[0].rpartition(' ')[2]} names an asset, but the assets of the run are integers; "
            "name it as one of them"
        ) from error
