"""What a user can say about one table besides handing it over."""

import datetime
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ml4t.backtest.data.errors import DAY_NS, DataError
from ml4t.backtest.data.tables.asked import Asked
from ml4t.backtest.data.tables.epochs import check_time_unit

UNITS = {
    "w": 7 * DAY_NS,
    "d": DAY_NS,
    "h": 3_600 * 10**9,
    "min": 60 * 10**9,
    "s": 10**9,
    "ms": 10**6,
    "us": 10**3,
    "ns": 1,
}

LONGEST_NS = 36_525 * DAY_NS


@dataclass(frozen=True)
class Table:
    """A table of signals, features or context, and when its values become known.

    Parameters
    ----------
    source : table or path
        As anywhere in :func:`~ml4t.backtest.data.market_data`.
    values : sequence of str, optional
        The columns to take; all by default, so a label that is not an input must be left out here.
    columns : mapping of role to column name, optional
        Roles are ``timestamp``, ``asset`` and ``available_at``.
    available_after : str or timedelta, optional
        Lag from a value's own time to its publication (``"1d"``, ``"90min"``). Not together with a
        column ``available_at``. Whole days after a date are calendar days.
    timing : {"strict", "next_bar", "lag=n"}
        The bar that first sees a value: the first at or after its publication, the asset's next
        one, or the n-th after. For context, bars are timestamps.
    max_age : str or timedelta, optional
        A value older than this at a bar, counted from its publication, is NaN there.
    bar_time : str, or mapping of asset to str, optional
        Time of day of this table's dates, if it is not that of the run.
    stamps : {"end", "start"}
        Whether times are the ends of what values speak of, or the starts, as those of ccxt, Binance,
        Alpaca, Polygon and MetaTrader are. A value is known ``bar_length`` after its start.
    bar_length : str or timedelta, optional
        From start to end (``"1h"``); by default the step of the table's own times.
    time_unit : {"s", "ms", "us", "ns"}, optional
        What times that are numbers count since 1970, UTC; by default as the run says.
    on_violation : {"raise", "warn"}, optional
        What a value published before its own time does; by default as the run says.

    Raises
    ------
    DataError
        If an option cannot be read.
    """

    source: Any
    values: Sequence[str] | None = None
    columns: Mapping[str, str] | None = None
    available_after: Any = None
    timing: str = "strict"
    max_age: Any = None
    bar_time: str | Mapping[Any, str] | None = None
    stamps: str = "end"
    bar_length: Any = None
    time_unit: str | None = None
    on_violation: str | None = None

    def __post_init__(self) -> None:
        if isinstance(self.source, Table):
            raise DataError("a Table holds a table or a path, not another Table")
        object.__setattr__(self, "values", given_values(self.values))
        check_columns(self.columns)
        if self.on_violation is not None:
            check_on_violation(self.on_violation)
        check_starts(self.stamps, self.bar_length)
        check_time_unit(self.time_unit)
        if self.stamps == "start" and self.bar_time is not None:
            raise DataError(
                "stamps='start' and bar_time= both say when dates are complete; give one"
            )
        _ = self.lag_bars, self.lag_ns, self.max_age_ns

    @property
    def asked(self) -> Asked:
        """What is asked of the table by name."""
        return Asked(self.columns or {}, self.values or ())

    @property
    def lag_bars(self) -> int:
        """Bars by which a value is seen later than it could be."""
        timing = str(self.timing)
        known = {"strict": 0, "next_bar": 1}
        if timing in known:
            return known[timing]
        name, _, number = timing.partition("=")
        if name == "lag" and number.isdigit():
            return int(number)
        raise DataError(f"timing must be 'strict', 'next_bar' or 'lag=n', was {self.timing!r}")

    @property
    def lag_ns(self) -> int:
        """Nanoseconds from a value's own time to its publication."""
        return (
            0
            if self.available_after is None
            else _duration(self.available_after, "available_after")
        )

    @property
    def max_age_ns(self) -> int | None:
        """Nanoseconds from its publication for which a value holds; None if it holds forever."""
        return None if self.max_age is None else _duration(self.max_age, "max_age")

    @property
    def bar_length_ns(self) -> int | None:
        """Nanoseconds from a start to its end; None if that was not said."""
        return length_ns(self.bar_length)


