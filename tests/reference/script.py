"""What the strategy does, written down beforehand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from reference.market import NAN
from reference.records import NO_END
from reference.rules import Rule

PER_ASSET = (
    "buy",
    "sell",
    "close",
    "target_percent",
    "target_value",
    "target_quantity",
    "order_value",
    "order_percent",
    "order_risk",
    "reduce",
)
PER_TIMESTAMP = ("target_weights", "cancel", "modify", "add_rule", "remove_rule")
ON_START = -1  # the "timestamp index" of what is done before the first bar


@dataclass(frozen=True)
class Act:
    """One call of the strategy.

    amount: units (buy, sell: positive; target_quantity: signed), fraction of equity (target_percent, order_percent; at
    risk: order_risk) or currency (target_value, order_value), signed for the last five; `at_fill` has an order find its units at the fill. `close` has none. `reduce` is
    a reduce-only order of signed units, which only a run by hand can make.
    """

    kind: str
    asset: int = -1
    amount: float = 0.0
    at_fill: bool = False  # order_percent, order_value
    weights: Mapping[int, float] = field(default_factory=dict)
    keep_others: bool = False
    rule: Rule | None = None  # add_rule: the rule; it gets the next index. remove_rule: this object
    # remove_rule: the index of the rule as added; cancel, modify: which waiting order
    index: int = -1
    # of orders that are no targets, and of modify (amount: the units still to fill); NaN: none, or as it is
    limit: float = NAN
    stop: float = NAN
    trail: float = NAN
    trail_percent: float = NAN
    fill_at: str = ""  # next_open, next_close: market-on-open, market-on-close
    valid: str = "gtc"
    valid_until: int = NO_END
    oco: int = -1  # names an order made by such acts before, counted from the last one, 0
    stop_loss: float = NAN  # a bracket
    take_profit: float = NAN


@dataclass
class Script:
    """Acts by timestamp index.

    At t the per-asset acts are carried out for the assets that have a row at t, in asset order
    and, for one asset, in the order written; then the acts of the whole timestamp as written.
    Before the first bar, at ON_START, every act is carried out, in the same order.

    What the strategy does when it is told of a fill or an order stands under the number of that
    telling, from 1 on.
    """

    acts: dict[int, list[Act]] = field(default_factory=dict)
    replies: dict[int, Act] = field(default_factory=dict)

    def per_asset(self, t: int, asset: int) -> list[Act]:
        return [act for act in self.acts.get(t, ()) if act.kind in PER_ASSET and act.asset == asset]

    def per_timestamp(self, t: int) -> list[Act]:
        return [act for act in self.acts.get(t, ()) if act.kind in PER_TIMESTAMP]
