"""The bars of market data with other columns beside them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ml4t.backtest.data.tables.column_roles import OHLC
from ml4t.backtest.market.market_data import MarketData


def bars_with(
    data: MarketData,
    features: Mapping[str, Any],
    context: Mapping[str, Any],
    *,
    first_t: int = 0,
    info: Mapping[str, Any] | None = None,
) -> MarketData:
    """Return the bars from a timestamp on with these columns, of which the same rows are taken; nothing is copied.

    Parameters
    ----------
    data : MarketData
    features, context : mapping of name to float64 array
        Those of all bars and timestamps of ``data``.
    first_t : int
        1 leaves out what a chunk carries over.
    info : mapping, optional
        In place of that of ``data``.
    """
    row = int(data.offsets[first_t])

    def prices(name: str) -> Any:
        column = getattr(data, name)
        return None if column is None else column[row:]

    return MarketData._wrap(
        data.assets,
        data.timestamps[first_t:],
        data.offsets[first_t:] - row,
        data.asset_codes[row:],
        *(prices(name) for name in OHLC),
        volume=prices("volume"),
        bid=prices("bid"),
        ask=prices("ask"),
        features={name: column[row:] for name, column in features.items()},
        signal_names=data.signal_names,
        context={name: column[first_t:] for name, column in context.items()},
        actions=data.actions,
        info=data.info if info is None else info,
        carried_times=data.carried_times if first_t < data.first_t else None,
        negative_prices=data.negative_prices,
    )
