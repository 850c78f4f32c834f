"""The rows of chunked market data that a result needs: bars of positions and of decisions, no others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from ml4t.backtest.config import BacktestConfig
from ml4t.backtest.market._last_rows import last_rows
from ml4t.backtest.market.fingerprint import Fingerprint
from ml4t.backtest.market.market_data import ACTION, MarketData
from ml4t.backtest.records._held_rows import mark_held, marked_rows
from ml4t.backtest.records.empty_columns import empty_columns
from ml4t.backtest.records.frames import RecordFrames
from ml4t.backtest.records.growing_array import GrowingArray
from ml4t.backtest.records.recorded_columns import recorded_columns

Int64s = npt.NDArray[np.int64]
Records = Mapping[str, Any]

ROW_COLUMNS = {
    "orders": ("decision_row",),
    "trades": ("entry_decision_row", "exit_decision_row"),
    "open_positions": ("entry_decision_row",),
}


@dataclass(frozen=True, slots=True)
class _KeptRows:
    """What is kept of one chunk; rows and times are numbered in the run."""

    number: Int64s
    time: Int64s
    asset: npt.NDArray[np.int32]
    close: npt.NDArray[np.float64]
    features: dict[str, npt.NDArray[np.float64]]
    context: dict[str, npt.NDArray[np.float64]]
    actions: npt.NDArray[Any]


class ChunkRows:
    """Gathers, chunk by chunk, the bars of held positions and of decisions.

    The rows kept make one small market data that answers for the whole run: its timestamps are all of
    them, its bars only those that positions were marked at or orders decided on. It is put together
    after the run, when a table first needs it.

    Parameters
    ----------
    record_columns : sequence of str, optional
        Columns that trades carry; None for all.
    n_times : int, optional
        Timestamps of all chunks, where known.
    fingerprint : Fingerprint, optional
        Takes in every chunk, where none can be read again.
    """

    def __init__(
        self,
        record_columns: Sequence[str] | None,
        n_times: int | None = None,
        fingerprint: Fingerprint | None = None,
    ) -> None:
        self.fingerprint = fingerprint
        self._record_columns = record_columns
        self._parts: list[_KeptRows] = []
        self._timestamps = GrowingArray(np.int64, n_times or 0)
        self._is_held: npt.NDArray[np.uint8] | None = None
        self._marks: npt.NDArray[np.uint8] = np.empty(0, np.uint8)
        self._n_orders = 0
        self._n_changes = 0
        self.n_chunks = 0
        self.n_times = 0
        self.n_rows = 0
        self.assets: tuple[Any, ...] = ()
        self._signal_names: tuple[str, ...] = ()
        self._empty_columns: tuple[str, ...] | None = None
        self.info: Mapping[str, Any] = {}
        """What the market data of the run were: ``MarketData.info``."""

    def keep(self, data: MarketData, records: Records) -> None:
        """Keep the rows of this chunk that the run so far needs.

        Parameters
        ----------
        data : MarketData
            The chunk that is done, or in which the run stopped.
        records : mapping
            The records of the run so far: ``orders`` and ``holdings``.
        """
        first_t = data.first_t
        first_row = self.n_rows - data.n_carried
        orders = records["orders"][self._n_orders :]
        marks = self._held(data, records["holdings"])
        decided = orders["decision_row"]
        marks[decided[decided >= self.n_rows] - first_row] = 1
        own, own_times = marked_rows(marks, data.offsets[first_t:])
        carried, numbers, times = self._decided_before(data, orders)
        rows = np.concatenate([carried, own])
        recorded = recorded_columns(data, self._record_columns)
        self._parts.append(
            _KeptRows(
                number=np.concatenate([numbers, own + first_row]),
                time=np.concatenate([times, own_times + self.n_times]),
                asset=data.asset_codes[rows],
                close=data.close[rows],
                features={
                    name: values[rows] for name, values in data.features.items() if name in recorded
                },
                # Copied: a view would keep all of a chunk's memory.
                context={name: v[first_t:].copy() for name, v in data.context.items()},
                actions=data.actions,
            )
        )
        if self.fingerprint is not None:
            self.fingerprint.add(data)
        self._keep_empty_columns(data)
        n_times = data.n_times - first_t
        self._timestamps.extend(data.timestamps[first_t:])
        self._n_orders = len(records["orders"])
        self.n_chunks += 1
        self.n_times += n_times
        self.n_rows += data.n_rows - data.n_carried
        self.assets, self._signal_names = data.assets, data.signal_names
        self.info = dict(data.info)  # a view of one cannot be pickled

    def frames(self, records: Records, config: BacktestConfig) -> ChunkFrames:
        """Return the tables of the run, made when they are first asked for."""
        return ChunkFrames(self, records, config)

    @property
    def empty_columns(self) -> tuple[str, ...]:
        """Columns that were NaN at every bar so far."""
        return self._empty_columns or ()

    @cached_property
    def row_numbers(self) -> Int64s:
        """Number in the run of each row kept, increasing; no row can be kept afterwards."""
        return self._distinct[0]

    @cached_property
    def market_data(self) -> MarketData:
        """The kept rows as market data over all timestamps of the run; no row can be kept afterwards."""
        _ = self.row_numbers  # while the parts are there
        rows, parts = self._distinct[1], self._parts
        self._parts = []
        del self._distinct
        times = np.concatenate([part.time for part in parts])
        offsets = np.zeros(self.n_times + 1, np.int64)
        np.cumsum(np.bincount(times[rows], minlength=self.n_times), out=offsets[1:])
        close = np.concatenate([part.close for part in parts])[rows]
        return MarketData._wrap(
            self.assets,
            self._timestamps.values,
            offsets,
            np.concatenate([part.asset for part in parts])[rows],
            close,
            close,
            close,
            close,
            features={
                name: values[rows] for name, values in _joined([part.features for part in parts])
            },
            signal_names=self._signal_names,
            context=dict(_joined([part.context for part in parts])),
            actions=np.concatenate([part.actions for part in parts]).astype(ACTION),
            info=self.info,
        )

    def placed(self, records: Records) -> dict[str, Any]:
        """Return the records with their rows, numbered in the run, as places among the kept ones."""
        renumbered = dict(records)
        for table, columns in ROW_COLUMNS.items():
            renumbered[table] = records[table].copy()
            for column in columns:
                rows = records[table][column]
                place = np.searchsorted(self.row_numbers, rows)
                renumbered[table][column] = np.where(rows < 0, -1, place)
        return renumbered

    @cached_property
    def _distinct(self) -> tuple[Int64s, Int64s]:
        """Numbers of the kept rows, increasing, and the place of each among those of all parts.

        Out of order, or there twice, are carry-over rows of a later chunk.
        """
        return np.unique(np.concatenate([part.number for part in self._parts]), return_index=True)

    def _keep_empty_columns(self, data: MarketData) -> None:
        # Once every column has had a value there is nothing left to look at.
        if self._empty_columns is None or self._empty_columns:
            self._empty_columns = empty_columns(data, self._empty_columns)

    def _decided_before(
        self, data: MarketData, orders: npt.NDArray[Any]
    ) -> tuple[Int64s, Int64s, Int64s]:
        """Return the carry-over rows that orders were decided on, their numbers and their times.

        No order named them yet when their own chunk was there. Each is the last bar of its asset before
        this chunk.
        """
        decided = orders["decision_row"]
        before = orders[(decided >= 0) & (decided < self.n_rows)]
        numbers, first = np.unique(before["decision_row"], return_index=True)
        last = last_rows(data.asset_codes[: data.n_carried], data.n_assets)
        rows = last[before["asset"][first]]
        times = np.searchsorted(self._timestamps.values, data.carried_times[rows])
        return rows, numbers, times

    def _held(self, data: MarketData, holdings: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
        """Mark the rows of a chunk, its carry-over rows aside, whose asset was held after their timestamp."""
        if self._is_held is None:
            self._is_held = np.zeros(data.n_assets, np.uint8)
        changes = holdings[self._n_changes :]
        self._n_changes = len(holdings)
        marks = self._unmarked(data.n_rows)
        mark_held(
            data.offsets,
            data.first_t,
            data.asset_codes,
            self._is_held,
            changes["time_index"] - self.n_times + data.first_t,
            np.ascontiguousarray(changes["asset"]),
            (changes["quantity"] != 0.0).view(np.uint8),
            marks,
        )
        return marks

    def _unmarked(self, n_rows: int) -> npt.NDArray[np.uint8]:
        # One array serves all chunks: memory that was written before is quicker than new one.
        if len(self._marks) < n_rows:
            self._marks = np.empty(n_rows, np.uint8)
        marks = self._marks[:n_rows]
        marks[:] = 0
        return marks


class ChunkFrames(RecordFrames):
    """The tables of a run over chunks: rows are placed among the kept ones when a table first asks.

    Parameters
    ----------
    rows : ChunkRows
        Of all chunks.
    records : mapping
        As the engine hands them over, rows numbered in the run.
    config : BacktestConfig
    """

    def __init__(self, rows: ChunkRows, records: Records, config: BacktestConfig) -> None:
        self._rows = rows
        self._unplaced = records
        self._config = config

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        del state["_unplaced"]  # what makes these tables stands in the run, too
        return state

    @cached_property
    def _records(self) -> Records:  # type: ignore[override]  # set there, made here
        return self._rows.placed(self._unplaced)

    @cached_property
    def _data(self) -> MarketData:
        return self._rows.market_data


def _joined(
    parts: list[dict[str, npt.NDArray[np.float64]]],
) -> Iterator[tuple[str, npt.NDArray[np.float64]]]:
    """Give each column of the parts, by name, as one array."""
    for name in parts[0]:
        yield name, np.concatenate([part[name] for part in parts])
