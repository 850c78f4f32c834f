"""Times of rows: where a table has them, and what they say, read as the times of any table are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from ml4t.backtest.data.errors import DataError, MixedZonesError
from ml4t.backtest.data.tables.arrow import is_text, pandas_column, plain_type
from ml4t.backtest.data.tables.column_roles import ASSET, TIMES, plain
from ml4t.backtest.data.tables.stamps import plain_times
from ml4t.backtest.walk_forward.errors import WalkForwardError

ROWS = "rows"
"""What the table is called in messages."""


def found(X: Any, given: Any, name: str) -> Any:
    """Return a column that is named, or what was given for it.

    Raises
    ------
    WalkForwardError
        If the table has no such column or level.
    """
    if not isinstance(given, str):
        return given
    columns = getattr(X, "columns", None)
    if columns is not None and given in list(columns):
        return X[given]
    index = getattr(X, "index", None)
    if isinstance(index, pd.Index) and given in index.names:
        return index.get_level_values(given)
    where = "there is no table" if X is None else f"{type(X).__name__} has no such column or level"
    raise WalkForwardError(f"{name} is the name {given!r}, and {where}")


def times_of(X: Any) -> pd.Index | None:
    """Return the index of a table, or the level of it, that has the times of its rows; None where it counts rows.

    Raises
    ------
    WalkForwardError
        If several levels have times; if the index has periods in their place, or neither times nor numbers.
    """
    index = getattr(X, "index", None)
    if not isinstance(index, pd.Index) or not len(index):
        return None
    kinds = [_kind(_values(index, place)) for place in range(index.nlevels)]
    of_time = [place for place, kind in enumerate(kinds) if kind == "times"]
    # As in any table: text is a time by its name, and without a level of times by what it says.
    written = [place for place, kind in enumerate(kinds) if kind == "text"]
    of_time += [place for place in written if plain(index.names[place]) in TIMES]
    if not of_time and "periods" in kinds:
        raise WalkForwardError(_of_periods(index.names[kinds.index("periods")]))
    if not of_time:
        of_time = [place for place in written if _reads_as_times(_values(index, place))]
    if len(of_time) > 1:
        raise WalkForwardError(
            "the index has several levels of times: say which are those of the rows (times=)"
        )
    if of_time:
        return index.get_level_values(of_time[0])
    if any(kind != "numbers" for kind in kinds):
        odd = next(place for place, kind in enumerate(kinds) if kind != "numbers")
        raise WalkForwardError(
            f"the index has neither times nor numbers of rows, but {index.get_level_values(odd)[0]!r}: say when the rows "
            "are with times=, read it with pandas.to_datetime, or drop it with reset_index(drop=True) where each row is a "
            "session"
        )
    return None


def read_times(name: str, given: Any, n: int | None) -> pd.DatetimeIndex:
    """Return times as they are written: dates at midnight, those without a zone without one.

    Parameters
    ----------
    name : str
        For messages.
    given : array, Series or Index of dates or times
        Timestamps of pandas, NumPy or Arrow, dates and times of Python, ISO 8601 text.
    n : int or None
        How many there must be.

    Raises
    ------
    WalkForwardError
        If they are something else, of another number, or missing somewhere.
    """
    values = given.to_pandas() if hasattr(given, "to_pandas") else given
    if getattr(getattr(values, "dtype", None), "kind", "") == "O":  # timestamps one by one
        values = list(values)
    try:
        index = pd.Index(values)
    except (TypeError, ValueError) as error:
        raise WalkForwardError(f"{name} must be dates or times: {error}") from error
    if not isinstance(index, pd.DatetimeIndex):
        index = _as_datetimes(name, index)
    if n is not None and len(index) != n:
        raise WalkForwardError(
            f"{name} has {len(index):,} values for {n:,} rows: give one for each row"
        )
    missing = index.isna()
    if missing.any():
        raise WalkForwardError(
            f"{name} lacks {np.count_nonzero(missing):,} values, the first at row {int(np.argmax(missing))}: leave out "
            "the rows without one"
        )
    return index


def _as_datetimes(name: str, index: pd.Index) -> pd.DatetimeIndex:
    kind = _kind(index)
    if kind == "periods":
        raise WalkForwardError(_of_periods(name))
    if kind == "numbers" and len(index):
        raise WalkForwardError(f"{name} must be dates or times: they are {index.dtype}")
    try:
        array = plain_times(pandas_column(index, ROWS, name), ROWS, name)
    except DataError as error:
        raise WalkForwardError(f"{name} must be dates or times: {error}") from error
    if pa.types.is_date(array.type):
        array = array.cast(pa.timestamp("s" if pa.types.is_date32(array.type) else "ms"))
    if len(array) and not pa.types.is_timestamp(array.type):
        raise WalkForwardError(f"{name} must be dates or times: they are {array.type}")
    return pd.DatetimeIndex(array.to_pandas())


def _values(index: pd.Index, place: int) -> pd.Index:
    """Return the values of a level, each once where it has several: a panel has few of them."""
    return index.levels[place] if isinstance(index, pd.MultiIndex) else index


def _kind(values: pd.Index) -> str:
    """Return what values are: times, text (which may be times), periods, numbers, or something other.

    Raises
    ------
    WalkForwardError
        If they are times of which some have a zone and some have none.
    """
    if isinstance(values, pd.CategoricalIndex):
        values = values.categories.rename(values.name)
    if isinstance(values, pd.DatetimeIndex):
        return "times"
    if isinstance(values, pd.PeriodIndex) or _is_objects(values, "period"):
        return "periods"
    if pd.api.types.is_numeric_dtype(values.dtype) or _is_objects(values, "integer"):
        return "numbers"
    try:
        kind = plain_type(pandas_column(values, ROWS, values.name).type)
    except MixedZonesError as error:
        raise WalkForwardError(str(error)) from error
    except DataError:
        return "other"
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return "times"
    return "text" if is_text(kind) else "other"


def _is_objects(values: pd.Index, kind: str) -> bool:
    return values.dtype == object and pd.api.types.infer_dtype(values, skipna=True) == kind


def _of_periods(name: Any) -> str:
    where = "the index holds" if name is None else f"{name!r} holds"
    return (
        f"{where} periods; a period is over at its end: turn it into that time with .to_timestamp(how='end'), and with "
        ".normalize() into a date where it is a day or longer"
    )


def _reads_as_times(values: pd.Index) -> bool:
    if plain(values.name) in ASSET:
        return False
    try:
        plain_times(pandas_column(values, ROWS, values.name), ROWS, str(values.name))
    except DataError:
        return False
    return True
