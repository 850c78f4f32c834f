"""Indicators that rules need, from the bars alone: known at the close of the bar they stand on.

An indicator is its parameters; :meth:`Indicator.start` gives the running state, which takes the bars
of one chunk after the other and gives the same bits as all of them at once. On a split every price
kept is divided by its ratio, so raw prices with splits as events need no adjusted copy.
"""

from __future__ import annotations

import abc
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ml4t.backtest.data.arrays import Float64s, Int32s, Int64s
from ml4t.backtest.data.errors import DataError
from ml4t.backtest.data.features._indicators import (
    ExponentialMean,
    Extreme,
    Recursion,
    RelativeStrength,
    ReturnDeviation,
    TrueRangeMean,
    WindowMean,
)
from ml4t.backtest.data.join._row_order import sort_by_rank
from ml4t.backtest.data.tables.table_requests import take_out
from ml4t.backtest.market.market_data import MarketData

SPLIT = 0
LONGEST_PERIOD = 1_000_000
FIELDS = ("open", "high", "low", "close", "volume", "bid", "ask")

Update = Callable[[Int32s, Mapping[str, Float64s], Float64s], Float64s]
"""From asset codes, columns by field and split ratios to a value a bar."""


@dataclass(frozen=True)
class Indicator(abc.ABC):
    """Parameters of an indicator. Give it among the ``features`` of ``market_data``."""

    @property
    @abc.abstractmethod
    def name(self) -> str:
        """Name of the column, unless another is given."""

    @property
    @abc.abstractmethod
    def fields(self) -> tuple[str, ...]:
        """Columns of the price table it reads."""

    @abc.abstractmethod
    def begin(self, n_assets: int) -> Update:
        """Return the update of a fresh state."""

    def start(self, n_assets: int) -> RunningIndicator:
        """Return the running state before the first bar of ``n_assets`` assets."""
        return RunningIndicator(self, n_assets)

    def compute(self, data: MarketData) -> Float64s:
        """Return the indicator at every bar.

        Parameters
        ----------
        data : MarketData

        Returns
        -------
        float64 array, shape (n_rows,); NaN until there are enough bars
        """
        return self.start(data.n_assets).update(data)


class RunningIndicator:
    """An indicator on its way through the bars."""

    def __init__(self, indicator: Indicator, n_assets: int) -> None:
        self.indicator = indicator
        self._update = indicator.begin(n_assets)
        # Splits of assets that have had no bar since.
        self._pending = np.ones(n_assets)

    def update(self, data: MarketData) -> Float64s:
        """Take the next chunk of market data, and return the indicator at its bars."""
        prices = {field: getattr(data, field) for field in FIELDS}
        times = np.repeat(data.timestamps, np.diff(data.offsets))
        return self.update_bars(times, data.asset_codes, prices, data.actions)

    def update_bars(
        self, times: Int64s, codes: Int32s, prices: Mapping[str, Any], actions: Any = None
    ) -> Float64s:
        """Take the next bars as arrays.

        Parameters
        ----------
        times : int64 array, shape (n_rows,), nanoseconds UTC, not decreasing
        codes : int32 array, shape (n_rows,)
        prices : mapping of field to float64 array, shape (n_rows,)
        actions : structured array of dtype ``ACTION``, optional
            Those between the bars before and the last of these.

        Raises
        ------
        DataError
            If there is no column of a field that the indicator reads.
        """
        for field in self.indicator.fields:
            if prices.get(field) is None:
                raise DataError(
                    f"{self.indicator.name} reads {field}, which the prices do not have"
                )
        return self._update(codes, prices, self._ratios(times, codes, actions))

    def _ratios(self, times: Int64s, codes: Int32s, actions: Any) -> Float64s:
        ratios = np.ones(len(codes))
        splits = [] if actions is None else actions[actions["kind"] == SPLIT]
        pending = np.flatnonzero(self._pending != 1.0)
        due = [(np.iinfo(np.int64).min, code, self._pending[code]) for code in pending]
        self._pending[pending] = 1.0
        due += [(split["time"], split["asset"], split["value"]) for split in splits]
        if not due:
            return ratios
        by_asset = sort_by_rank(codes.astype(np.int64), np.arange(len(codes)), len(self._pending))
        ends = np.cumsum(np.bincount(codes, minlength=len(self._pending)))
        own_times = times[by_asset]
        for time, code, ratio in due:
            begin = ends[code - 1] if code else 0
            first = begin + np.searchsorted(own_times[begin : ends[code]], time)
            if first < ends[code]:
                ratios[by_asset[first]] *= ratio
            else:
                self._pending[code] *= ratio
        return ratios


@dataclass(frozen=True)
class ATR(Indicator):
    """Average true range of Wilder (1978), as TA-Lib's ``ATR``, in currency per unit.

    Parameters
    ----------
    period : int

    Notes
    -----
    TR = max(high − low, |high − close before|, |low − close before|), from the second bar on. The first
    value, at bar ``period`` + 1, is the mean of ``period`` true ranges; then
    ATR = (ATR·(period − 1) + TR)/period. J. W. Wilder, New Concepts in Technical Trading Systems, 1978.
    """

    period: int = 14

    def __post_init__(self) -> None:
        _check_period(self.period, 1)

    @property
    def name(self) -> str:
        return f"atr_{self.period}"

    @property
    def fields(self) -> tuple[str, ...]:
        return ("high", "low", "close")

    def begin(self, n_assets: int) -> Update:
        state = TrueRangeMean(n_assets, self.period)
        return lambda codes, p, ratio: state.update(codes, ratio, p["close"], p["high"], p["low"])


