"""Tables of values that ride with the bars: signals, features, context, as arrays."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa

from ml4t.backtest.data.arrays import Float64s, Int32s, Int64s
from ml4t.backtest.data.errors import DataError, count_rows, first_rows
from ml4t.backtest.data.tables.arrow import to_arrow, to_float64
from ml4t.backtest.data.tables.asset_codes import encode, recode, used_names
from ml4t.backtest.data.tables.clock import Owners
from ml4t.backtest.data.tables.column_roles import SERIES_ROLES, find_roles, no_times
from ml4t.backtest.data.tables.long_form import long_series
from ml4t.backtest.data.tables.options import Table
from ml4t.backtest.data.tables.stamps import Stamps, read_stamps


@dataclass(frozen=True)
class SeriesTable:
    """Values as they came. ``own`` is the time each speaks of, ``published`` when it was known."""

    name: str
    options: Table
    own: Stamps
    published: Stamps | None
    codes: Int32s
    names: tuple[Any, ...]
    columns: dict[str, Float64s]

    @property
    def stamps(self) -> Stamps:
        """The times that decide when a value is seen."""
        return self.own if self.published is None else self.published

    @property
    def owners(self) -> Owners | None:
        """Whose the rows are; None for values of the market."""
        return Owners(self.codes, self.names) if self.names else None

    @property
    def times(self) -> tuple[Stamps, ...]:
        """All of the times that it has."""
        return (self.own,) if self.published is None else (self.own, self.published)

    def __len__(self) -> int:
        return len(self.own)

    def take(self, rows: Int64s) -> SeriesTable:
        """Return the table with these rows."""
        own, published = self._times(lambda stamps, _: stamps.take(rows), self)
        return replace(
            self,
            own=own,
            published=published,
            codes=self.codes[rows],
            columns={column: values[rows] for column, values in self.columns.items()},
        )

    def followed_by(self, later: SeriesTable) -> SeriesTable:
        """Return the rows of both; names are those of ``later``, which begin with the run's assets."""
        own, published = self._times(Stamps.followed_by, later)
        return replace(
            later,
            own=own,
            published=published,
            codes=np.concatenate([self.codes, later.codes]),
            columns={
                column: np.concatenate([values, later.columns[column]])
                for column, values in self.columns.items()
            },
        )

    def _times(
        self, combined: Callable[[Stamps, Stamps], Stamps], other: SeriesTable
    ) -> tuple[Stamps, Stamps | None]:
        own = combined(self.own, other.own)
        if self.published is None or other.published is None:
            return own, None
        # Publications that are the only times of a table stay one object with them.
        same = self.own is self.published
        return own, own if same else combined(self.published, other.published)


def read_series(
    options: Table,
    name: str,
    value_name: str,
    assets: tuple[Any, ...],
    kinds: Mapping[str, str] | None = None,
) -> SeriesTable:
    """Read a table of signals or features.

    Parameters
    ----------
    options : Table
    name : str
        What the table is called in messages.
    value_name : str
        Name of the values of a wide table.
    assets : tuple of asset names of the run
    kinds : mapping of role to kind of times, optional
        What the times of the whole table are, where this is a part of it, which may be empty.

    Returns
    -------
    SeriesTable
        Its names are ``assets`` and then what the run does not have; see :func:`refuse_unknown`.

    Raises
    ------
    DataError
        If the table has no rows, times or values, or no column of assets where the run has several.
    """
    layout = long_series(options.source, name, value_name, assets, options.asked)
    table = layout.table
    roles = find_roles(name, table.column_names, SERIES_ROLES, layout.columns)
    own, published = _read_times(table, roles, name, kinds, options.time_unit)
    if "asset" in roles:
        codes, names = encode(table[roles["asset"]], name, roles["asset"])
        of_the_run = set(assets)
        others = (name for name in used_names(codes, names) if name not in of_the_run)
        in_order = (*assets, *others)
        codes = recode(codes, names, in_order)
    elif len(assets) == 1:
        codes, in_order = np.zeros(table.num_rows, np.int32), assets
    else:
        raise DataError(
            f"{name}: has no column of assets, nor columns named as the assets of the run; add the "
            "column asset"
        )
    values = _read_values(table, roles, options, name)
    return SeriesTable(name, options, own, published, codes, in_order, values)


def read_context(
    options: Table, name: str, value_name: str, kinds: Mapping[str, str] | None = None
) -> SeriesTable:
    """Read a table of market-wide values: as :func:`read_series`, without assets."""
    table = to_arrow(options.source, name, value_name, options.asked)
    roles = find_roles(
        name,
        table.column_names,
        {role: SERIES_ROLES[role] for role in ("timestamp", "available_at")},
        options.columns,
    )
    own, published = _read_times(table, roles, name, kinds, options.time_unit)
    codes = np.zeros(table.num_rows, np.int32)
    return SeriesTable(
        name, options, own, published, codes, (), _read_values(table, roles, options, name)
    )


def _read_times(
    table: pa.Table,
    roles: dict[str, str],
    name: str,
    kinds: Mapping[str, str] | None,
    time_unit: str | None,
) -> tuple[Stamps, Stamps | None]:
    """Return the times the values speak of (the publications, where nothing else is said) and those."""
    if table.num_rows == 0 and kinds is None:
        raise DataError(f"{name}: the table has no rows")
    own, published = (
        read_stamps(table[roles[role]], name, roles[role], (kinds or {}).get(role), time_unit)
        if role in roles
        else None
        for role in ("timestamp", "available_at")
    )
    said = published if own is None else own
    if said is None:
        raise DataError(no_times(name, table.column_names, with_publication=True))
    return said, published


def _read_values(
    table: pa.Table, roles: dict[str, str], options: Table, name: str
) -> dict[str, Float64s]:
    wanted = options.values
    if wanted is None:
        wanted = [column for column in table.column_names if column not in roles.values()]
    if not wanted:
        raise DataError(f"{name}: has no column of values")
    present = set(table.column_names)
    absent = [column for column in wanted if column not in present]
    if absent:
        raise DataError(
            f"{name}: has no column {absent[0]!r}; its columns are {', '.join(table.column_names)}"
        )
    return {column: to_float64(table[column], name, column) for column in wanted}


def without_unknown(series: SeriesTable, n_assets: int) -> tuple[SeriesTable, int]:
    """Leave out rows of assets beyond the first ``n_assets`` names; return how many there were, too.

    Raises
    ------
    DataError
        If no row is left: the assets are then named otherwise than those of the run.
    """
    is_known = series.codes < n_assets
    if is_known.all():
        return series, 0
    if not is_known.any():
        refuse_unknown(series, n_assets)
    kept = replace(series.take(np.flatnonzero(is_known)), names=series.names[:n_assets])
    return kept, len(series) - len(kept)


def refuse_unknown(series: SeriesTable, n_assets: int) -> None:
    """Refuse rows of assets beyond the first ``n_assets`` names, which are those of the run.

    Raises
    ------
    DataError
        If there are any.
    """
    unknown = series.codes >= n_assets
    if not unknown.any():
        return
    kinds = {type(name).__name__ for name in series.names}
    hint = "; asset names are text in one table and integers in the other" if len(kinds) > 1 else ""
    rows = first_rows(
        unknown, series.own.nanoseconds, lambda row: series.names[series.codes[row]], None
    )
    raise DataError(
        f"{series.name}: {count_rows(unknown.sum())} of assets that the prices do not have: {rows}"
        f"{hint}; take them out of the table, name the assets in assets=, or pass on_unknown_assets='drop'"
    )
