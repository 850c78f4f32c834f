"""Which attribute was meant by one that an object does not have."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

ALIKE = (
    ("asset", "asset_id", "symbol", "ticker", "instrument"),
    ("quantity", "position_quantity", "size", "qty", "units", "shares", "amount"),
    ("timestamp", "time", "date", "datetime", "dt"),
    ("timestamp_ns", "ts_event", "time_ns"),
    ("entry_price", "average_cost", "average_price", "avg_price", "cost_basis"),
    ("mark", "current_price", "close", "price", "last_price", "last"),
    ("unrealized_pnl", "pnl", "profit", "pl"),
    ("unrealized_pnl_pct", "pnl_pct", "pl_pct"),
    ("best_price", "highest_price", "high_water_mark"),
    ("worst_price", "lowest_price", "low_water_mark"),
    ("stop", "stop_loss_price", "stop_loss", "stop_price", "sl"),
    ("target", "take_profit_price", "take_profit", "target_price", "tp"),
    ("context", "market_features"),
    ("indicators", "features"),
    ("value", "market_value"),
    ("commission", "fee", "fees"),
    ("order_id", "id", "ref"),
)
"""What one thing is called, here and elsewhere: an object has one of them, or none."""


def attribute_meant(error: Exception, columns: Iterable[str] = ()) -> str:
    """Return what to write in place of an attribute that is not there; empty where nothing is near.

    Parameters
    ----------
    error : Exception
        Of a user's code.
    columns : iterable of str
        Those of the market data. Where one of them is no attribute, it is read in brackets.
    """
    if not isinstance(error, AttributeError) or error.name is None:
        return ""
    wanted, columns = error.name, list(columns)
    if wanted in columns:
        return f"; a column is read in brackets: [{wanted!r}]"
    there = [name for name in dir(error.obj) if not name.startswith("_")]
    alike = [name for names in ALIKE if wanted in names for name in names if name in there]
    near = alike or get_close_matches(wanted, [*columns, *there], 1)
    return f"; did you mean {near[0]!r}?" if near else ""
