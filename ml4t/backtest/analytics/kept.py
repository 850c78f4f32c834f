"""What a result needs of market data that come and go in chunks: the rows it speaks of, no others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ml4t.backtest.analytics.recorded import recorded_columns
from ml4t.backtest.analytics.tape import Tape
from ml4t.backtest.data._rows import last_rows, mark_held, marked_rows
from ml4t.backtest.data.market_data import ACTION, MarketData

Int64s = npt.NDArray[np.int64]
Records = Mapping[str, Any]

ROW_COLUMNS = {
    "orders": ("decision_row",),
    "trades": ("entry_decision_row", "exit_decision_row"),
    "open_positions": ("entry_decision_row",),
}


class KeptRows:
    """Gathers, chunk by chunk, the bars of held positions and of decisions.

    The rows kept make one small market data that answers for the whole run: its timestamps are all of
    them, its bars only those that positions were marked at or orders decided on.

    Parameters
    ----------
    record_columns : sequence of str, optional
        Columns that trades carry; None for all.
    n_times : int, optional
        Timestamps of all chunks, where known.
    """

    def __init__(self, record_columns: Sequence[str] | None, n_times: int | None = None) -> None:
        self._record_columns = record_columns
        self._parts: list[dict[str, Any]] = []
        self._timestamps = Tape(np.int64, n_times or 0)
        # Of the rows kept: their number at the end of each timestamp, behind a zero.
        self._offsets = Tape(np.int64, (n_times or 0) + 1)
        self._offsets.more(1)[:] = 0
        self._context: list[dict[str, npt.NDArray[np.float64]]] = []
        self._actions: list[npt.NDArray[Any]] = []
        self.row_numbers: Int64s = np.empty(0, np.int64)
        self._is_held: npt.NDArray[np.uint8] | None = None
        self._n_times = 0
        self._n_rows = 0
        self._n_kept = 0
        self._n_orders = 0
        self._n_changes = 0
        self._names: tuple[Any, ...] = ()

    def keep(self, data: MarketData, records: Records) -> None:
        """Keep what the run so far speaks of in this chunk.

        Parameters
        ----------
        data : MarketData
            The chunk that has just been walked, or was being walked when the run stopped.
        records : mapping
            The records of the run so far: ``orders`` and ``holdings``.
        """
        first_t = data.first_t
        marks = self._held(data, records["holdings"])
        decided = records["orders"]["decision_row"][self._n_orders :]
        marks[decided[decided >= self._n_rows] - self._n_rows + data.n_carried] = 1
        # Orders of later chunks may be decided on it.
        last = last_rows(data.asset_codes, data.n_assets)
        marks[last[last >= data.n_carried]] = 1
        n_times = data.n_times - first_t
        rows = marked_rows(marks, data.offsets[first_t:], self._n_kept, self._offsets.more(n_times))
        recorded = recorded_columns(data, self._record_columns)
        self._parts.append(
            {
                "number": rows - data.n_carried + self._n_rows,
                "asset": data.asset_codes[rows],
                "close": data.close[rows],
                "features": {
                    name: values[rows] for name, values in data.features.items() if name in recorded
                },
            }
        )
        self._timestamps.more(n_times)[:] = data.timestamps[first_t:]
        # Copied: a view would keep all of a chunk's memory.
        self._context.append({name: v[first_t:].copy() for name, v in data.context.items()})
        self._actions.append(data.actions)
        self._n_orders = len(records["orders"])
        self._n_times += n_times
        self._n_rows += data.n_rows - data.n_carried
        self._n_kept += len(rows)
        self._names = (data.assets, data.signal_names, data.info)

    @property
    def n_chunks(self) -> int:
        """Chunks seen so far."""
        return len(self._parts)

    def market_data(self) -> MarketData:
        """Return the kept rows as market data over all timestamps of the run."""
        if not self._parts:
            raise ValueError("nothing was kept: keep() has to be called for each chunk")
        self.row_numbers = self._column("number")
        close = self._column("close")
        features = {
            name: np.concatenate([part["features"][name] for part in self._parts])
            for name in self._parts[0]["features"]
        }
        context = {
            name: np.concatenate([chunk[name] for chunk in self._context])
            for name in self._context[0]
        }
        assets, signal_names, info = self._names
        return MarketData.from_arrays(
            assets,
            self._timestamps.written(),
            self._offsets.written(),
            self._column("asset"),
            close,
            close,
            close,
            close,
            features=features,
            signal_names=signal_names,
            context=context,
            actions=np.concatenate(self._actions).astype(ACTION),
            info={**info, "bars": self._n_rows},
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

    def _column(self, name: str) -> npt.NDArray[Any]:
        return np.concatenate([part[name] for part in self._parts])

    def _held(self, data: MarketData, holdings: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
        """Mark the rows of a chunk, not carried ones, whose asset was held when their timestamp was over."""
        if self._is_held is None:
            self._is_held = np.zeros(data.n_assets, np.uint8)
        changes = holdings[self._n_changes :]
        self._n_changes = len(holdings)
        marks = np.zeros(data.n_rows, np.uint8)
        mark_held(
            data.offsets,
            data.first_t,
            data.asset_codes,
            self._is_held,
            changes["time_index"] - self._n_times + data.first_t,
            np.ascontiguousarray(changes["asset"]),
            (changes["quantity"] != 0.0).view(np.uint8),
            marks,
        )
        return marks
