"""The first and last time that were asked for, as a table stores its times."""

from __future__ import annotations

import datetime
import re
from typing import Any

import pandas as pd

from ml4t.backtest.data.errors import DAY_NS, DataError
from ml4t.backtest.data.stream.table_source import TableSource
from ml4t.backtest.data.tables.clock import Clock

DATE = re.compile(r"\s*\d{4}-\d{2}-\d{2}\s*")


def first_and_last(
    start: Any, end: Any, source: TableSource, clock: Clock
) -> tuple[int | None, int | None]:
    """Return the stored times after which and until which rows are meant.

    Parameters
    ----------
    start, end : str, date, datetime or None
    source : TableSource
    clock : Clock

    Raises
    ------
    DataError
        If one cannot be read, or the end is before the start.
    """
    zone = getattr(source.dataset.schema.field(source.time).type, "tz", None)
    after = None if start is None else _stored(start, "start", zone, clock) - 1
    until = None if end is None else _stored(end, "end", zone, clock)
    if until is not None and _is_date(end):
        until += DAY_NS - 1
    if after is not None and until is not None and until <= after:
        raise DataError(f"end must not be before start, was {end!r} after {start!r}")
    return after, until


def _is_date(value: Any) -> bool:
    if isinstance(value, str):
        return DATE.fullmatch(value) is not None
    return isinstance(value, datetime.date) and not isinstance(value, datetime.datetime)


def _stored(value: Any, argument: str, zone: str | None, clock: Clock) -> int:
    try:
        time = pd.Timestamp(value)
    except (ValueError, TypeError) as error:
        raise DataError(
            f"{argument} must be a date or time like '2024-01-31 16:00', was {value!r}"
        ) from error
    if time is pd.NaT:
        raise DataError(f"{argument} must be a date or time, was {value!r}")
    try:
        if zone is None:
            # Stamps without a zone: times with one are brought to the zone that they are said to have.
            if time.tzinfo is not None:
                time = time.tz_convert(clock.naive_zone or "UTC").tz_localize(None)
        elif time.tzinfo is None:
            # What pandas raises for such times is a class of its own in some versions: asked for, not caught.
            time = time.tz_localize(clock.naive_zone or "UTC", ambiguous="NaT", nonexistent="NaT")
            if time is pd.NaT:
                raise DataError(
                    f"{argument} is no time of {clock.naive_zone} or one that occurs twice there, was {value!r}; "
                    "give it with its offset"
                )
        return int(time.as_unit("ns").value)
    except (pd.errors.OutOfBoundsDatetime, OverflowError) as error:
        raise DataError(f"{argument} must lie between 1678 and 2262, was {value!r}") from error
