"""Times as text, and as objects of Python: typed, each at the midnight of its own zone if it is a date."""

from __future__ import annotations

import datetime
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from ml4t.backtest.data.arrays import Int64s, Marks
from ml4t.backtest.data.errors import DataError, mixed_zones
from ml4t.backtest.data.tables.midnights import whole_days

WITH_ZONE = r"^.{11,}(Z|[+-]\d{2}(:?\d{2})?)$"
"""ISO 8601 text of a time, not of a date, that ends in its zone."""
OFFSET = r"(?P<offset>Z|[+-]\d{2}(?::?\d{2})?)$"
DAYS = {
    r"\d{8}": "%Y%m%d",
    r"\d{4}/\d{1,2}/\d{1,2}": "%Y/%m/%d",
    r"\d{4}\.\d{1,2}\.\d{1,2}": "%Y.%m.%d",
}
CLOCKS = {"": "", r" \d{2}:\d{2}": " %H:%M", r" \d{2}:\d{2}:\d{2}": " %H:%M:%S"}
FORMATS = {day + clock: DAYS[day] + CLOCKS[clock] for day in DAYS for clock in CLOCKS}
"""How times are written that are read by one format, and that."""
MINUTE_NS = 60 * 10**9


def parse_times(array: pa.Array, where: str) -> pa.Array:
    """Return ISO 8601 text as timestamps or dates.

    Parameters
    ----------
    array : pyarrow array of text
    where : str
        Table and column, for messages.

    Returns
    -------
    pyarrow.Array
        Text without zones: timestamps without one. Text of one offset: timestamps of it. Text of
        several: dates where each is a midnight of its own, timestamps of UTC otherwise.
    """
    text = array.cast(pa.large_string())
    try:
        return text.cast(pa.timestamp("ns"))
    except pa.ArrowInvalid:
        pass
    try:
        instants = text.cast(pa.timestamp("ns", "UTC"))
    except pa.ArrowInvalid as error:
        if _are_times(text):
            raise _mixed_zones(text, where) from None
        odd = _first_odd(text)
        raise DataError(
            f"{where} holds {odd!r}, must hold ISO 8601 times (2024-01-31 16:00:00, all with or all without a "
            f"zone); {how_to_read(odd)}"
        ) from error
    return _at_their_offsets(instants, text, where)


def _have_zones(text: pa.Array) -> pa.Array:
    return pc.fill_null(pc.match_substring_regex(text, WITH_ZONE), False)


def _are_times(text: pa.Array) -> bool:
    """Tell whether each is a time, with a zone or without."""
    aware = _have_zones(text)
    try:
        text.filter(aware).cast(pa.timestamp("ns", "UTC"))
        text.filter(pc.invert(aware)).cast(pa.timestamp("ns"))
    except pa.ArrowInvalid:
        return False
    return True


def _mixed_zones(text: pa.Array, where: str) -> DataError:
    aware = _have_zones(text)
    naive = pc.and_(pc.invert(aware), text.is_valid())
    return mixed_zones(
        where, aware.to_numpy(zero_copy_only=False), naive.to_numpy(zero_copy_only=False), text
    )


def _first_odd(text: pa.Array) -> str:
    """Return the first that is no time, of some of which one is none."""
    while len(text) > 1:
        half = len(text) // 2
        text = text[half:] if _are_times(text[:half]) else text[:half]
    return str(text[0].as_py())


def how_to_read(text: str) -> str:
    """Return the end of a sentence: how a column of times that are written so is read."""
    for shape, written in FORMATS.items():
        if re.fullmatch(shape, text):
            return f"read them with pandas.to_datetime(column, format={written!r})"
    if re.fullmatch(r"\d{1,2}[/.]\d{1,2}[/.]\d{4}\b.*", text):
        return (
            "read them with pandas.to_datetime(column, dayfirst=False), or with dayfirst=True, if the day "
            "stands first"
        )
    if re.search(r"[A-Za-z]{3}", text) and re.search(r"\d{4}", text):
        return "read them with pandas.to_datetime(column)"
    return "correct them, or leave the rows out"


