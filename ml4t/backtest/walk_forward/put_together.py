"""Pieces of market data, put together again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ml4t.backtest.market.cut import COLUMNS, with_rows
from ml4t.backtest.market.market_data import MarketData
from ml4t.backtest.walk_forward.errors import WalkForwardError


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

    return with_rows(
        first,
        timestamps=joined("timestamps"),
        offsets=np.concatenate([*offsets, rows[-1:]]).astype(np.int64),
        asset_codes=joined("asset_codes"),
        columns={name: joined(name) for name in COLUMNS},
        features=each("features"),
        context=each("context"),
        actions=joined("actions"),
    )
