"""Times that are numbers: counted since 1970, UTC, in a unit that the user says."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from ml4t.backtest.data.errors import DataError

UNITS = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}
"""Nanoseconds of each unit of time that Arrow and pandas know."""
WORDS = {"s": "seconds", "ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds"}
FIRST_SECOND, LAST_SECOND = 10**8, 7_258_118_400  # 1973 to 2200


def check_time_unit(unit: str | None) -> None:
    """Refuse a unit that is not known."""
    if unit is not None and (not isinstance(unit, str) or unit not in UNITS):
        raise DataError(f"time_unit must be {', '.join(map(repr, UNITS))}, was {unit!r}")


def is_number(kind: pa.DataType) -> bool:
    """Tell whether a type is one of numbers."""
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))


def from_epochs(array: pa.Array, unit: str | None, where: str) -> pa.Array:
    """Return a column of numbers as timestamps of UTC.

    Parameters
    ----------
    array : pyarrow array of integers, or of floats without fractions
    unit : str or None
        Of ``UNITS``.
    where : str
        Table and column, for messages.

    Raises
    ------
    DataError
        If the unit was not said, or there are fractions of it.
    """
    if unit is None:
        raise DataError(
            f"{where} holds {array.type}, must hold dates or timestamps; {_advice(array)}"
        )
    try:
        return array.cast(pa.int64()).cast(pa.timestamp(unit, "UTC"))
    except pa.ArrowInvalid as error:
        raise DataError(
            f"{where} must hold whole numbers of {WORDS[unit]} (time_unit={unit!r}), has others"
        ) from error


def _advice(array: pa.Array) -> str:
    numbers = array.drop_null().to_numpy(zero_copy_only=False).astype(np.float64)
    numbers = numbers[np.isfinite(numbers)]
    if len(numbers) and _are_written_dates(numbers):
        whole = "" if pa.types.is_integer(array.type) else ".astype('int64')"
        return (
            f"dates like 20240102 are read with pandas.to_datetime(column{whole}.astype(str), "
            "format='%Y%m%d')"
        )
    size = float(np.median(np.abs(numbers))) if len(numbers) else 0.0
    for unit, nanoseconds in UNITS.items():
        per_second = 10**9 // nanoseconds
        if FIRST_SECOND * per_second <= size <= LAST_SECOND * per_second:
            return f"they look like {WORDS[unit]} since 1970, UTC, which time_unit={unit!r} says"
    return f"say what they count since 1970, UTC, with time_unit= ({', '.join(map(repr, UNITS))})"


def _are_written_dates(numbers: np.ndarray) -> bool:
    year, month, day = numbers // 10_000, numbers // 100 % 100, numbers % 100
    inside = (year >= 1900) & (year <= 2200) & (month >= 1) & (month <= 12) & (day >= 1)
    return bool((inside & (day <= 31) & (numbers % 1 == 0)).all())
