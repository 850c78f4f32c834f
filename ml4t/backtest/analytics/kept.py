"""What a result needs of market data that come and go in chunks: the rows it speaks of, no others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ml4t.backtest.analytics.recorded import recorded_columns
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
    """

    def __init__(self, record_columns: Sequence[str] | None) -> None:
        self._record_columns = record_columns
        self._parts: list[dict[str, Any]] = []
        self._timestamps: list[npt.NDArray[np.int64]] = []
        self._context: list[dict[str, npt.NDArray[np.float64]]] = []
        self._actions: list[npt.NDArray[Any]] = []
        self.row_numbers: Int64s = np.empty(0, np.int64)
        self._numbers: Int64s = np.empty(0, np.int64)  # in the run, of the last chunk's carried rows
        self._n_times = 0
        self._n_rows = 0
        self._n_orders = 0
        self._last: MarketData | None = None

    def keep(self, data: MarketData, records: Records) -> None:
        """Keep what the run so far speaks of in this chunk.

        Parameters
        ----------
        data : MarketData
            The chunk that has just been walked, or was being walked when the run stopped.
        records : mapping
            The records of the run so far: ``orders`` and ``holdings``.
        """
        first_t, n_carried = data.first_t, data.n_carried
        number = self._row_numbers(data)
        wanted = np.isin(number, records["orders"]["decision_row"][self._n_orders :])
        wanted[n_carried:] |= _is_held(data, self._n_times, records["holdings"])
        rows = np.flatnonzero(wanted)
        row_time = np.repeat(data.timestamps, np.diff(data.offsets))
        row_time[:n_carried] = data.carried_times
        recorded = recorded_columns(data, self._record_columns)
        self._parts.append(
            {
                "number": number[rows],
                "time": row_time[rows],
                "asset": data.asset_codes[rows],
                "close": data.close[rows],
                "features": {
                    name: values[rows]
                    for name, values in data.features.items()
                    if name in recorded
                },
            }
        )
        self._timestamps.append(data.timestamps[first_t:])
        self._context.append({name: values[first_t:] for name, values in data.context.items()})
        self._actions.append(data.actions)
        self._numbers = self._last_numbers(data, number)
        self._n_orders = len(records["orders"])
        self._n_times += data.n_times - first_t
        self._n_rows += data.n_rows - n_carried
        self._last = data

    @property
    def n_chunks(self) -> int:
        """Chunks seen so far."""
        return len(self._parts)

    def market_data(self) -> MarketData:
        """Return the kept rows as market data over all timestamps of the run."""
        if self._last is None:
            raise ValueError("nothing was kept: keep() has to be called for each chunk")
        number = np.concatenate([part["number"] for part in self._parts])
        number, once = np.unique(number, return_index=True)
        timestamps = np.concatenate(self._timestamps)
        time = np.concatenate([part["time"] for part in self._parts])[once]
        close = np.concatenate([part["close"] for part in self._parts])[once]
        features = {
            name: np.concatenate([part["features"][name] for part in self._parts])[once]
            for name in self._parts[0]["features"]
        }
        context = {
            name: np.concatenate([chunk[name] for chunk in self._context])
            for name in self._context[0]
        }
        self.row_numbers = number
        return MarketData.from_arrays(
            self._last.assets,
            timestamps,
            np.append(np.searchsorted(time, timestamps), len(time)),
            np.concatenate([part["asset"] for part in self._parts])[once],
            close,
            close,
            close,
            close,
            features=features,
            signal_names=self._last.signal_names,
            context=context,
            actions=np.concatenate(self._actions).astype(ACTION),
            info={**self._last.info, "bars": self._n_rows},
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

    def _row_numbers(self, data: MarketData) -> Int64s:
        own = np.arange(data.n_rows - data.n_carried, dtype=np.int64) + self._n_rows
        return np.concatenate([self._numbers, own])

    def _last_numbers(self, data: MarketData, number: Int64s) -> Int64s:
        """Number of each asset's last row, in asset order: the carried rows of the next chunk."""
        last = np.full(data.n_assets, -1, np.int64)
        last[data.asset_codes] = number  # the last one of an asset stays
        return last[last >= 0]


def _is_held(
    data: MarketData, t_before: int, holdings: npt.NDArray[Any]
) -> npt.NDArray[np.bool_]:
    """Whether a position in the asset of each own row was open at the end of the row's timestamp."""
    asset = data.asset_codes[data.n_carried :].astype(np.int64)
    rows_at = np.diff(data.offsets)[data.first_t :]
    t = np.repeat(np.arange(len(rows_at)), rows_at) + t_before
    changes = holdings[np.lexsort((holdings["time_index"], holdings["asset"]))]
    if len(changes) == 0:
        return np.zeros(len(asset), np.bool_)
    # One increasing key over (asset, time): the last change up to a row says what was held there.
    span = t_before + len(rows_at) + 1
    key = changes["asset"].astype(np.int64) * span + changes["time_index"]
    place = np.searchsorted(key, asset * span + t, side="right") - 1
    found = (place >= 0) & (changes["asset"][place] == asset)
    return found & (changes["quantity"][place] != 0.0)
