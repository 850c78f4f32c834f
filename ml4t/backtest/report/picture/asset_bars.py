"""The bars of one asset in a run, gathered from market data or from the chunks of a feed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ml4t.backtest.data.errors import format_time
from ml4t.backtest.data.stream.feed import DataFeed
from ml4t.backtest.market.market_data import MarketData
from ml4t.backtest.records.recorded_columns import gather, recorded_columns

PRICES = ("open", "high", "low", "close")


@dataclass(frozen=True)
class AssetBars:
    """Bars of one asset.

    Attributes
    ----------
    stamps : int64 array, shape (n,), nanoseconds UTC
    places : int64 array, shape (n,)
        Their positions among the timestamps of the run.
    open, high, low, close : float64 array, shape (n,)
    volume : float64 array, shape (n,), or None
    columns : dict of name to float64 array, shape (n,)
    actions : structured array of dtype ``ACTION``
        Splits and dividends of the asset.
    """

    asset: Any
    stamps: np.ndarray
    places: np.ndarray
    open: np.ndarray
    high: np.ndarray
    low: np.ndarray
    close: np.ndarray
    volume: np.ndarray | None
    columns: dict[str, np.ndarray]
    actions: np.ndarray

    def __len__(self) -> int:
        return len(self.stamps)

    def rows(self, times: pd.Series) -> np.ndarray:
        """Return the bars of times in UTC; the last one for what came after it, at the end of the data."""
        return self.places_at(pd.DatetimeIndex(times).asi8)

    def places_at(self, stamps: np.ndarray) -> np.ndarray:
        """Return the bars of times in nanoseconds UTC, as :meth:`rows` does."""
        return np.minimum(np.searchsorted(self.stamps, stamps), len(self) - 1)


def bars_of(
    data: MarketData | DataFeed, asset: Any, run_times: np.ndarray, columns: Sequence[str] = ()
) -> AssetBars:
    """Gather the bars of an asset up to the end of a run.

    Parameters
    ----------
    data : MarketData or DataFeed
        What the run went over.
    asset : object
    run_times : int64 array, increasing, nanoseconds UTC
        The timestamps of the run.
    columns : sequence of str
        Signals, indicators or context values to gather too.

    Raises
    ------
    KeyError
        If there is no such asset.
    ValueError
        If there is no such column, or a bar at a time that the run has not.
    """
    return bars_of_assets(data, [asset], run_times, columns)[asset]


def bars_of_assets(
    data: MarketData | DataFeed,
    assets: Sequence[Any],
    run_times: np.ndarray,
    columns: Sequence[str] = (),
) -> dict[Any, AssetBars]:
    """Gather the bars of several assets in one pass; see :func:`bars_of`."""
    chunks: Iterable[MarketData] = [data] if isinstance(data, MarketData) else data
    parts: dict[Any, list[dict[str, Any]]] = {asset: [] for asset in assets}
    for chunk in chunks:
        codes = [chunk.code(asset) for asset in assets]
        for asset, code, rows in zip(assets, codes, _rows_of(chunk, codes), strict=True):
            parts[asset].append(_part(chunk, code, rows, columns))
    return {asset: _bars(asset, found, run_times, columns) for asset, found in parts.items()}


def _rows_of(data: MarketData, codes: Sequence[int]) -> Iterable[np.ndarray]:
    own = data.asset_codes[data.n_carried :]
    if len(codes) == 1:
        return [data.n_carried + np.flatnonzero(own == codes[0])]
    by_code = np.argsort(own, kind="stable")
    first, last = (np.searchsorted(own, codes, side, sorter=by_code) for side in ("left", "right"))
    return (data.n_carried + by_code[a:b] for a, b in zip(first, last, strict=True))


def _bars(
    asset: Any, parts: list[dict[str, Any]], run_times: np.ndarray, columns: Sequence[str]
) -> AssetBars:
    joined = {name: _joined([part[name] for part in parts]) for name in parts[0]}
    stamps = joined.pop("stamps")
    n = int(np.searchsorted(stamps, run_times[-1], "right"))
    places = np.searchsorted(run_times, stamps[:n])
    others = run_times[places] != stamps[:n]
    if others.any():
        raise ValueError(
            f"the data are not those of the run: {asset} has a bar at "
            f"{format_time(stamps[:n][others][0])}, when the run has no timestamp"
        )
    actions, volume = joined.pop("actions"), joined.pop("volume")
    prices = {name: joined.pop(name)[:n] for name in PRICES}
    return AssetBars(
        asset,
        stamps[:n],
        places,
        **prices,
        volume=None if volume is None else volume[:n],
        columns={name: joined[f"column {name}"][:n] for name in columns},
        actions=actions[actions["time"] <= run_times[-1]],
    )


def _part(data: MarketData, code: int, rows: np.ndarray, columns: Sequence[str]) -> dict[str, Any]:
    chosen = gather(data, recorded_columns(data, columns, asked="columns"), rows)
    return {
        "stamps": data.timestamps[np.searchsorted(data.offsets, rows, "right") - 1],
        "actions": data.actions[data.actions["asset"] == code],
        "volume": None if data.volume is None else data.volume[rows],
        **{name: getattr(data, name)[rows] for name in PRICES},
        **{f"column {name}": values for name, values in chosen.items()},
    }


def _joined(parts: list[Any]) -> Any:
    return None if parts[0] is None else np.concatenate(parts)
