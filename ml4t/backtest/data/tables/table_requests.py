"""What was handed over as signals, features or context: one table, several, or names of columns."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from ml4t.backtest.data.errors import DataError
from ml4t.backtest.data.tables.bar_grid import grid_length
from ml4t.backtest.data.tables.clock import Clock, make_clock
from ml4t.backtest.data.tables.find_files import is_there
from ml4t.backtest.data.tables.options import Table
from ml4t.backtest.data.tables.series_table import SeriesTable
from ml4t.backtest.data.tables.stamps import Stamps


@dataclass(frozen=True)
class TableRequest:
    """A table, with what it is called and what the values of a wide one are called."""

    options: Table
    name: str
    value_name: str

    def clock(self, clock: Clock) -> Clock:
        """Return the run's clock with the table's own times of day and lengths of bars."""
        own = replace(clock, bar_length=self._bar_length())
        if self.options.bar_time is None:
            return own
        said = make_clock(self.options.bar_time)
        return replace(
            own,
            time_of_day=said.time_of_day,
            bar_zone=said.bar_zone or clock.bar_zone,
            by_asset=said.by_asset,
        )

    def _bar_length(self) -> int | None:
        options = self.options
        if options.stamps == "end":
            return None
        if options.bar_length_ns is None:
            raise DataError(
                f"{self.name}: stamps='start' needs bar_length='1h', say, where the times of a table are "
                "not read beforehand"
            )
        return options.bar_length_ns

    def with_length(self, table: SeriesTable) -> TableRequest:
        """Return the request with the length of bars that its table's grid has, if it needs one."""
        options = self.options
        if options.stamps == "end":
            return self
        if table.published is not None:
            raise DataError(
                f"{self.name}: has a column of publication times, so stamps='start' must not be given"
            )
        if options.bar_length_ns is not None:
            return self
        found = grid_length(table.stamps, table.codes, self.name)
        return replace(self, options=replace(options, bar_length=pd.Timedelta(found, "ns")))

    def comparable(self, stamps: Stamps, clock: Clock) -> Stamps:
        """Return the stamps as what they are beside others: dates with a time of their own are times."""
        own = self.clock(clock)
        seen = own.comparable(stamps)
        if seen.kind != "date" or self.options.bar_time is None:
            return seen
        zoned = own.has_zone or clock.naive_zone is not None
        return replace(seen, kind="aware" if zoned else "naive")

    def on_violation(self, default: str) -> str:
        return self.options.on_violation or default


def take_out(given: Any, kind: type) -> tuple[Any, list[tuple[Any, Any]]]:
    """Take the items of a kind out of what was given, alone or in a list or a mapping.

    Returns
    -------
    rest, taken
        What is left, and the items with their keys or positions; None for the only one.
    """
    if isinstance(given, kind):
        return None, [(None, given)]
    if isinstance(given, Mapping):
        rest = {key: item for key, item in given.items() if not isinstance(item, kind)}
        return rest, [(key, item) for key, item in given.items() if isinstance(item, kind)]
    if isinstance(given, list | tuple):
        left = [item for item in given if not isinstance(item, kind)]
        return left, [(key, item) for key, item in enumerate(given) if isinstance(item, kind)]
    return given, []


def split_requests(
    given: Any,
    argument: str,
    value_name: str,
    price_columns: Collection[str] = (),
    time_unit: str | None = None,
) -> tuple[list[str], list[TableRequest]]:
    """Split what was given into names of price columns and tables.

    Parameters
    ----------
    given : table, Table, path, column name, list of these, mapping of name to one, or None
    argument : str
        ``"signals"``, ``"features"`` or ``"context"``, for messages.
    value_name : str
        What the values of a wide table without a name are called.
    price_columns : collection of str
        Further columns of the price table.
    time_unit : str, optional
        What times that are numbers count, where a table does not say it.

    Raises
    ------
    DataError
        If a text is neither a file nor a column of the price table.
    """
    if given is None:
        return [], []
    if isinstance(given, Mapping):
        items = [(f"{argument}[{key!r}]", str(key), item) for key, item in given.items()]
    elif isinstance(given, list | tuple):
        items = [
            (f"{argument}[{position}]", value_name, item) for position, item in enumerate(given)
        ]
    else:
        items = [(argument, value_name, given)]
    own = set(price_columns)
    names, requests = [], []
    for name, value, item in items:
        if isinstance(item, str) and (item in own or not is_path(item)):
            if item not in own:
                raise DataError(
                    f"{name}: {item!r} is neither a file nor a column of the price table "
                    f"({', '.join(price_columns) or 'it has no further columns'})"
                )
            names.append(item)
        else:
            options = item if isinstance(item, Table) else Table(item)
            if options.time_unit is None:
                options = replace(options, time_unit=time_unit)
            requests.append(TableRequest(options, name, value))
    return names, requests


def is_path(text: str) -> bool:
    """Tell whether a text is meant as a path, not as the name of a column."""
    suffix = Path(text).suffix.lower()
    return suffix in (".parquet", ".csv", ".gz") or os.sep in text or is_there(text)