def _at_their_offsets(instants: pa.Array, text: pa.Array, where: str) -> pa.Array:
    """Return instants, whose text says the offset of each, in the zone that this makes them of."""
    written = pc.struct_field(pc.extract_regex(text, OFFSET), "offset").dictionary_encode()
    minutes = np.array([_minutes(offset.as_py()) for offset in written.dictionary], np.int64)
    if len(np.unique(minutes)) == 1:
        return instants.cast(pa.timestamp("ns", _zone(int(minutes[0]))))
    codes = pc.fill_null(written.indices, 0).to_numpy(zero_copy_only=False)
    offsets = minutes[codes] * MINUTE_NS if len(minutes) else np.zeros(len(codes), np.int64)
    valid = instants.is_valid().to_numpy(zero_copy_only=False)
    return of_own_zones(instants, offsets, valid, where)


def _minutes(offset: str) -> int:
    if offset == "Z":
        return 0
    digits = re.sub(r"\D", "", offset).ljust(4, "0")
    minutes = 60 * int(digits[:2]) + int(digits[2:])
    return -minutes if offset[0] == "-" else minutes


def _zone(minutes: int) -> str:
    if minutes == 0:
        return "UTC"
    hours, rest = divmod(abs(minutes), 60)
    return f"{'-' if minutes < 0 else '+'}{hours:02}:{rest:02}"


def of_own_zones(instants: pa.Array, offsets: Int64s, valid: Marks, where: str) -> pa.Array:
    """Return times of several zones: dates where each is at its own midnight, else the instants.

    Parameters
    ----------
    instants : pyarrow array of timestamps with a zone
    offsets : int64 array, shape (n,)
        Nanoseconds of local time before UTC.
    valid : bool array, shape (n,)
        Whether there is a time.
    where : str
    """
    utc = instants.cast(pa.timestamp("ns", "UTC"))
    local = pc.fill_null(utc.cast(pa.int64()), 0).to_numpy(zero_copy_only=False) + offsets
    days, strays = whole_days(local[valid], None)
    if strays is not None:
        strays.refuse(where)
    if days is None:
        return utc
    all_days = np.zeros(len(local), np.int32)
    all_days[valid] = days
    return pa.array(all_days, mask=~valid).cast(pa.date32())


def time_objects(array: pa.Array, values: Sequence[Any], where: str) -> pa.Array:
    """Return what objects of Python say of times: Arrow takes all for what the first one is.

    A date beside times of day is a midnight. Times of different zones are dates, if each is at the
    midnight of its own, or instants.

    Parameters
    ----------
    array : pyarrow array of dates or timestamps
        The objects as Arrow reads them.
    values : sequence of date, datetime, Timestamp or nothing
    where : str
        Table and column, for messages.

    Raises
    ------
    MixedZonesError
        If some have a zone and some do not: Arrow takes the latter for UTC.
    """
    valid = ~np.asarray(pd.isna(pd.Series(values, dtype=object)), bool)
    aware = np.array([getattr(value, "tzinfo", None) is not None for value in values], bool) & valid
    if aware.any() and (valid & ~aware).any():
        raise mixed_zones(where, aware, valid & ~aware, values)
    if not aware.any():
        return _with_times_of_day(array, values, valid)
    offsets = np.array(
        [_offset(value) if known else 0 for value, known in zip(values, valid, strict=True)],
        np.int64,
    )
    if len(np.unique(offsets[valid])) == 1:
        return array
    return of_own_zones(array, offsets, valid, where)


def _offset(value: datetime.datetime) -> int:
    offset = value.utcoffset() or datetime.timedelta(0)
    return int(offset / datetime.timedelta(microseconds=1)) * 1000


def _with_times_of_day(array: pa.Array, values: Sequence[Any], valid: Marks) -> pa.Array:
    is_time = [isinstance(value, datetime.datetime) for value in values]
    if not pa.types.is_date(array.type) or not (np.array(is_time, bool) & valid).any():
        return array
    times = [
        None if not known else value if timed else datetime.datetime.combine(value, datetime.time())
        for value, timed, known in zip(values, is_time, valid, strict=True)
    ]
    return pa.array(times, pa.timestamp("us"))
