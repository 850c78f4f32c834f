"""Columns of feature providers: joined to tables like any other, or beside the market data of a run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ml4t.backtest.data.arrays import Float64s
from ml4t.backtest.data.errors import DataError
from ml4t.backtest.data.features.providers import FeatureProvider
from ml4t.backtest.data.join._rows import last_rows
from ml4t.backtest.data.tables.column_roles import OHLC
from ml4t.backtest.data.tables.table_requests import take_out
from ml4t.backtest.market.market_data import MarketData

Columns = dict[str, Float64s]


@dataclass(frozen=True)
class Provided:
    """A provider among the features of a run.

    Parameters
    ----------
    provider : FeatureProvider
    name : str
        What it is called in messages.
    times : {"date", "naive", "aware"}
        Kind of the times of the prices.
    """

    provider: FeatureProvider
    name: str
    times: str

    def start(self, n_assets: int) -> ProvidedColumns:
        """Return its columns before the first bar."""
        return ProvidedColumns(self.provider, self.name, self.times)


class ProvidedColumns:
    """The columns of a provider, made for the bars of one chunk after the other.

    Attributes
    ----------
    market : dict of name to float64 array, shape (n_times,)
        The market-wide ones, at the bars given last.
    """

    def __init__(self, provider: FeatureProvider, name: str, times: str) -> None:
        self.provider = provider
        self.name = name
        self.times = times
        self.market: Columns = {}
        self._names: tuple[tuple[str, ...], tuple[str, ...]] | None = None

    def update(self, data: MarketData) -> Columns:
        """Take the next bars, and return the columns of their assets.

        A provider without columns is asked for each bar, and once for each time, in order. What it
        leaves out of an answer is NaN there.

        Parameters
        ----------
        data : MarketData
            The bars of the chunk alone.

        Raises
        ------
        DataError
            If the provider fails, or has other columns than at the bars before.
        """
        given = self.columns(data)
        features, self.market = self._asked(data) if given is None else given
        return features

    def columns(self, data: MarketData) -> tuple[Columns, Columns] | None:
        """Return all columns at the next bars; None if the provider has to be asked one by one."""
        with self._asking("columns"):
            given = self.provider.columns(data)
        if given is None:
            return None
        features, market = given
        return self._same(self._checked(features, data.n_rows), self._checked(market, data.n_times))

    def _checked(self, columns: Mapping[str, Any], length: int) -> Columns:
        checked = {str(name): np.ascontiguousarray(c, np.float64) for name, c in columns.items()}
        for name, column in checked.items():
            if column.shape != (length,):
                raise DataError(
                    f"{self.name}: column {name!r} of the provider must have shape ({length},), had "
                    f"{column.shape}"
                )
        return checked

    def _asked(self, data: MarketData) -> tuple[Columns, Columns]:
        known = self._names or ((), ())
        features = {name: np.full(data.n_rows, np.nan) for name in known[0]}
        market = {name: np.full(data.n_times, np.nan) for name in known[1]}
        for t in range(data.n_times):
            time = pd.Timestamp(data.timestamps[t], tz="UTC")
            with self._asking("get_market_features", time):
                _write(market, self.provider.get_market_features(time), t, data.n_times)
            for row in range(data.offsets[t], data.offsets[t + 1]):
                asset = data.assets[data.asset_codes[row]]
                with self._asking("get_features", time, asset):
                    _write(features, self.provider.get_features(asset, time), row, data.n_rows)
        return self._same(features, market)

    def _same(self, features: Columns, market: Columns) -> tuple[Columns, Columns]:
        """Refuse other columns than those of the chunk before."""
        names = tuple(features), tuple(market)
        before = names if self._names is None else self._names
        changed = (set(names[0]) ^ set(before[0])) | (set(names[1]) ^ set(before[1]))
        if changed:
            raise DataError(
                f"{self.name}: column {min(changed)!r} is not in every chunk; give each column from the "
                "first chunk on, NaN where nothing is known"
            )
        self._names = before
        return {name: features[name] for name in before[0]}, {n: market[n] for n in before[1]}

    @contextmanager
    def _asking(self, method: str, *about: Any) -> Iterator[None]:
        """Name the provider, and what it was asked about, where it fails."""
        try:
            yield
        except DataError:
            raise
        except Exception as error:
            where = f" ({', '.join(map(str, about))})" if about else ""
            raise DataError(
                f"{self.name}: {method} of {type(self.provider).__name__} raised "
                f"{type(error).__name__}: {error}{where}"
            ) from error


def _write(columns: Columns, values: Mapping[str, float], row: int, length: int) -> None:
    for name, value in values.items():
        if name not in columns:
            columns[name] = np.full(length, np.nan)
        columns[name][row] = float(value)


def split_providers(given: Any, times: str) -> tuple[Any, dict[str, Provided]]:
    """Take the providers out of what was given as features.

    Parameters
    ----------
    given : as ``features`` of ``market_data``
    times : {"date", "naive", "aware"}
        Kind of the times of the prices.
    """
    rest, taken = take_out(given, FeatureProvider)
    names = ["features" if key is None else f"features[{key!r}]" for key, _ in taken]
    return rest, {
        name: Provided(item, name, times) for name, (_, item) in zip(names, taken, strict=True)
    }


class RunColumns:
    """The columns of a provider at the bars of a run that is on its way, chunk after chunk.

    Parameters
    ----------
    provider : FeatureProvider
    """

    def __init__(self, provider: FeatureProvider) -> None:
        self._columns = ProvidedColumns(provider, "feature_provider", "")
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
        own = data if before is None else _bars(data, 1, data.features, data.context)
        columns = self._columns.columns(own)
        if columns is None and before is not None:
            raise DataError(
                f"feature_provider: columns of {type(self._columns.provider).__name__} must be given for "
                "every chunk or for none, was None after the first"
            )
        if columns is None:
            return None
        features, market = columns if before is None else _carried(before, data, *columns)
        self._before = given = _bars(data, 0, features, market)
        taken = features.keys() | market.keys()
        known = _bars(
            data,
            0,
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


def _bars(
    data: MarketData, first_t: int, features: Mapping[str, Any], context: Mapping[str, Any]
) -> MarketData:
    """Return the bars from a timestamp on, with other columns, of which those bars are taken."""
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
        info=data.info,
        carried_times=data.carried_times if first_t < data.first_t else None,
    )
