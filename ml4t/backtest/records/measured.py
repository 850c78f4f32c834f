"""What measures are made of: a few columns of a run, without its frames."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
import pandas as pd

from ml4t.backtest.core.made_once import made_once


class EquityCurve(NamedTuple):
    """The curve of a run.

    Attributes
    ----------
    timestamps : int64 array, shape (n_times,), nanoseconds UTC
    equity : float64 array, shape (n_times,), currency
    """

    timestamps: np.ndarray
    equity: np.ndarray


class Named(NamedTuple):
    """A column of names.

    Attributes
    ----------
    names : sequence
        The name of code 0, 1, ...; an empty one is none, and two codes may share one.
    codes : integer array, shape (n,)
        -1 is none.
    """

    names: Sequence[Any]
    codes: np.ndarray


class ClosedTrades(NamedTuple):
    """The round trips of a run.

    Attributes
    ----------
    net_pnl : float64 array, shape (n_trades,), currency
    bars_held : int64 array, shape (n_trades,)
    rule, reason : Named
        Of their exits; codes are int32.
    """

    net_pnl: np.ndarray
    bars_held: np.ndarray
    rule: Named
    reason: Named


class Measured(NamedTuple):
    """All that measures are made of.

    Attributes
    ----------
    curve : EquityCurve
    n_exposed : int
        Timestamps with a gross exposure.
    trades : ClosedTrades
    ends : int64 array, shape (n_sessions,)
        The position of the last timestamp of each session.
    traded_value, commission, slippage_cost, spread_cost, impact_cost : float, currency
        Sums over all fills, those of open positions too.
    """

    curve: EquityCurve
    n_exposed: int
    trades: ClosedTrades
    ends: np.ndarray
    traded_value: float
    commission: float
    slippage_cost: float
    spread_cost: float
    impact_cost: float

    @property
    def n_trades(self) -> int:
        """Round trips."""
        return len(self.trades.net_pnl)


class Tables(Protocol):
    """Where a run's columns come from."""

    def column(self, table: str, name: str) -> np.ndarray:
        """Return one numeric column."""

    def curve(self) -> EquityCurve:
        """Return what is measured of the equity curve."""

    def n_exposed(self) -> int:
        """Return the number of timestamps with a gross exposure."""

    def n_trades(self) -> int:
        """Return the number of round trips."""

    def closed_trades(self) -> ClosedTrades:
        """Return what is measured of the round trips."""


class MeasuredRun:
    """What :class:`Measured` has, each part made when the first measure needs it.

    Parameters
    ----------
    tables : Tables
    session_ends : callable
        Returns the position of the last timestamp of each session.
    """

    def __init__(self, tables: Tables, session_ends: Callable[[], np.ndarray]) -> None:
        self._tables = tables
        self._session_ends = session_ends

    @made_once
    def curve(self) -> EquityCurve:
        return self._tables.curve()

    @property
    def n_exposed(self) -> int:
        return self._tables.n_exposed()

    @property
    def n_trades(self) -> int:
        return self._tables.n_trades()

    @made_once
    def trades(self) -> ClosedTrades:
        return self._tables.closed_trades()

    @made_once
    def ends(self) -> np.ndarray:
        return self._session_ends()

    @property
    def traded_value(self) -> float:
        value = self._tables.column("fills", "quantity") * self._tables.column("fills", "price")
        return float(np.add.reduce(np.abs(value)))

    @made_once
    def commission(self) -> float:
        return self._sum("commission")

    @made_once
    def slippage_cost(self) -> float:
        return self._sum("slippage_cost")

    @made_once
    def spread_cost(self) -> float:
        return self._sum("spread_cost")

    @made_once
    def impact_cost(self) -> float:
        return self._sum("impact_cost")

    def _sum(self, cost: str) -> float:
        return float(np.add.reduce(self._tables.column("fills", cost)))


def equity_curve(equity: pd.DataFrame) -> EquityCurve:
    """Return what is measured of the frame of equity of a result."""
    value = np.ascontiguousarray(equity["equity"].to_numpy(np.float64))
    return EquityCurve(np.ascontiguousarray(equity.index.asi8), value)


def n_exposed(equity: pd.DataFrame) -> int:
    """Return the number of timestamps with a gross exposure, of the frame of equity of a result."""
    return int(np.count_nonzero(equity["gross_exposure"].to_numpy() != 0.0))


def closed_trades(trades: pd.DataFrame) -> ClosedTrades:
    """Return what is measured of the frame of trades of a result."""
    return ClosedTrades(
        trades["net_pnl"].to_numpy(),
        trades["bars_held"].to_numpy(),
        _named(trades["rule"]),
        _named(trades["reason"]),
    )


def _named(column: pd.Series) -> Named:
    return Named(column.cat.categories.tolist(), column.cat.codes.to_numpy(np.int32))