def check_starts(stamps: str, bar_length: Any) -> None:
    """Refuse what cannot be said of the stamps of a table."""
    check_word("stamps", stamps, ("end", "start"))
    if bar_length is not None and stamps == "end":
        raise DataError(
            "bar_length= is the way from start to end: give it together with stamps='start'"
        )
    if length_ns(bar_length) == 0:
        raise DataError(f"bar_length must be longer than nothing, was {bar_length!r}")


def length_ns(bar_length: Any) -> int | None:
    """Return the nanoseconds of a length of bars, None for none."""
    return None if bar_length is None else _duration(bar_length, "bar_length")


def check_on_violation(on_violation: str) -> None:
    """Refuse anything but ``"raise"`` and ``"warn"``."""
    check_word("on_violation", on_violation, ("raise", "warn"))


def negative_assets(allowed: Any, assets: Sequence[Any]) -> tuple[Any, ...]:
    """Return the assets whose prices may be zero or negative: all, none, or those that are named.

    Raises
    ------
    DataError
        If one is named that the prices do not have.
    """
    if isinstance(allowed, bool):
        return tuple(assets) if allowed else ()
    if isinstance(allowed, str) or not isinstance(allowed, Sequence):
        raise DataError(f"allow_negative_prices must be True or a list of assets, was {allowed!r}")
    unknown = [name for name in allowed if name not in set(assets)]
    if unknown:
        raise DataError(f"allow_negative_prices names {unknown[0]!r}, which has no prices")
    return tuple(allowed)


def check_on_rows(on_unknown_assets: str, on_repeated_rows: str) -> None:
    """Refuse anything but ``"raise"`` and ``"drop"``."""
    check_word("on_unknown_assets", on_unknown_assets, ("raise", "drop"))
    check_word("on_repeated_rows", on_repeated_rows, ("raise", "drop"))


def check_word(name: str, value: Any, words: tuple[str, ...]) -> None:
    """Refuse anything but the words that an option knows."""
    if not isinstance(value, str) or value not in words:
        raise DataError(f"{name} must be {' or '.join(map(repr, words))}, was {value!r}")


def check_flag(name: str, value: Any) -> None:
    """Refuse anything but True and False."""
    if not isinstance(value, bool | np.bool_):
        raise DataError(f"{name} must be True or False, was {value!r}")


def check_columns(columns: Any) -> None:
    """Refuse anything but names of columns by their role."""
    if columns is None:
        return
    is_mapping = isinstance(columns, Mapping)
    if not is_mapping or not all(
        isinstance(word, str) for pair in columns.items() for word in pair
    ):
        raise DataError(
            f"columns= must say the column of each role, as {{'close': 'px_last'}}, was {columns!r}"
        )


def given_values(values: Any) -> list[str] | None:
    """Return names of columns of values as a list; None where nothing is said of them."""
    if values is None:
        return None
    is_list = isinstance(values, Iterable) and not isinstance(values, str | bytes | Mapping)
    names = list(values) if is_list else []
    if not is_list or not all(isinstance(name, str) for name in names):
        raise DataError(f"values must be a list of column names, was {values!r}")
    return names


def _duration(value: Any, argument: str) -> int:
    """Return nanoseconds of '1d', '2h30min' or a timedelta."""
    if isinstance(value, str):
        parts = re.findall(r"(\d+)\s*([a-z]+)\s*", value.lower())
        if (
            not parts
            or "".join(n + u for n, u in parts) != re.sub(r"\s", "", value.lower())
            or {u for _, u in parts} - set(UNITS)
        ):
            raise DataError(
                f"{argument} must be a length of time like '1d' or '2h30min', was {value!r}"
            )
        nanoseconds = sum(int(number) * UNITS[unit] for number, unit in parts)
        if nanoseconds > LONGEST_NS:
            raise DataError(f"{argument} must be at most 100 years, was {value!r}")
        return nanoseconds
    if not isinstance(value, datetime.timedelta | np.timedelta64) or pd.isna(value):
        raise DataError(
            f"{argument} must be a length of time like '1d' or a timedelta, was {value!r}"
        )
    try:
        nanoseconds = pd.Timedelta(value).as_unit("ns").value
    except (OverflowError, ValueError) as error:
        raise DataError(f"{argument} must be at most 100 years, was {value!r}") from error
    if nanoseconds < 0:
        raise DataError(f"{argument} must not be negative, was {value!r}")
    if nanoseconds > LONGEST_NS:
        raise DataError(f"{argument} must be at most 100 years, was {value!r}")
    return nanoseconds
