"""Orders and what they cost (semantics 3)."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import ceil, floor, isnan

from reference.market import NAN
from reference.records import NO_END, NO_TIME
from reference.settings import Settings


@dataclass(eq=False)
class Order:
    id: int
    asset: int
    quantity: float  # signed; splits multiply it
    accepted_t: int
    timestamp: int
    decision_t: int  # of the decision row: the asset's last row when accepted; -1: none
    decision_time: int
    decision_price: float  # the close of the decision row, without the splits and dividends since
    reason: str
    source: str = "strategy"  # or rule (an exit decided at a close), level, engine
    fill_at: str = "next_open"  # of one that rests without a meaning
    at_target: bool = False  # the order of a target
    reduce_only: bool = False
    position_number: int = 0  # of a reduce-only order
    exit_type: str = "other"
    rule: int = -1
    level: float = NAN
    target: float = NAN  # T of section 3, of the order of a target; splits multiply it
    in_basket: bool = False
    passed: float = 1.0  # the part of it that the limits of the portfolio have left
    money: float = 0.0  # until its units are found at the fill: currency, or a fraction of equity
    by_weight: bool = False
    limit: float = NAN  # splits divide prices
    stop: float = NAN
    trail: float = NAN  # of a trailing stop: how far behind H its stop is; splits divide it
    trail_percent: float = NAN
    water: float = NAN  # H
    triggered: bool = False  # a stop-limit is a limit order from then on, a stop one at the market
    on: str = ""  # market_on_open, market_on_close
    valid: str = "gtc"  # or day, gtd, ioc, fok
    valid_until: int = NO_END  # of a day order known from the first timestamp after its acceptance
    stop_loss: float = NAN  # of a bracket: where what it enters leaves again
    take_profit: float = NAN
    parent: int = 0  # of a bracket's child: the order that made it
    siblings: list[Order] = field(
        default_factory=list
    )  # of which a fill cancels as much of this one
    ring: list[Order] = field(default_factory=list)  # of which a fill of one cancels the others
    place: int = 0  # fills and events before it
    accepted: float = 0.0  # units when it was accepted
    cause: str = ""  # the reason it was made for
    filled: float = 0.0
    rest: float = 0.0
    status: str = "open"
    ended: int = NO_TIME
    ended_by: str = ""  # why it was rejected or cancelled
    notional: float = 0.0  # N of section 3
    units: float = 0.0  # Q of section 3
    average_price: float = 0.0  # over its fills
    rates: float = 0.0  # R of section 3
    paid: float = 0.0  # F so far
    split: tuple[float, float] = (0.0, 0.0)  # of its price: for spread and impact, a unit
    stand_ins: frozenset[str] = frozenset()  # what its price does not rest on alone

    def __post_init__(self) -> None:
        self.rest = self.accepted = self.quantity
        self.cause = self.reason

    @property
    def by_rule(self) -> bool:
        """An exit that a rule decided, at a close or by the level that it armed."""
        return self.source in ("rule", "level")

    @property
    def direction(self) -> float:
        return 1.0 if self.quantity > 0.0 else -1.0

    @property
    def is_child(self) -> bool:
        return self.parent > 0

    @property
    def kind(self) -> str:
        if not (isnan(self.trail) and isnan(self.trail_percent)):
            return "trailing_stop"
        if isnan(self.limit) and isnan(self.stop):
            return self.on or "market"
        if isnan(self.limit):
            return "stop"
        return "limit" if isnan(self.stop) else "stop_limit"

    @property
    def is_stop(self) -> bool:
        return self.kind in ("stop", "trailing_stop")

    @property
    def trailed(self) -> float:
        """The stop behind H."""
        s = -self.direction
        if isnan(self.trail):
            return self.water * (1.0 - s * self.trail_percent)
        return self.water - s * self.trail

    def follow(self, price: float) -> None:
        """H takes a price in, and the stop follows; neither moves back."""
        sells = self.direction < 0.0
        if price > self.water if sells else price < self.water:
            self.water = price
        if self.trailed > self.stop if sells else self.trailed < self.stop:
            self.stop = self.trailed

    @property
    def rests(self) -> bool:
        """It waits for a price, not for an open."""
        return not self.kind.startswith("market") and not (self.is_stop and self.triggered)

    @property
    def immediate(self) -> bool:
        """It is tried once."""
        return self.valid in ("ioc", "fok")

    @property
    def maker(self) -> bool:
        """It never slips."""
        return self.at_target or self.kind in ("limit", "stop_limit")

    @property
    def is_limit(self) -> bool:
        """The price that decides next is the limit."""
        return self.kind == "limit" or (self.kind == "stop_limit" and self.triggered)

    @property
    def awaited(self) -> float:
        return self.limit if self.is_limit else self.stop

    @property
    def waits_above(self) -> bool:
        """For prices that rise: a limit that sells, a stop that buys."""
        return self.is_limit == (self.direction < 0.0)

    def met_by(self, price: float) -> bool:
        return price >= self.awaited if self.waits_above else price <= self.awaited

    def within(self, price: float) -> bool:
        """The price is no worse than the limit."""
        return price <= self.limit if self.direction > 0.0 else price >= self.limit


def on_tick(settings: Settings, price: float, up: bool) -> float:
    """The next price on a tick, or the one that it is but for the last bits."""
    tick = settings.tick_size
    if tick is None or isnan(price):
        return price
    n = ceil(price / tick - 1e-9) if up else floor(price / tick + 1e-9)
    return tick if up and n <= 0.0 < price else n * tick


def limit_on_tick(settings: Settings, direction: float, limit: float) -> float:
    """A limit is rounded the other way, no worse for the trader than asked for; one below a tick stays."""
    if 0.0 < limit < (settings.tick_size or 0.0):
        return limit
    return on_tick(settings, limit, up=direction < 0.0)


def floor_units(quantity: float) -> float:
    """Whole units, against the trader: floor(|q| + 1e-9), with the sign of q."""
    units = float(floor(abs(quantity) + 1e-9))
    return units if quantity >= 0.0 else -units


def floored_target(units: float) -> float:
    """A target in whole units: towards zero; never -0.0."""
    return floor_units(units) + 0.0


def within_target(order: Order, units: float, held: float) -> float:
    """Of these units of the order, those that do not take a position past its target."""
    if isnan(order.target):
        return units
    room = order.direction * (order.target - held)
    tolerance = 1e-12 * max(units, abs(order.target), abs(held))
    if room <= tolerance:
        return 0.0
    return units if units - room <= tolerance else room


def scale_down(asked: float, payable, whole: bool) -> float:
    """The scaled quantity of section 3; whole units are floored without the 1e-9, and what is at
    most 1e-12 of the units asked is nothing."""
    return worth_it(search(asked, payable), asked, whole)


def search(high: float, payable) -> float:
    """64 halvings, from the side that can be paid."""
    low = 0.0
    for _ in range(64):
        middle = (low + high) / 2.0
        if payable(middle):
            low = middle
        else:
            high = middle
    return low


def worth_it(units: float, asked: float, whole: bool) -> float:
    if units <= 1e-12 * asked:
        return 0.0
    return float(floor(units)) if whole else units
