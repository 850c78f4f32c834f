"""A fingerprint of market data: equal for equal columns, whatever made them."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

from ml4t.backtest.data.market_data import MarketData

DIGEST_BYTES = 16


def fingerprint(data: MarketData) -> str:
    """Return a hash over every name and every value of market data.

    Returns
    -------
    str
        ``blake2b:`` and 32 hexadecimal digits.

    Notes
    -----
    Asset names, times, prices, features, context and actions count, with the names and the order of
    the columns. All NaN are one value: their bits depend on who wrote them.
    """
    digest = hashlib.blake2b(digest_size=DIGEST_BYTES)
    for asset in data.assets:
        digest.update(f"{type(asset).__name__} {asset}\0".encode())
    digest.update("\0".join(data.signal_names).encode())
    for name in ("timestamps", "offsets", "asset_codes"):
        _add(digest, name, getattr(data, name))
    for name in ("open", "high", "low", "close", "volume", "bid", "ask"):
        column = getattr(data, name)
        if column is not None:
            _add(digest, name, column)
    for room, columns in (("feature", data.features), ("context", data.context)):
        for name, column in columns.items():
            _add(digest, f"{room} {name}", column)
    for name in ("time", "asset", "kind", "value"):
        _add(digest, f"action {name}", np.ascontiguousarray(data.actions[name]))
    return f"blake2b:{digest.hexdigest()}"


def _add(digest: hashlib.blake2b, name: str, column: NDArray) -> None:
    # The length separates one column from the next.
    digest.update(f"\0{name} {column.dtype.str} {len(column)}\0".encode())
    if column.dtype.kind == "f":
        missing = np.isnan(column)
        if missing.any():
            column = np.where(missing, np.nan, column)
    digest.update(column.data)
