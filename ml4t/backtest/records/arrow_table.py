"""Frames as Arrow tables, of the same types whatever a run held."""

import pandas as pd
import pyarrow


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
