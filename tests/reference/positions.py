"""One position and the trade it is becoming (semantics 5)."""

from __future__ import annotations

from dataclasses import dataclass, field

from reference.market import NAN, Market
from reference.records import known_at
from reference.rules import Input


def averaged(average: float, units: float, price: float, more: float) -> float:
    """`units` at `average` and `more` at `price`; of one price it is that price (section 5)."""
    if units == 0.0 or price == average:
        return price
    return (average * units + price * more) / (units + more)


@dataclass(eq=False)
class RuleState:
    """What one rule knows about one position. It belongs to the position (section 4)."""

    warned: bool = False  # the nan_input event was written
    began_at: float = NAN  # of a member: its stop as its regime began
    regime: int = -1  # of a regime rule: which member says something; -1: none is known yet
    told: bool = False  # and the nan_input event of that
    members: list[RuleState] = field(default_factory=list)
    closed: float = 0.0  # of a target of a part: units that it has closed
    done: bool = False  # and it closes no more
    stop: float = NAN
    target: float = NAN
    stop_priority: int = 0
    target_priority: int = 0
    stop_reason: str = ""
    target_reason: str = ""

    def all(self) -> list[RuleState]:
        """With those of its members, and theirs."""
        return [self] + [one for member in self.members for one in member.all()]


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
    opened_at: str  # "open", "inside" or "close"
    entry_time: int
    entry_decision_t: int
    entry_decision_time: int
    bars_held: int = 0
    seen: tuple[float, ...] = ()  # of an opening inside its bar: what that bar shows after it
    states: dict[int, RuleState] = field(default_factory=dict)
    # column -> (first value that is not NaN, or that of now where it is live; s, r and g - d of section 4)
    inputs: dict[Input, tuple[float, float, float, float]] = field(default_factory=dict)
    split_ratio: float = 1.0  # R: product of the splits since the opening
    dividend_average: float = 0.0  # A
    dividend_sum: float = 0.0  # G
    # the trade's sums, each from 0.0, one fill at a time
    entered: float = 0.0
    entry_average: float = 0.0  # over all entry fills
    entry_dividend: float = 0.0  # A averaged as that is
    exited: float = 0.0
    exit_average: float = 0.0
    entry_commission: float = 0.0
    realised: float = 0.0
    commission: float = 0.0
    slippage_cost: float = 0.0
    dividends: float = 0.0
    stop_at_entry: float = NAN
    target_at_entry: float = NAN
    initial_risk: float = NAN  # from E to the first stop that was armed
    largest: float = 0.0  # Q: the largest |q| so far
    scaled_t: int = -1  # when a target of a part was last done, to be counted

    def __post_init__(self) -> None:
        self.largest = abs(self.quantity)

    def all_states(self) -> list[RuleState]:
        """With those of the members of rules."""
        return [one for state in self.states.values() for one in state.all()]

    def take_price(self, price: float) -> None:
        """Best and worst price since entry."""
        if (price - self.best) * self.sign > 0.0:
            self.best = price
        if (price - self.worst) * self.sign < 0.0:
            self.worst = price

    def take_water(self, price: float) -> None:
        if (price - self.water) * self.sign > 0.0:
            self.water = price

    def add(self, units: float, price: float, decision_price: float, wrong) -> None:
        """E = (E·|q| + p·n)/(|q| + n), B and A by the same formula."""
        held = abs(self.quantity)
        self.entry = averaged(self.entry, held, price, units)
        self.basis = averaged(self.basis, held, decision_price, units)
        if not wrong("add_keeps_dividends"):
            self.dividend_average = averaged(self.dividend_average, held, 0.0, units)
        self.quantity = self.quantity + self.sign * units
        self.largest = max(self.largest, abs(self.quantity))

    def count_entry(self, fill: dict) -> None:
        units, entered = abs(fill["quantity"]), self.entered
        self.entry_average = averaged(self.entry_average, entered, fill["price"], units)
        self.entry_dividend = averaged(self.entry_dividend, entered, 0.0, units)
        self.entered = entered + units
        self.commission = self.commission + fill["commission"]
        self.entry_commission = self.entry_commission + fill["commission"]
        self.slippage_cost = self.slippage_cost + fill["slippage_cost"]

    def split(
        self, ratio: float, levels_too: bool = True, risk_too: bool = True, parts_too: bool = True
    ) -> None:
        """Quantities times, prices divided; money sums stay (section 2)."""
        self.split_ratio = self.split_ratio * ratio
        self.quantity = self.quantity * ratio
        self.entered = self.entered * ratio
        if parts_too:
            self.largest = self.largest * ratio
            for state in self.all_states():
                state.closed = state.closed * ratio
        self.exited = self.exited * ratio
        self.entry = self.entry / ratio
        self.entry_average = self.entry_average / ratio
        self.exit_average = self.exit_average / ratio
        self.dividend_average = self.dividend_average / ratio
        self.entry_dividend = self.entry_dividend / ratio
        self.dividend_sum = self.dividend_sum / ratio
        self.basis = self.basis / ratio
        self.water = self.water / ratio
        self.best = self.best / ratio
        self.worst = self.worst / ratio
        self.stop_at_entry = self.stop_at_entry / ratio
        self.target_at_entry = self.target_at_entry / ratio
        if risk_too:
            self.initial_risk = self.initial_risk / ratio
        if levels_too:
            for state in self.all_states():
                state.stop = state.stop / ratio
                state.target = state.target / ratio

    def go_ex_dividend(self, amount: float, wrong) -> None:
        """What lies below the market falls by the dividend; best and worst price on either side."""
        self.dividend_average = self.dividend_average + amount
        self.entry_dividend = self.entry_dividend + amount
        self.dividend_sum = self.dividend_sum + amount
        if not wrong("dividend_leaves_excursions"):
            self.best = self.best - amount
            self.worst = self.worst - amount
        long = self.sign > 0.0
        if long:
            self.water = self.water - amount
        for state in self.all_states():
            if (long and not wrong("dividend_leaves_levels")) or wrong("dividend_lowers_all"):
                state.stop = _fallen(state.stop, amount)
            if not long or wrong("dividend_lowers_all"):
                state.target = _fallen(state.target, amount)

    def trade(
        self, market: Market, fill: dict, decision_t: int, stop: float, target: float, wrong
    ) -> dict:
        """One round trip, flat to flat; the closing fill gives type, rule, level and reason."""
        entry_price, exit_price = self.entry_average, self.exit_average
        if wrong("average_of_products"):
            entry_price = entry_price * self.entered / self.entered
        without_dividends = entry_price - self.entry_dividend
        best = (self.best - without_dividends) * self.sign
        worst = (self.worst - without_dividends) * self.sign
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
            "return_": net / (abs(entry_price) * self.entered) if entry_price else NAN,
            "bars_held": self.bars_held,
            "mfe": best if best > 0.0 else 0.0,
            "mae": worst if worst < 0.0 else 0.0,
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


def _fallen(level: float, amount: float) -> float:
    """A level that falls to zero or below is gone."""
    lower = level - amount
    return lower if lower > 0.0 else NAN
