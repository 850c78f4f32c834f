"""Positions and transactions in the form that pyfolio takes, and those who follow it."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ml4t.backtest.analytics.errors import AnalysisError
from ml4t.backtest.market.sessions import DAY, INT64, SECOND

CASH = "cash"
MOST = INT64.max // SECOND


def positions_by_session(
    positions: pd.DataFrame, equity: pd.DataFrame, ends: np.ndarray, sessions: pd.DatetimeIndex
) -> pd.DataFrame:
    """Return what was held at the end of each session.

    Parameters
    ----------
    positions, equity : DataFrame
        The frames of a result, times in UTC.
    ends : int64 array, shape (n_sessions,)
        The position of the last timestamp of each session.
    sessions : DatetimeIndex, shape (n_sessions,)

    Returns
    -------
    DataFrame, index ``session``, midnights UTC
        A column for each asset that was held at the end of one, its market value (currency, negative when
        short, 0.0 when there was none), and ``cash`` as the last. A row sums to the equity.

    Raises
    ------
    AnalysisError
        If an asset is named cash.
    """
    stamps = equity.index.as_unit("ns").asi8[ends]
    times = pd.DatetimeIndex(positions["timestamp"]).as_unit("ns").asi8
    row = np.searchsorted(stamps, times)
    row[row == len(stamps)] = 0
    at_end = stamps[row] == times if len(stamps) else np.zeros(len(times), bool)
    assets = positions["asset"].cat
    codes = assets.codes.to_numpy()[at_end]
    held, column = np.unique(codes, return_inverse=True)
    names = [assets.categories[code] for code in held]
    if CASH in names:
        raise AnalysisError("an asset is named 'cash', which pyfolio takes for the money")
    values = np.zeros((len(stamps), len(names) + 1))
    values[row[at_end], column] = positions["value"].to_numpy()[at_end]
    values[:, -1] = equity["cash"].to_numpy()[ends]
    columns = pd.Index([*names, CASH], dtype=object, name="asset")
    return pd.DataFrame(values, sessions.tz_localize("UTC"), columns)


def transactions_by_time(
    fills: pd.DataFrame, timestamps: np.ndarray, ends: np.ndarray, sessions: pd.DatetimeIndex
) -> pd.DataFrame:
    """Return the fills as transactions.

    Parameters
    ----------
    fills : DataFrame
        The frame of a result, times in UTC.
    timestamps : int64 array, shape (n_times,), nanoseconds UTC
        Of the run.
    ends, sessions
        As for :func:`positions_by_session`.

    Returns
    -------
    DataFrame, index ``date``, UTC
        ``amount`` (units, signed), ``price`` (after slippage), ``symbol``, ``commission`` (currency), ``order_id`` and
        ``txn_dollars``, -amount·price. pyfolio takes the UTC day of a transaction for its session: where it is not,
        as in the evening in New York, the index has the nearest instant of that day.
    """
    times = pd.DatetimeIndex(fills["timestamp"]).as_unit("ns")
    amount, price = fills["quantity"].to_numpy(), fills["price"].to_numpy()
    columns = {
        "amount": amount,
        "price": price,
        "symbol": fills["asset"].astype(object).to_numpy(),
        "commission": fills["commission"].to_numpy(),
        "order_id": fills["order_id"].to_numpy(),
        "txn_dollars": -amount * price + 0.0,
    }
    session = np.searchsorted(ends, np.searchsorted(timestamps, times.asi8))
    # In seconds: the first and the last day of what nanoseconds hold are not whole.
    begin = sessions.as_unit("s").asi8[session] if len(times) else times.asi8
    first, last = (
        np.maximum(begin, -MOST) * SECOND,
        np.minimum(begin + DAY // SECOND, MOST) * SECOND,
    )
    stamps = np.clip(times.asi8, first, last - 1)
    return pd.DataFrame(columns, index=pd.DatetimeIndex(stamps, tz="UTC", name="date"))
