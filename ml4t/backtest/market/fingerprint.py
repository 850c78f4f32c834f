"""A fingerprint of market data: equal for equal columns, whatever made them and however they are cut."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from ml4t.backtest.market.market_data import MarketData

DIGEST_BYTES = 16


def fingerprint(data: MarketData | Iterable[MarketData]) -> str:
    """Return a hash over every name and every value of market data.

    Parameters
    ----------
    data : MarketData, or iterable of MarketData
        In one piece, or in the chunks of one run: the hash is the same.

    Returns
    -------
    str
        ``blake2b:`` and 32 hexadecimal digits.

    Notes
    -----
    Asset names, times, prices, features, context and actions count, with the names and the order of
    the columns. All NaN are one value: their bits depend on who wrote them. Actions after the last
    timestamp do not count: no run over the data knows them.
    """
    made = Fingerprint()
    for chunk in (data,) if isinstance(data, MarketData) else data:
        made.add(chunk)
    return made.text()


class Fingerprint:
    """A fingerprint that is made chunk by chunk.

    Each column has a hash of its own, to which every chunk adds its rows. Of offsets, which begin anew
    in each chunk, the bars per timestamp are hashed.
    """

    def __init__(self) -> None:
        self._columns: dict[tuple[str, str, str], hashlib.blake2b] = {}
        self._assets: list[tuple[str, str]] = []
        self._signal_names: tuple[str, ...] = ()

    def add(self, data: MarketData) -> None:
        """Add a chunk: its own rows, those carried over not again."""
        first_t, first_row = data.first_t, data.n_carried
        self._assets = [(type(asset).__name__, str(asset)) for asset in data.assets]
        self._signal_names = data.signal_names
        self._add("timestamps", "", data.timestamps[first_t:])
        self._add("bars", "", np.diff(data.offsets[first_t:]))
        self._add("assets", "", data.asset_codes[first_row:])
        for name in ("open", "high", "low", "close", "volume", "bid", "ask"):
            column = getattr(data, name)
            if column is not None:
                self._add("price", name, column[first_row:])
        computed = data.info.get("computed", ()) if data.info else ()
        for name, column in data.features.items():
            if name not in computed:  # for the rules of a run, from these bars
                self._add("feature", name, column[first_row:])
        for name, column in data.context.items():
            self._add("context", name, column[first_t:])
        end = data.timestamps[-1] if data.n_times else np.iinfo(np.int64).min
        known = data.actions[data.actions["time"] <= end]
        for name in ("time", "asset", "kind", "value"):
            self._add("action", name, np.ascontiguousarray(known[name]))

    def text(self) -> str:
        """Return the fingerprint of the chunks so far."""
        names = json.dumps([self._assets, self._signal_names, list(self._columns)])
        whole = hashlib.blake2b(names.encode(), digest_size=DIGEST_BYTES)
        for column in self._columns.values():
            whole.update(column.digest())
        return f"blake2b:{whole.hexdigest()}"

    def _add(self, kind: str, name: str, column: NDArray) -> None:
        key = (kind, name, column.dtype.str)
        if key not in self._columns:
            self._columns[key] = hashlib.blake2b()
        if column.dtype.kind == "f":
            missing = np.isnan(column)
            if missing.any():
                column = np.where(missing, np.nan, column)
        self._columns[key].update(column.data)
