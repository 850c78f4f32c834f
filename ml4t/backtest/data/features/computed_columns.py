"""Indicators in the place of columns: computed for a run, chunk after chunk."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from ml4t.backtest.data.arrays import Float64s
from ml4t.backtest.data.features.bars_with import bars_with
from ml4t.backtest.data.features.indicators import Indicator, RunningIndicator
from ml4t.backtest.data.features.named_indicator import indicator_named
from ml4t.backtest.market.market_data import MarketData


def indicators_missing(names: Iterable[Any], data: MarketData) -> dict[str, Indicator]:
    """Return the indicators that are named, and that the market data have no column of.

    Parameters
    ----------
    names : iterable of str
        Names of columns; what names no indicator is passed over.
    data : MarketData

    Raises
    ------
    DataError
        If a name that is no column's reads like a call, and names no indicator, or one of other parameters.
    """
    there = (data.features, data.context)
    named = {
        name: indicator_named(name)
        for name in names
        if isinstance(name, str) and name.endswith(")") and not any(name in one for one in there)
    }
    return {name: made for name, made in named.items() if made is not None}


class ComputedColumns:
    """Market data with indicators as further columns: all of a run, or its chunks one after the other.

    Parameters
    ----------
    indicators : mapping of column to Indicator
    n_assets : int
    """

    def __init__(self, indicators: Mapping[str, Indicator], n_assets: int) -> None:
        # What is spelled in two ways is computed once.
        running = {made: made.start(n_assets) for made in indicators.values()}
        self._running = {name: running[made] for name, made in indicators.items()}
        self._last = {made: np.full(n_assets, np.nan) for made in running}
        self._assets: tuple[str, ...] | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The columns."""
        return tuple(self._running)

    def joined(self, data: MarketData) -> MarketData:
        """Return the next chunk with the indicators at its bars; one of other assets as it is, which a run refuses.

        Raises
        ------
        DataError
            If an indicator reads a column that the prices do not have.
        """
        # Bars that a chunk carries over have been seen; those of a first one begin it.
        if self._assets is not None and data.assets != self._assets:
            return data
        own = (
            bars_with(data, {}, {}, first_t=1)
            if self._assets is not None and data.first_t
            else data
        )
        self._assets = data.assets
        made = {
            running.indicator: self._next(running, data, own)
            for running in {*self._running.values()}
        }
        columns = {name: made[running.indicator] for name, running in self._running.items()}
        computed = (*data.info.get("computed", ()), *columns)
        return bars_with(
            data,
            {**data.features, **columns},
            data.context,
            info={**data.info, "computed": computed},
        )

    def _next(self, running: RunningIndicator, data: MarketData, own: MarketData) -> Float64s:
        last = self._last[running.indicator]
        values = running.update(own)
        carried = last[data.asset_codes[: data.n_rows - own.n_rows]]
        last[own.asset_codes] = values  # of an asset's bars the last one counts
        return np.concatenate([carried, values]) if len(carried) else values
