"""Market data cut by time."""

from __future__ import annotations

from typing import Any

from ml4t.backtest.market.market_data import MarketData

COLUMNS = ("open", "high", "low", "close", "volume", "bid", "ask")


def cut(data: MarketData, first: int, last: int) -> MarketData:
    """Return the bars from one timestamp to before another; nothing is copied.

    Indicators, signals and context keep the values that they had: they were computed from bars before the cut too.
    Splits and dividends are those after the bar before ``first``, up to the last bar.

    Parameters
    ----------
    data : MarketData
    first, last : int
        Numbers of timestamps.

    Raises
    ------
    ValueError
        If they are a chunk of a run.
    """
    if data.first_t:
        raise ValueError("a chunk of a run is not cut by time: give market data as a whole")
    begin, end = int(data.offsets[first]), int(data.offsets[last])
    known = data.actions["time"] <= data.timestamps[last - 1]
    if first:
        known &= data.actions["time"] > data.timestamps[first - 1]
    return with_rows(
        data,
        timestamps=data.timestamps[first:last],
        offsets=data.offsets[first : last + 1] - begin,
        asset_codes=data.asset_codes[begin:end],
        columns={
            name: None if getattr(data, name) is None else getattr(data, name)[begin:end]
            for name in COLUMNS
        },
        features={name: column[begin:end] for name, column in data.features.items()},
        context={name: column[first:last] for name, column in data.context.items()},
        actions=data.actions[known],
    )


def with_rows(
    like: MarketData,
    *,
    timestamps: Any,
    offsets: Any,
    asset_codes: Any,
    columns: dict[str, Any],
    features: dict[str, Any],
    context: dict[str, Any],
    actions: Any,
) -> MarketData:
    """Return market data of the same assets with other rows, which are neither copied nor looked at."""
    return MarketData._wrap(
        like.assets,
        timestamps,
        offsets,
        asset_codes,
        **columns,
        features=features,
        signal_names=like.signal_names,
        context=context,
        actions=actions,
        info=like.info,
        negative_prices=like.negative_prices,
    )
