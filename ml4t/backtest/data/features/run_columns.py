"""Columns of a feature provider beside the market data of a run, chunk after chunk."""

from __future__ import annotations

import numpy as np

from ml4t.backtest.data.errors import DataError
from ml4t.backtest.data.features.bars_with import bars_with
from ml4t.backtest.data.features.provider_columns import Columns, ProviderColumns
from ml4t.backtest.data.features.providers import FeatureProvider
from ml4t.backtest.market._last_rows import last_rows
from ml4t.backtest.market.market_data import MarketData


class RunColumns:
    """The columns of a provider at the bars of a run that is on its way, chunk after chunk.

    Parameters
    ----------
    provider : FeatureProvider
    """

    def __init__(self, provider: FeatureProvider) -> None:
        self._columns = ProviderColumns(provider, "feature_provider", "")
        self._before: MarketData | None = None

    def enter(self, data: MarketData) -> tuple[MarketData, MarketData] | None:
        """Take the market data of the run, or the next chunk of them.

        Returns
        -------
        given, known : MarketData
            The same bars with the columns of the provider alone, and with those of ``data`` beside them
            that have none of their names. None if the provider has to be asked one by one.
        """
        before = self._before
        own = data if before is None else bars_with(data, data.features, data.context, first_t=1)
        columns = self._columns.columns(own)
        if columns is None and before is not None:
            raise DataError(
                f"feature_provider: columns of {type(self._columns.provider).__name__} must be given for "
                "every chunk or for none, was None after the first"
            )
        if columns is None:
            return None
        features, market = columns if before is None else _carried(before, data, *columns)
        self._before = given = bars_with(data, features, market)
        taken = features.keys() | market.keys()
        known = bars_with(
            data,
            {name: c for name, c in data.features.items() if name not in taken} | features,
            {name: c for name, c in data.context.items() if name not in taken} | market,
        )
        return given, known


def _carried(
    before: MarketData, data: MarketData, features: Columns, market: Columns
) -> tuple[Columns, Columns]:
    """Put what was known at the bars that a chunk carries over before what is known at its own."""
    rows = last_rows(before.asset_codes, before.n_assets)[data.asset_codes[: data.n_carried]]
    return (
        {name: np.concatenate([before.features[name][rows], c]) for name, c in features.items()},
        {name: np.concatenate([before.context[name][-1:], c]) for name, c in market.items()},
    )
