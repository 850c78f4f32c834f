"""How the sentences of a story name orders, fills and those who gave them."""

from __future__ import annotations

from typing import Any

import pandas as pd

from ml4t.backtest.report.story.trade_records import Row, TradeRecord
from ml4t.backtest.report.wording import moment, money, price

MOMENTS = {"open": "at the open", "inside": "inside the bar", "close": "at the close"}
FOR = {
    "day": ", for the day",
    "ioc": ", at once or not at all",
    "fok": ", all at once or not at all",
}


def is_known(value: Any) -> bool:
    """Whether a cell holds something: no NaN, NaT or missing name."""
    return not pd.isna(value)


def who(row: Row, order: Row | None = None) -> str:
    """Return who gave an order, from its row or that of its fill."""
    if is_known(row["rule"]):
        return str(row["rule"])
    source = "engine" if order is None else order["source"]
    return f"The {source}" if source in ("strategy", "engine") else str(row["reason"])


def terms(order: Row) -> str:
    """Return at what price and for how long an order was given."""
    kind, limit, stop = order["order_type"], price(order["limit_price"]), price(order["stop_price"])
    if kind == "trailing_stop":
        is_amount = is_known(order["trail"])
        by = price(order["trail"]) if is_amount else f"{order['trail_percent']:.2%}"
        text = f"with a stop that trails by {by}"
    else:
        text = {
            "market": "at market",
            "limit": f"at a limit of {limit}",
            "stop": f"at a stop of {stop}",
            "stop_limit": f"at a stop of {stop} with a limit of {limit}",
            "market_on_open": "at the next open",
            "market_on_close": "at the next close",
        }.get(kind, f"as a {kind} order")
    until = order["valid_until"]
    is_until = order["time_in_force"] == "gtd" and is_known(until)
    text += f", until {moment(until)}" if is_until else FOR.get(order["time_in_force"], "")
    children = [
        f"a {name} at {price(order[column])}"
        for name, column in (("stop", "stop_loss"), ("target", "take_profit"))
        if is_known(order[column])
    ]
    return f"{text}, with {' and '.join(children)}" if children else text


def filled(fill: Row) -> str:
    """Return what a fill traded, at what price and for what costs."""
    text = f"{price(abs(fill['quantity']))} at {price(fill['price'])}"
    costs = []
    if fill["price"] != fill["base_price"]:
        costs.append(
            f"{price(fill['base_price'])} before slippage, which cost {money(fill['slippage_cost'])}"
        )
    if fill["commission"]:
        costs.append(f"commission {money(fill['commission'])}")
    return f"{text} ({'; '.join(costs)})" if costs else text


def on(time: pd.Timestamp) -> str:
    """Return a time as a sentence has it: on a date, at a time of day."""
    text = moment(time)
    return f"on {text}" if len(text) == len("2024-01-31") else f"at {text}"


def when(fill: Row) -> str:
    """Return the moment of a fill: at the open, inside or at the close of which bar."""
    return f"{MOMENTS.get(fill['moment'], 'in the bar')} of {moment(fill['timestamp'])}"


def elsewhere(record: TradeRecord, order: Row | None) -> str:
    """Return how much of an order filled in other trades, as of one through zero; empty where none did."""
    if order is None:
        return ""
    own = [fill for fill in record.fills if fill["order_id"] == order["order_id"]]
    others = abs(order["filled_quantity"]) - sum(abs(fill["quantity"]) for fill in own)
    is_some = others > 1e-9 * abs(order["filled_quantity"])
    return f"Of that order {price(others)} filled in another trade." if is_some else ""


def is_order_of_price(order: Row | None) -> bool:
    """Whether an order waited for a price."""
    kinds = ("limit", "stop", "stop_limit", "trailing_stop")
    return order is not None and order["order_type"] in kinds
