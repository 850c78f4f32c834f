"""Asset names become codes: the position of the name in asset order."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from ml4t.backtest.data.arrays import Int32s
from ml4t.backtest.data.errors import DataError, count_rows
from ml4t.backtest.data.tables.arrow import is_text, single


def encode(column: Any, table_name: str, column_name: str) -> tuple[Int32s, list[Any]]:
    """Return codes of a column of asset names, and the names they stand for.

    Parameters
    ----------
    column : pyarrow array of text or integers, plain or dictionary-encoded

    Returns
    -------
    codes : int32 array, shape (n_rows,)
    names : list of str or int
        In no particular order; some may not occur in ``codes``.

    Raises
    ------
    DataError
        If a name is missing, or the column holds something else.
    """
    array = single(column)
    values = array.type.value_type if pa.types.is_dictionary(array.type) else array.type
    if array.null_count:
        raise DataError(
            f"{table_name}: column {column_name!r} names no asset in {count_rows(array.null_count)}; drop or name them"
        )
    if len(array) == 0:
        return np.zeros(0, np.int32), []
    if not (is_text(values) or pa.types.is_integer(values)):
        raise DataError(
            f"{table_name}: column {column_name!r} holds {values}, must name assets as text or integers"
        )
    if not pa.types.is_dictionary(array.type):
        if not (pa.types.is_string(values) or pa.types.is_integer(values)):
            array = array.cast(pa.large_string())
        array = array.dictionary_encode()
    try:
        names = array.dictionary.to_pylist()
    except UnicodeDecodeError as error:
        raise DataError(
            f"{table_name}: column {column_name!r} names an asset in bytes that are no text ({error}); "
            "write the file anew, as UTF-8"
        ) from error
    codes = array.indices.to_numpy().astype(np.int32, copy=False)
    # Below zero as well: as they are counted here that is beyond the last one.
    if codes.view(np.uint32).max() >= len(names):
        raise DataError(
            f"{table_name}: column {column_name!r} is damaged: it names assets by numbers that it does not explain"
        )
    _refuse_empty(codes, names, f"{table_name}: column {column_name!r}")
    return codes, names


def _refuse_empty(codes: Int32s, names: Sequence[str], where: str) -> None:
    # A dictionary may have an entry that is no name.
    empty = [code for code, name in enumerate(names) if name is None or not str(name).strip()]
    n_rows = int(np.isin(codes, empty).sum()) if empty else 0
    if n_rows:
        raise DataError(f"{where} names no asset in {count_rows(n_rows)}; drop or name them")


def recode(codes: Int32s, names: Sequence[Any], assets: Sequence[Any]) -> Int32s:
    """Return codes into ``assets`` for codes into ``names``; -1 where a name is not among them."""
    place = {name: code for code, name in enumerate(assets)}
    return np.array([place.get(name, -1) for name in names] or [-1], np.int32)[codes]


def used_names(codes: Int32s, names: Sequence[Any]) -> list[Any]:
    """Return the names that occur in ``codes``."""
    counts = np.bincount(codes, minlength=len(names))
    return [name for name, count in zip(names, counts, strict=True) if count]


def asset_order(
    present: list[Any], column_order: bool, given: Sequence[Any] | None, table_name: str
) -> tuple[Any, ...]:
    """Return the assets of a run in their order, as a tuple.

    Parameters
    ----------
    present : list of names with rows
    column_order : bool
        ``present`` stands in the order of a wide table's columns, which holds unless one is given.
    given : sequence of names, optional
        The user's order; may hold names without a row.

    Raises
    ------
    DataError
        If the given order lacks a name that has rows.
    """
    if given is None:
        return tuple(present) if column_order else tuple(sorted(present))
    given = tuple(given)
    named = set(given)
    refuse_other_type(present, given, table_name)
    missing = [str(name) for name in present if name not in named]
    if missing:
        raise DataError(
            f"{table_name}: {len(missing)} of its assets are not in assets= ({', '.join(missing[:3])}"
            f"{', ...' if len(missing) > 3 else ''}); name them there, or take their rows out of the table"
        )
    return given


def refuse_other_type(present: Iterable[Any], given: Iterable[Any], table_name: str) -> None:
    """Refuse assets named as text in a table and as integers in ``assets=``, or the other way."""
    sides = [{isinstance(name, str) for name in names} for names in (present, given)]
    if all(len(side) == 1 for side in sides) and sides[0] != sides[1]:
        kinds = ("text", "integers") if sides[0] == {True} else ("integers", "text")
        raise DataError(
            f"{table_name}: assets are {kinds[0]} in the table and {kinds[1]} in assets=; name them as the table does"
        )
