"""A table of signals, features or context that is read as a run gets on: what was published since."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa

from ml4t.backtest.data.errors import DAY_NS, DataError
from ml4t.backtest.data.join.as_of import publication_times
from ml4t.backtest.data.join.coverage import Span, published_span
from ml4t.backtest.data.join.history import History
from ml4t.backtest.data.stream.chunk_ends import day_groups
from ml4t.backtest.data.stream.survey import Survey, survey_rows
from ml4t.backtest.data.stream.table_source import Roles, TableSource, open_source
from ml4t.backtest.data.tables.clock import Clock, check_assets
from ml4t.backtest.data.tables.column_roles import SERIES_ROLES, find_roles, no_times
from ml4t.backtest.data.tables.long_form import series_asked
from ml4t.backtest.data.tables.options import Table
from ml4t.backtest.data.tables.series_table import (
    SeriesTable,
    read_context,
    read_series,
    refuse_unknown,
)
from ml4t.backtest.data.tables.stamps import Stamps
from ml4t.backtest.data.tables.table_requests import TableRequest

ROWS_AT_A_TIME = 1_000_000
# Stored times of dates and of local times are within two days of the instants they mean.
MARGIN_NS = 2 * DAY_NS


class SeriesSource:
    """One table of values and what is to be known of it beforehand.

    Parameters
    ----------
    request : TableRequest
    clock : Clock
        Of the run.
    assets : tuple of asset names of the run
        Empty for context.
    chosen : bool
        The assets were chosen: rows of others are left out, not refused.
    on_unknown_assets : {"raise", "drop"}
        What rows of assets do that the run does not have otherwise.
    """

    def __init__(
        self,
        request: TableRequest,
        clock: Clock,
        assets: tuple[Any, ...],
        chosen: bool,
        on_unknown_assets: str = "raise",
    ) -> None:
        self.request = request
        self._clock = request.clock(clock)
        if assets:
            check_assets(self._clock, assets, request.name)
        self._assets = assets
        options, name = request.options, request.name
        find = partial(_roles, name=name, options=options, with_assets=bool(assets))
        seen_by = ("available_at", "timestamp")
        names = {str(asset) for asset in assets}
        asked = series_asked(options.asked, assets)
        source = open_source(
            options.source, name, find, seen_by, asked, request.value_name, options.time_unit
        )
        self._is_wide = "asset" not in source.roles and bool(names & set(source.columns))
        self.rows = replace(source, columns=self._columns(source, names if chosen else None))
        # Found out by reading no row: columns that are missing, or hold no numbers.
        meant = self.rows.columns if self._is_wide else source.columns
        self.without_rows = self._read(source.dataset.schema.empty_table().select(meant), {})
        if chosen and "asset" in source.roles:
            self.rows = replace(self.rows, assets=assets)
        self.survey: Survey = survey_rows(self.rows)
        self.n_unknown = self._drop_unknown() if on_unknown_assets == "drop" else 0
        self._refuse_unknown()
        self._lag = options.lag_ns
        self._margin = MARGIN_NS
        if options.stamps == "start" and "available_at" in source.roles:
            request.with_length(self.without_rows)  # says that both cannot be
        if self._clock.bar_length is not None:
            self._lag += self._clock.bar_length
        kind = self._clock.kind(self.survey.stamps)
        if kind == "aware" or (kind == "naive" and self._clock.naive_zone is None):
            self._margin = 0
        self._pauses = (day_groups(self.survey, ROWS_AT_A_TIME) + 1) * DAY_NS + self._lag

    @property
    def stamps(self) -> Stamps:
        """That kind, as times that are comparable to those of other tables."""
        return self.request.comparable(self.survey.stamps, self._clock)

    @property
    def span(self) -> Span | None:
        """When the first and the last row are published."""
        ends = self.survey.stamps
        first_and_last = replace(
            self.without_rows, own=ends, published=None, codes=np.zeros(2, np.int32), columns={}
        )
        if "available_at" in self.rows.roles:
            first_and_last = replace(first_and_last, published=ends)
        return published_span(first_and_last, self._clock)

    @property
    def value_names(self) -> list[str]:
        """Names of the columns that it gives."""
        options, columns, roles = self.request.options, self.rows.columns, self.rows.roles
        if self._is_wide:
            return [self.request.value_name]
        taken = columns if options.values is None else options.values
        return [column for column in taken if column not in roles.values()]

    def history(self) -> History:
        """Return what is known before the first row."""
        return History(max(len(self._assets), 1), self.request.options.lag_bars)

    def pauses(self, after: int | None, before: int) -> list[int]:
        """Return instants between which no more rows are published than can be read at a time."""
        inside = self._pauses < before
        if after is not None:
            inside &= self._pauses > after
        return self._pauses[inside].tolist()

    def stored_between(self, after: int | None, until: int) -> tuple[int | None, int]:
        """Return the stored times between which all rows lie that are published between two instants."""
        begin = None if after is None else after - self._lag - self._margin
        return begin, until - self._lag + self._margin

    def published(self, table: pa.Table, after: int | None, until: int) -> SeriesTable:
        """Return the rows of a part published after one instant and up to another, nanoseconds UTC."""
        series = self._read(table, self.survey.kinds)
        if self._assets:
            refuse_unknown(series, len(self._assets))
        published, _ = publication_times(series, self._clock)
        inside = published <= until
        if after is not None:
            inside &= published > after
        return series if inside.all() else series.take(np.flatnonzero(inside))

    def _read(self, table: pa.Table, kinds: Mapping[str, str]) -> SeriesTable:
        request = self.request
        options = replace(request.options, source=table)
        if not self._assets:
            return read_context(options, request.name, request.value_name, kinds)
        return read_series(options, request.name, request.value_name, self._assets, kinds)

    def _columns(self, source: TableSource, names: set[str] | None) -> tuple[str, ...]:
        """The columns to read: times, assets and the values asked for."""
        wanted = names if self._is_wide else self.request.options.values
        if wanted is None:
            return source.columns
        kept = {*source.roles.values(), *wanted}
        return tuple(column for column in source.columns if column in kept)

    def _drop_unknown(self) -> int:
        """Leave out rows of assets that the run does not have, if it has others; return how many there are."""
        known = self.survey.assets & set(self._assets)
        if not known or known == self.survey.assets:
            return 0
        n_rows = self.survey.n_rows
        self.rows = replace(self.rows, assets=self._assets)
        self.survey = survey_rows(self.rows)
        return n_rows - self.survey.n_rows

    def _refuse_unknown(self) -> None:
        unknown = self.survey.assets - set(self._assets) if self._assets else ()
        if unknown:
            # The few first rows of those assets say which they are.
            rows = replace(self.rows, assets=tuple(unknown)).read()
            options = replace(self.request.options, source=rows)
            series = read_series(options, self.request.name, self.request.value_name, self._assets)
            refuse_unknown(series, len(self._assets))


def _roles(names: list[str], name: str, options: Table, with_assets: bool) -> Roles:
    known = {role: SERIES_ROLES[role] for role in SERIES_ROLES if with_assets or role != "asset"}
    roles = find_roles(name, names, known, options.columns)
    if "timestamp" not in roles and "available_at" not in roles:
        raise DataError(no_times(name, names, with_publication=True))
    return roles
