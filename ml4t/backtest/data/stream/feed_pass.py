"""One pass over a feed: chunk after chunk read, joined, and tied to the one before."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from ml4t.backtest.data.assembly.joiner import (
    PRICES,
    Columns,
    Joiner,
    Tables,
    check_own_columns,
    to_market_data,
)
from ml4t.backtest.data.errors import DataError
from ml4t.backtest.data.join.bars import Bars, make_bars, without_rows
from ml4t.backtest.data.join.falls import Falls
from ml4t.backtest.data.stream.array_pool import ArrayPool
from ml4t.backtest.data.stream.carry_over import last_bars, with_carry_over
from ml4t.backtest.data.stream.chunk_columns import ChunkColumns
from ml4t.backtest.data.stream.feed_plan import FeedPlan
from ml4t.backtest.data.stream.in_order_reader import InOrderReader
from ml4t.backtest.data.stream.series_reader import SeriesReader
from ml4t.backtest.data.stream.table_source import LARGEST_BATCH
from ml4t.backtest.data.tables.corporate_actions import Actions
from ml4t.backtest.data.tables.price_table import price_rows
from ml4t.backtest.data.tables.raw_columns import RawTable
from ml4t.backtest.data.tables.series_table import SeriesTable
from ml4t.backtest.data.tables.table_requests import TableRequest
from ml4t.backtest.market.market_data import MarketData

Join = Callable[[TableRequest, SeriesTable, Bars], Columns]


class FeedPass:
    """Where a pass stands, and what it carries from one chunk to the next.

    Parameters
    ----------
    plan : FeedPlan
    """

    def __init__(self, plan: FeedPlan) -> None:
        self._plan = plan
        n_assets = len(plan.assets)
        tables = (*plan.series, *plan.context)
        self._joiner = Joiner(
            plan.clock,
            plan.on_violation,
            {name: item.start(n_assets) for name, item in plan.indicators.items()},
            {table.request.name: table.history() for table in tables},
        )
        self._series = [SeriesReader(source) for source in plan.series]
        self._context = [SeriesReader(source) for source in plan.context]
        # Room for the largest chunk and what it carries over, where chunks are cut by rows.
        self._pool = ArrayPool(max(plan.sizes, default=0) + n_assets + 1)
        self._carry_over: Bars | None = None
        self._last_context: Columns = {}
        # The instant up to which everything published has been read.
        self._now: int | None = None
        self._n_stretched = self._n_repeated = 0
        self._falls = Falls(n_assets)

    def chunks(self) -> Iterator[MarketData]:
        """Read one chunk after the other."""
        read = self._in_order if self._plan.survey.n_times is not None else self._in_any_order
        n_rows = 0
        for table, columns in read():
            n_rows += table.num_rows
            if table.num_rows == 0:
                self._refuse_lost_rows(n_rows)
            chunk = self._chunk(table, columns)
            del table, columns
            yield chunk
            del chunk
        if n_rows != self._plan.survey.n_rows:
            self._refuse_lost_rows(n_rows)

    def _refuse_lost_rows(self, n_rows: int) -> None:
        raise DataError(
            f"{PRICES}: {n_rows:,} rows were found where {self._plan.survey.n_rows:,} were counted: what the "
            "files say of their own times is not what is in them; write them anew"
        )

    def _in_order(self) -> Iterator[tuple[pa.Table | RawTable, ChunkColumns]]:
        """Read the prices of one chunk after the other, from front to back."""
        plan = self._plan
        reader = InOrderReader(plan.source, max(plan.sizes, default=LARGEST_BATCH))
        read = reader.rows if plan.ends is None else reader.until
        for end in plan.sizes if plan.ends is None else plan.ends:
            columns = self._new_columns()
            table = read(end, columns)
            if table is not None:
                yield table, columns

    def _in_any_order(self) -> Iterator[tuple[pa.Table | RawTable, ChunkColumns]]:
        """Read the prices of one chunk after the other, each from wherever its rows are."""
        for bounds in pairwise([None, *(self._plan.ends or ())]):
            yield self._plan.source.read(*bounds), self._new_columns()

    def _new_columns(self) -> ChunkColumns:
        """Columns with room for the rows that the next chunk carries over."""
        return ChunkColumns(
            0 if self._carry_over is None else len(self._carry_over.times), self._pool
        )

    def _chunk(self, table: pa.Table | RawTable, columns: ChunkColumns) -> MarketData:
        plan = self._plan
        read = price_rows(
            table, PRICES, plan.source.roles, plan.assets, plan.survey.kinds, arrays=columns
        )
        bars = make_bars(
            read,
            plan.clock_of_prices,
            PRICES,
            plan.sort,
            columns,
            plan.on_repeated_rows,
            plan.negative_prices,
        )
        self._n_stretched += bars.n_stretched
        self._n_repeated += bars.n_repeated
        if plan.actions is None:
            self._falls.take(bars)
        self._check_later(bars)
        check_own_columns(bars, plan.on_violation)
        actions = self._actions(int(bars.timestamps[-1]))
        joiner = self._joiner
        series = self._published(self._series, joiner.asset_values, bars)
        features = joiner.features(bars, series, actions)
        market = self._published(self._context, joiner.market_values, bars)
        context = joiner.context(bars, market, features)
        return self._tied(replace(bars, features=features), columns, context, actions)

    def _check_later(self, bars: Bars) -> None:
        """Refuse rows that are not after those of the chunk before."""
        first = int(bars.timestamps[0])
        if self._now is None or first > self._now:
            return
        before, now = (pd.Timestamp(time, unit="ns", tz="UTC") for time in (first, self._now))
        what = (
            f"(timestamp, asset) must be unique, is repeated at {now}; drop the repeated rows, or pass "
            "on_repeated_rows='drop' if they say the same"
            if first == self._now
            else f"times run backwards within an asset, from {now} to {before}; sort the table, or pass "
            "sort=True if the order means nothing"
        )
        raise DataError(f"{PRICES}: {what}")

    def _tied(
        self, bars: Bars, columns: ChunkColumns, context: Columns, actions: Actions | None
    ) -> MarketData:
        """Tie a chunk to the one before, and keep what ties the next one to it."""
        carry_over = self._carry_over
        whole = with_carry_over(carry_over, bars, columns)
        chunk: dict[str, Any] = {}
        if carry_over is not None:
            chunk["carried_times"] = carry_over.times
            context = {
                name: np.concatenate([self._last_context[name], column])
                for name, column in context.items()
            }
        self._carry_over = last_bars(carry_over, whole)
        self._last_context = {name: column[-1:].copy() for name, column in context.items()}
        self._now = int(bars.timestamps[-1])
        so_far = {
            "stretched_bars": self._n_stretched,
            "repeated_rows": self._n_repeated,
            "falls": self._falls.info,
        }
        info = self._plan.info | so_far
        return to_market_data(whole, self._plan.signal_names, context, actions, info, **chunk)

    def _published(self, readers: list[SeriesReader], join: Join, bars: Bars) -> Tables:
        """Read what was published since the chunk before, and up to the last of these bars."""
        tables = []
        for reader in readers:
            since = self._now
            # What comes before the first bar may be long: no more of it is read than is kept.
            for pause in reader.pauses(since, int(bars.timestamps[0])):
                join(reader.request, reader.published(since, pause), without_rows(bars))
                since = pause
            table = reader.published(since, int(bars.timestamps[-1]))
            tables.append((reader.request, table))
        return tables

    def _actions(self, until: int) -> Actions | None:
        """The actions since the chunk before."""
        if self._plan.actions is None:
            return None
        times = self._plan.actions["time"]
        first = 0 if self._now is None else np.searchsorted(times, self._now, side="right")
        return self._plan.actions[first : np.searchsorted(times, until, side="right")]
