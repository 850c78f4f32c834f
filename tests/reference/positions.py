"""One position and the trade it is becoming (semantics 5)."""

from __future__ import annotations

from dataclasses import dataclass, field

from reference.market import NAN, Market
from reference.records import known_at


@dataclass(eq=False)
class RuleState:
    """What one rule knows about one position. It belongs to the position (section 4)."""

    warned: bool = False  # the nan_input event was written
    stop: float = NAN
    target: float = NAN
    stop_priority: int = 0
    target_priority: int = 0
    stop_reason: str = ""
    target_reason: str = ""


@dataclass(eq=False)
class Position:
    number: int
    asset: int
    sign: float
    quantity: float  # signed
    entry: float  # E
    basis: float  # B of section 9; E of the decision prices
    water: float  # H
    best: float
    worst: float
    opened_t: int
    opened_at: str  # "open" or "close"
    entry_time: int
    entry_decision_t: int
    entry_decision_time: int
    bars_held: int = 0
    states: dict[int, RuleState] = field(default_factory=dict)
    # frozen inputs, column -> (first value that is not NaN, split ratio when it was read)
    inputs: dict[str, tuple[float, float]] = field(default_factory=dict)
    split_ratio: float = 1.0  # product of the splits since the opening
    # the trade's sums, each from 0.0, one fill at a time
    entered: float = 0.0
    entered_value: float = 0.0
    exited: float = 0.0
    exited_value: float = 0.0
    realised: float = 0.0
    commission: float = 0.0
    slippage_cost: float = 0.0
    dividends: float = 0.0
    stop_at_entry: float = NAN
    target_at_entry: float = NAN

    def take_price(self, price: float) -> None:
        """Best and worst price since entry."""
        if (price - self.best) * self.sign > 0.0:
            self.best = price
        if (price - self.worst) * self.sign < 0.0:
            self.worst = price

    def take_water(self, price: float) -> None:
        if (price - self.water) * self.sign > 0.0:
            self.water = price

    def add(self, units: float, price: float, decision_price: float) -> None:
        """E = (E·|q| + p·n)/(|q| + n), and B by the same formula."""
        held = abs(self.quantity)
        self.entry = (self.entry * held + price * units) / (held + units)
        self.basis = (self.basis * held + decision_price * units) / (held + units)
        self.quantity = self.quantity + self.sign * units

    def count_entry(self, fill: dict) -> None:
        units = abs(fill["quantity"])
        self.entered = self.entered + units
        self.entered_value = self.entered_value + fill["price"] * units
        self.commission = self.commission + fill["commission"]
        self.slippage_cost = self.slippage_cost + fill["slippage_cost"]

    def split(self, ratio: float, levels_too: bool = True) -> None:
        """Quantities times, prices divided; money sums stay (section 2)."""
        self.split_ratio = self.split_ratio * ratio
        self.quantity = self.quantity * ratio
        self.entered = self.entered * ratio
        self.exited = self.exited * ratio
        self.entry = self.entry / ratio
        self.basis = self.basis / ratio
        self.water = self.water / ratio
        self.best = self.best / ratio
        self.worst = self.worst / ratio
        self.stop_at_entry = self.stop_at_entry / ratio
        self.target_at_entry = self.target_at_entry / ratio
        if levels_too:
            for state in self.states.values():
                state.stop = state.stop / ratio
                state.target = state.target / ratio

    def trade(
        self, market: Market, fill: dict, decision_t: int, stop: float, target: float, wrong
    ) -> dict:
        """One round trip, flat to flat; the closing fill gives type, rule, level and reason."""
        entry_price = self.entered_value / self.entered
        exit_price = self.exited_value / self.exited
        net = self.realised - self.commission + self.dividends
        return {
            "trade_id": self.number,
            "asset": fill["asset"],
            "side": int(self.sign),
            "entry_time": self.entry_time,
            "exit_time": fill["timestamp"],
            "entry_price": entry_price,
            "exit_price": exit_price,
            "quantity": self.entered,
            "commission": self.commission,
            "slippage_cost": self.slippage_cost,
            "dividends": self.dividends,
            "gross_pnl": self.realised + self.slippage_cost,
            "net_pnl": net,
            "return_": net / (entry_price * self.entered),
            "bars_held": self.bars_held,
            "mfe": (self.best - entry_price) * self.sign,
            "mae": (self.worst - entry_price) * self.sign,
            "exit_type": fill["exit_type"],
            "rule": fill["rule"],
            "level": fill["level"],
            "reason": fill["reason"],
            "stop_at_entry": self.stop_at_entry,
            "target_at_entry": self.target_at_entry,
            "stop_at_exit": stop,
            "target_at_exit": target,
            "entry_decision_time": self.entry_decision_time,
            "exit_decision_time": fill["decision_time"],
            "entry_decision_row": market.row(self.entry_decision_t, self.asset),
            "exit_decision_row": market.row(decision_t, self.asset),
            "intrabar": "" if wrong("choice_lost") else fill["intrabar"],
            **known_at(market, self.entry_decision_t, self.asset, "entry", wrong),
            **known_at(market, decision_t, self.asset, "exit", wrong),
        }

    def record(self, market: Market, mark: float, stop: float, target: float, wrong) -> dict:
        """The position as reported open at the end."""
        return {
            "trade_id": self.number,
            "asset": market.assets[self.asset],
            "entry_time": self.entry_time,
            "entry_decision_time": self.entry_decision_time,
            "entry_decision_row": market.row(self.entry_decision_t, self.asset),
            "bars_held": self.bars_held,
            "quantity": self.quantity,
            "entry_price": self.entry,
            "mark": mark,
            "unrealized_pnl": (mark - self.entry) * self.quantity,
            "realized_pnl": self.realised,
            "commission": self.commission,
            "slippage_cost": self.slippage_cost,
            "dividends": self.dividends,
            "stop": stop,
            "target": target,
            **known_at(market, self.entry_decision_t, self.asset, "entry", wrong),
        }
