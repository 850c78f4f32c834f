"""Market data cut by time, and put together again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ml4t.backtest.market.market_data import MarketData
from ml4t.backtest.walk_forward.errors import WalkForwardError

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
    """
    if data.first_t:
        raise WalkForwardError("these are a chunk of a run: a walk takes market data as a whole")
    begin, end = int(data.offsets[first]), int(data.offsets[last])
    known = data.actions["time"] <= data.timestamps[last - 1]
    if first:
        known &= data.actions["time"] > data.timestamps[first - 1]
    return _wrapped(
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


def put_together(pieces: Sequence[MarketData]) -> MarketData:
    """Return pieces of the same market data, one after the other, as one.

    Raises
    ------
    WalkForwardError
        If they have other columns.
    """
    first = pieces[0]
    for number, piece in enumerate(pieces[1:], 1):
        for kind, named in (("features", piece.features), ("context", piece.context)):
            if list(named) != list(getattr(first, kind)):
                raise WalkForwardError(
                    f"part {number} has the {kind} {', '.join(named)}, the first one "
                    f"{', '.join(getattr(first, kind))}: positions cannot be carried from one to the other; let fit give "
                    'the same, or take positions="flat"'
                )
    rows = np.cumsum([0, *(piece.n_rows for piece in pieces)])
    offsets = [piece.offsets[:-1] + row for piece, row in zip(pieces, rows, strict=False)]

    def joined(name: str) -> Any:
        columns = [getattr(piece, name) for piece in pieces]
        return None if columns[0] is None else np.concatenate(columns)

    def each(kind: str) -> dict[str, Any]:
        names = getattr(first, kind)
        return {
            name: np.concatenate([getattr(piece, kind)[name] for piece in pieces]) for name in names
        }

    return _wrapped(
        first,
        timestamps=joined("timestamps"),
        offsets=np.concatenate([*offsets, rows[-1:]]).astype(np.int64),
        asset_codes=joined("asset_codes"),
        columns={name: joined(name) for name in COLUMNS},
        features=each("features"),
        context=each("context"),
        actions=joined("actions"),
    )


def _wrapped(
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
