"""What measures are made of: a few columns of a run, without its frames."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd


class EquityCurve(NamedTuple):
    """The curve of a run.

    Attributes
    ----------
    timestamps : int64 array, shape (n_times,), nanoseconds UTC
    equity, gross_exposure : float64 array, shape (n_times,), currency
    drawdown : float64 array, shape (n_times,)
        equity/peak - 1.
    """

    timestamps: np.ndarray
    equity: np.ndarray
    gross_exposure: np.ndarray
    drawdown: np.ndarray


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
        Of their exits.
    """

    net_pnl: np.ndarray
    bars_held: np.ndarray
    rule: Named
    reason: Named


def equity_curve(equity: pd.DataFrame) -> EquityCurve:
    """Return what is measured of the frame of equity of a result."""
    return EquityCurve(
        equity.index.asi8, *(equity[name].to_numpy() for name in EquityCurve._fields[1:])
    )


def closed_trades(trades: pd.DataFrame) -> ClosedTrades:
    """Return what is measured of the frame of trades of a result."""
    return ClosedTrades(
        trades["net_pnl"].to_numpy(),
        trades["bars_held"].to_numpy(),
        _named(trades["rule"]),
        _named(trades["reason"]),
    )


def _named(column: pd.Series) -> Named:
    return Named(column.cat.categories.tolist(), column.cat.codes.to_numpy())
