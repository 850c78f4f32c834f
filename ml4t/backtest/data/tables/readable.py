"""Whether what a file calls its columns can be read at all."""

from __future__ import annotations

import pyarrow as pa

from ml4t.backtest.data.errors import DataError


def readable(schema: pa.Schema, where: str) -> pa.Schema:
    """Return the schema of a table, whose names and zones are text.

    Parameters
    ----------
    schema : pyarrow.Schema
    where : str
        Table or file, for messages.

    Raises
    ------
    DataError
        If a name or a zone is no UTF-8: Arrow finds that when it is asked for it.
    """
    try:
        for field in schema:
            _ = field.name, getattr(field.type, "tz", None)
    except UnicodeDecodeError as error:
        raise DataError(
            f"{where}: a column has a name or a time zone that is no text ({error}); write the table anew, as UTF-8"
        ) from error
    return schema