@dataclass(frozen=True)
class RealizedVolatility(Indicator):
    """Standard deviation (n − 1) of the last ``period`` log returns, per year.

    Parameters
    ----------
    period : int
        At least 2 returns.
    bars_per_year : float
        252 for daily bars; the value is multiplied by its square root.
    """

    period: int = 21
    bars_per_year: float = 252.0

    def __post_init__(self) -> None:
        _check_period(self.period, 2)
        if not 0 < self.bars_per_year < math.inf:
            raise DataError(f"bars_per_year must be positive, was {self.bars_per_year!r}")

    @property
    def name(self) -> str:
        return f"volatility_{self.period}"

    @property
    def fields(self) -> tuple[str, ...]:
        return ("close",)

    def begin(self, n_assets: int) -> Update:
        state = ReturnDeviation(n_assets, self.period, math.sqrt(self.bars_per_year))
        return lambda codes, p, ratio: state.update(codes, ratio, p["close"])


@dataclass(frozen=True)
class _OfField(Indicator):
    """An indicator of one column of the price table."""

    word: ClassVar[str]
    """What its name begins with."""
    period: int
    field: str

    def __post_init__(self) -> None:
        _check_period(self.period, 1)
        if self.field not in ("open", "high", "low", "close"):
            raise DataError(f"field must be open, high, low or close, was {self.field!r}")

    @abc.abstractmethod
    def recursion(self, n_assets: int) -> Recursion:
        """Return a fresh state."""

    @property
    def name(self) -> str:
        return f"{self.word}_{self.field}_{self.period}"

    @property
    def fields(self) -> tuple[str, ...]:
        return (self.field,)

    def begin(self, n_assets: int) -> Update:
        state = self.recursion(n_assets)
        return lambda codes, p, ratio: state.update(codes, ratio, p[self.field])


@dataclass(frozen=True)
class RollingMax(_OfField):
    """Largest of the last ``period`` bars, this one included.

    Parameters
    ----------
    period : int
    field : {"high", "open", "low", "close"}
    """

    word: ClassVar[str] = "max"
    period: int = 20
    field: str = "high"

    def recursion(self, n_assets: int) -> Recursion:
        return Extreme(n_assets, self.period, 1.0)


@dataclass(frozen=True)
class RollingMin(_OfField):
    """Smallest of the last ``period`` bars, this one included.

    Parameters
    ----------
    period : int
    field : {"low", "open", "high", "close"}
    """

    word: ClassVar[str] = "min"
    period: int = 20
    field: str = "low"

    def recursion(self, n_assets: int) -> Recursion:
        return Extreme(n_assets, self.period, -1.0)


@dataclass(frozen=True)
class EWMA(_OfField):
    """Exponentially weighted mean, from the first bar on.

    Parameters
    ----------
    period : int
        The span: alpha = 2/(period + 1).
    field : {"close", "open", "high", "low"}

    Notes
    -----
    y = alpha·x + (1 − alpha)·y, beginning with the first x: pandas' ``ewm(span, adjust=False)``.
    """

    word: ClassVar[str] = "ewma"
    period: int = 20
    field: str = "close"

    def recursion(self, n_assets: int) -> Recursion:
        return ExponentialMean(n_assets, 2.0 / (self.period + 1.0))


@dataclass(frozen=True)
class SMA(_OfField):
    """Mean of the last ``period`` bars, this one included, as TA-Lib's ``SMA``.

    Parameters
    ----------
    period : int
    field : {"close", "open", "high", "low"}
    """

    word: ClassVar[str] = "sma"
    period: int = 20
    field: str = "close"

    def recursion(self, n_assets: int) -> Recursion:
        return WindowMean(n_assets, self.period)


@dataclass(frozen=True)
class RSI(_OfField):
    """Relative strength index of Wilder (1978), as TA-Lib's ``RSI``, between 0 and 100.

    Parameters
    ----------
    period : int
    field : {"close", "open", "high", "low"}

    Notes
    -----
    100·G/(G + L), of the means of gains and of losses from bar to bar; 0 where nothing has moved. The first
    value, at bar ``period`` + 1, is of the means of ``period`` changes; then G = (G·(period − 1) + gain)/period,
    and L likewise. J. W. Wilder, New Concepts in Technical Trading Systems, 1978.
    """

    word: ClassVar[str] = "rsi"
    period: int = 14
    field: str = "close"

    def recursion(self, n_assets: int) -> Recursion:
        return RelativeStrength(n_assets, self.period)


def split_indicators(given: Any) -> tuple[Any, dict[str, Indicator]]:
    """Take the indicators out of what was given as features, and name them."""
    rest, taken = take_out(given, Indicator)
    named = isinstance(given, Mapping)
    return rest, {str(key) if named else item.name: item for key, item in taken}


def _check_period(period: Any, least: int) -> None:
    if not isinstance(period, int | np.integer) or not least <= period <= LONGEST_PERIOD:
        raise DataError(
            f"period must be a whole number from {least} to {LONGEST_PERIOD:,}, was {period!r}"
        )
