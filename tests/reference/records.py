"""What a run leaves behind, every column of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from reference.market import NAN, Market

NO_TIME = -(2**63)  # "no time": the smallest int64
NO_END = 2**63 - 1  # an order that never expires


class Equity(NamedTuple):
    """The record of step 7."""

    timestamp: int
    equity: float
    cash: float
    gross_exposure: float
    net_exposure: float
    leverage: float
    drawdown: float


@dataclass
class Outcome:
    """Records in the order in which they were made; holdings by timestamp and asset."""

    fills: list[dict] = field(default_factory=list)
    trades: list[dict] = field(default_factory=list)
    orders: list[dict] = field(default_factory=list)
    equity: list[Equity] = field(default_factory=list)
    events: list[dict] = field(default_factory=list)
    ledger: list[dict] = field(default_factory=list)
    holdings: list[dict] = field(default_factory=list)
    held: list[dict] = field(default_factory=list)  # at the end of each timestamp
    positions: list[dict] = field(default_factory=list)  # still open at the end
    told: list[dict] = field(default_factory=list)  # what the strategy is told, one after the other
    seen: list[dict] = field(default_factory=list)  # the account as the strategy sees it
    met: Counter = field(default_factory=Counter)
    # Deliberate errors that would have had their chance: no other can make this run another one.
    possible_errors: set[str] = field(default_factory=set)

    def key(self) -> str:
        """Equal keys mean equal runs, bit for bit (repr of a double is exact; NaN equals NaN)."""
        tables = (self.fills, self.trades, self.orders, self.equity)
        more = (self.events, self.ledger, self.holdings, self.positions, self.told, self.seen)
        return repr((*tables, *more))


# What a strategy is told of a fill.
TOLD = (
    "asset", "order_id", "trade_id", "timestamp", "quantity", "price", "base_price", "commission",
    "level", "position_after", "is_entry", "moment", "exit_type", "rule", "reason",
)  # fmt: skip


def told_fill(record: dict) -> dict:
    return {
        "what": "fill",
        "side": "sell" if record["quantity"] < 0.0 else "buy",
        "action": "entry" if record["is_entry"] else "exit",
    } | {name: record[name] for name in TOLD}


def told_order(event: dict, order, wrong) -> dict:
    """The order as it is when it is told; kind, reason and units are those of the event."""
    ended_by = order.ended_by or order.reason
    return {
        "what": "order",
        "asset": event["asset"],
        "order_id": order.id,
        "event": event["kind"],
        "reason": ended_by if wrong("told_why_it_ended") else event["reason"],
        "asked": event["asked"],
        "given": event["given"],
        "quantity": order.quantity,
        "side": side_told(order.quantity or event["asked"]),
        "filled_quantity": order.filled,
        "status": order.status,
        "is_open": order.status == "open",
        "reduce_only": order.reduce_only,
        "rule": order.rule,
        "type": order.kind,
        "limit": order.limit,
        "stop": order.stop,
        "valid": order.valid,
        "trail": order.trail,
        "trail_percent": order.trail_percent,
        "stop_loss": order.stop_loss,
        "take_profit": order.take_profit,
        "parent": order.parent,
    }


def side_told(units: float) -> str:
    """Empty where the order never had units."""
    if units < 0.0:
        return "sell"
    return "buy" if units > 0.0 else ""


def order_record(order, market: Market, wrong: Callable[[str], bool]) -> dict:
    source = order.source
    if source == "rule" and wrong("rules_order_as_strategy"):
        source = "strategy"
    return {
        "order_id": order.id,
        "timestamp": order.timestamp,
        "decision_time": order.decision_time,
        "decision_row": market.row(order.decision_t, order.asset),
        "ended": order.timestamp if wrong("ended_when_accepted") else order.ended,
        "position_id": order.position_number,
        "quantity": order.quantity,
        "filled_quantity": order.filled,
        "rest": order.rest,
        "decision_close": order.decision_price,
        "notional": order.notional,
        "units": order.units,
        "average_price": order.average_price,
        "level": order.level,
        "target_units": order.target,
        "accepted": order.accepted,
        "place": order.place,
        "cause": order.cause if order.accepted else order.ended_by,  # it was refused
        "asset": market.assets[order.asset],
        "rule": order.rule,
        "reason": order.ended_by or order.reason,
        "source": source,
        "reduce_only": order.reduce_only,
        "status": order.status,
        "exit_type": order.exit_type,
        "fill_at": order.fill_at,
        "maker": order.maker,
        "type": order.kind,
        "limit": order.limit,
        "stop": order.stop,
        "time_in_force": order.valid,
        "trail": order.trail,
        "trail_percent": order.trail_percent,
        "water": order.water,
        "valid_until": order.valid_until,
        "stop_loss": order.stop_loss,
        "take_profit": order.take_profit,
        "parent": order.parent,
    }


def cause_of_fill(order, is_exit: bool) -> dict:
    """The part of a fill's record that comes from its order; cash in lieu has none."""
    if order is None:
        return {
            "order_id": 0,
            "exit_type": "other",
            "rule": -1,
            "level": NAN,
            "decision_time": NO_TIME,
        }
    return {
        "order_id": order.id,
        "exit_type": order.exit_type if is_exit else "",
        "rule": order.rule,
        "level": order.level,
        "decision_time": order.decision_time,
    }


def known_at(market: Market, t: int, asset: int, prefix: str, wrong) -> dict:
    """The columns and market-wide values of a decision row, as trades carry them."""
    market_t = t - 1 if wrong("context_of_the_time_before") else t
    values = {name: column.get((t, asset), NAN) for name, column in market.columns.items()}
    values |= {name: column.get(market_t, NAN) for name, column in market.context.items()}
    return {f"{prefix}_{name}": value for name, value in values.items()}
