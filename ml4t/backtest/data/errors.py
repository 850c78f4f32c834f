"""Errors and warnings of data, and how they name rows."""

import sys
import warnings
from collections.abc import Callable
from types import FrameType
from typing import Any, SupportsInt

import numpy as np

from ml4t.backtest.data.arrays import Int64s, Marks

PACKAGE = "ml4t.backtest."
DAY_NS = 86_400_000_000_000
SHOWN = 3


class DataError(ValueError):
    """Input tables that cannot be simulated honestly: says what, where and what to do.

    Attributes
    ----------
    partial_result : BacktestResult or None
        Where a run was reading them chunk by chunk: what had happened up to then.
    """

    partial_result: Any = None


class MixedZonesError(DataError):
    """A column of times of which some name a zone and some do not.

    Attributes
    ----------
    table, column : str
        Where it is; empty where only the message says it.
    rows : int64 array, shape (n,)
        Rows of the table that hold the kind of which there are fewer.
    """

    table: str = ""
    column: str = ""
    rows: Int64s


class LookAheadError(DataError):
    """A value that would be known before it could have been."""


class DataWarning(UserWarning):
    """Something in the tables that is allowed, but probably not meant."""


def warn(message: str, category: type[Warning] = DataWarning) -> None:
    """Warn of the line outside of this package that led here.

    What a feed finds as it reads ahead was led to by no such line: its thread is named then.
    """
    level = 1
    frame: FrameType | None = sys._getframe()
    while frame is not None and f"{frame.f_globals.get('__name__')}.".startswith(PACKAGE):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level)


def format_time(time_ns: SupportsInt) -> str:
    """Return nanoseconds UTC as text: a date alone at midnight, else to the second or finer."""
    time_ns = int(time_ns)
    stamp = np.datetime64(time_ns, "ns")
    if time_ns % DAY_NS == 0:
        return str(stamp.astype("datetime64[D]"))
    if time_ns % 1_000_000_000 == 0:
        return str(stamp.astype("datetime64[s]")).replace("T", " ") + " UTC"
    return str(stamp).replace("T", " ") + " UTC"


def first_times(times: Int64s) -> str:
    """Return the first times as text, nanoseconds of whatever clock."""
    shown = ", ".join(
        str(np.datetime64(int(time), "ns").astype("datetime64[s]")).replace("T", " ")
        for time in times[:SHOWN]
    )
    return shown + (", ..." if len(times) > SHOWN else "")


def first_rows(bad: Marks, times: Int64s, names: Callable[[Any], Any] | None, values: Any) -> str:
    """Describe the first rows where ``bad`` is true as (timestamp, asset, value).

    Parameters
    ----------
    bad : bool array, shape (n,)
    times : int64 array, shape (n,), nanoseconds UTC
    names : callable from row to asset name, or None for a table without assets
    values : array, shape (n,), or None
    """
    described = []
    for row in np.flatnonzero(bad)[:SHOWN]:
        parts = [format_time(times[row])]
        if names is not None:
            parts.append(str(names(row)))
        if values is not None:
            value = values[row]
            parts.append(f"{value:g}" if isinstance(value, float | np.floating) else str(value))
        described.append(f"({', '.join(parts)})")
    more = ", ..." if np.count_nonzero(bad) > SHOWN else ""
    return ", ".join(described) + more


def mixed_zones(where: str, aware: Marks, naive: Marks, values: Any) -> MixedZonesError:
    """Return the error of a column that mixes times with and without a zone.

    Parameters
    ----------
    where : str
        Table and column.
    aware, naive : bool array, shape (n,)
        Which rows hold which; those without a time are neither.
    values : sequence of n times
    """
    odd = np.flatnonzero(aware if aware.sum() <= naive.sum() else naive)
    shown = ", ".join(f"row {row} ({values[int(row)]})" for row in odd[:SHOWN])
    error = MixedZonesError(
        f"{where} mixes times with a zone ({count_rows(aware.sum())}) and without one "
        f"({count_rows(naive.sum())}): {shown}{', ...' if len(odd) > SHOWN else ''}; give all of them "
        "a zone, or none"
    )
    error.rows = odd
    return error


def count_rows(n_rows: int) -> str:
    """Return '1 row' or 'n rows'."""
    return "1 row" if n_rows == 1 else f"{n_rows:,} rows"
