"""Closed trades and open positions as one frame: what the profit and loss of a run is made of."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ml4t.backtest.records.columns import category_dtype

NAMES = ("asset", "side", "exit_type", "rule", "reason")
ONLY_CLOSED = ("exit_price", "return", "mfe", "mae", "mfe_pct", "mae_pct", "gross_pnl")
BOTH = ("quantity", "entry_price", "bars_held", "commission", "slippage_cost")
ENTRY = "entry_"


def round_trips(trades: pd.DataFrame, open_positions: pd.DataFrame) -> pd.DataFrame:
    """Put trades and the positions still open at the end below each other.

    Parameters
    ----------
    trades, open_positions : DataFrame
        The frames of a result, times in UTC.

    Returns
    -------
    DataFrame
        One row a round trip, open ones last. ``pnl`` (currency) of an open one is its unrealised and realised
        profit and its dividends, less its commission; ``is_open`` marks it. All ``pnl`` together are the last
        equity less the initial cash (semantics section 6). What an open one has none of is NaN, NaT or missing.
    """
    n_open = len(open_positions)
    nothing = np.full(n_open, np.nan)
    columns = {
        "is_open": np.repeat([False, True], [len(trades), n_open]),
        "pnl": np.append(trades["net_pnl"].to_numpy(), open_pnl(open_positions)),
        "entry_time": _times(trades["entry_time"], open_positions["entry_time"]),
        "exit_time": _times(trades["exit_time"], pd.DatetimeIndex([pd.NaT] * n_open, tz="UTC")),
        **{name: _names(trades, open_positions, name) for name in NAMES},
        **{name: np.append(trades[name].to_numpy(), nothing) for name in ONLY_CLOSED},
        **{
            name: np.append(trades[name].to_numpy(), open_positions[name].to_numpy())
            for name in (*BOTH, *recorded(trades))
        },
    }
    return pd.DataFrame(columns)


def open_pnl(open_positions: pd.DataFrame) -> np.ndarray:
    """Return what each open position has made so far (currency), as a trade's ``net_pnl`` is made."""
    part = {
        name: open_positions[name].to_numpy()
        for name in ("unrealized_pnl", "realized_pnl", "commission", "dividends")
    }
    return part["unrealized_pnl"] + part["realized_pnl"] - part["commission"] + part["dividends"]


def recorded(trades: pd.DataFrame) -> list[str]:
    """Return the names of the signals, indicators and context values of the entry: ``entry_<column>``.

    They stand behind ``exit_decision_time``; a column of the data may be called like one before it.
    """
    names = list(trades.columns)
    behind = names[names.index("exit_decision_time") + 1 :]
    return [name for name in behind if name.startswith(ENTRY)]


def _times(closed: pd.Series, opened: pd.Series | pd.DatetimeIndex) -> pd.DatetimeIndex:
    stamps = [pd.DatetimeIndex(part).as_unit("ns").asi8 for part in (closed, opened)]
    return pd.DatetimeIndex(np.concatenate(stamps), tz="UTC")


def _names(trades: pd.DataFrame, open_positions: pd.DataFrame, name: str) -> pd.Categorical:
    closed = trades[name].cat
    if name not in open_positions:
        missing = np.append(closed.codes, np.full(len(open_positions), -1))
        return pd.Categorical.from_codes(missing, dtype=trades[name].dtype)
    opened = open_positions[name].cat
    names = list(dict.fromkeys([*closed.categories, *opened.categories]))
    place = {one: number for number, one in enumerate(names)}
    codes = [
        np.array([*(place[one] for one in part.categories), -1])[part.codes]
        for part in (closed, opened)
    ]
    return pd.Categorical.from_codes(np.concatenate(codes), dtype=category_dtype(names))
