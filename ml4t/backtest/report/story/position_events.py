"""Events without an order that happened to a position while it was held."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd

POSITION_EVENTS = ("nan_input", "passed_over", "no_fine_bars", "fine_bars_differ")
"""Those of an asset that say why a level, or the path inside a bar, was not what one expects."""


def position_events(
    tables: Callable[[str], pd.DataFrame], trades: Sequence[dict[str, Any]]
) -> pd.DataFrame:
    """Return the rows of the ledger that are events of positions, in order of time.

    Only the ledger knows the trade of an event that has no order: it stands between the fills before and after it. It is
    made for runs that have such events at the time of these trades, and not for others.

    Parameters
    ----------
    tables : callable from name to DataFrame
        The tables of the run, times in UTC.
    trades : sequence of dict
        The trades that are asked for, with ``entry_time_ns`` and, those that have ended, ``exit_time_ns``.
    """
    events = tables("events")
    told = events[_is_told(events)]
    if not (len(told) and _is_while_held(told, trades)):
        return pd.DataFrame({"trade_id": []})
    ledger = tables("ledger")
    return ledger[_is_told(ledger)]


def _is_while_held(events: pd.DataFrame, trades: Sequence[dict[str, Any]]) -> bool:
    """Whether one of the events lies between the first entry and the last exit."""
    if not trades:
        return False
    stamps = pd.DatetimeIndex(events["timestamp"]).as_unit("ns").asi8
    first = min(trade["entry_time_ns"] for trade in trades)
    last = max(trade.get("exit_time_ns", stamps.max()) for trade in trades)
    return bool(((stamps >= first) & (stamps <= last)).any())


def _is_told(frame: pd.DataFrame) -> pd.Series:
    """Whether rows are events of a position. Signals are passed over by a strategy, and by no rule."""
    is_alone = (frame["order_id"] == 0) & frame["kind"].isin(POSITION_EVENTS)
    return is_alone & ((frame["kind"] != "passed_over") | frame["rule"].notna())
