"""What a run leaves behind."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from reference.market import NAN

NO_TIME = -1


@dataclass
class Outcome:
    """Records in the order in which they were made; equity rows are tuples
    (timestamp, equity, cash, gross, net, leverage, drawdown)."""

    fills: list[dict] = field(default_factory=list)
    trades: list[dict] = field(default_factory=list)
    orders: list[dict] = field(default_factory=list)
    equity: list[tuple] = field(default_factory=list)
    events: list[dict] = field(default_factory=list)
    positions: list[dict] = field(default_factory=list)
    met: Counter = field(default_factory=Counter)

    def key(self) -> str:
        """Equal keys mean equal runs, bit for bit (repr of a double is exact; NaN equals NaN)."""
        return repr(
            (self.fills, self.trades, self.orders, self.equity, self.events, self.positions)
        )


def order_record(order, asset_name: str, timestamp: int) -> dict:
    return {
        "order_id": order.id,
        "timestamp": timestamp,
        "asset": asset_name,
        "quantity": order.quantity,
        "filled_quantity": order.filled,
        "reduce_only": order.reduce_only,
        "status": order.status,
        "reason": order.ended_by or order.reason,
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
