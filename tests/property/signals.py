"""Cases with columns that SignalStrategy trades on, what trades on them in Python, and runs of both."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from itertools import pairwise
from math import inf, isnan
from random import Random
from typing import Any

from property.adapter import config_of, data_of, desk_of, fine_of
from reference import Case
from reference.orders import limit_on_tick
from reference.settings import Settings

from ml4t.backtest import BacktestEngine, BacktestResult, MarketData, Order, Strategy
from ml4t.backtest.risk import RiskManager

COLUMNS = ("long_in", "long_out", "short_in", "short_out")
PRICES = ("limit", "stop", "stop_loss", "take_profit", "trail", "trail_percent")
SHORTS = {"short_entry": "short_in", "short_exit": "short_out"}


def with_signals(case: Case, rng: Random) -> Case:
    """The case with a column for each question; a value above zero says yes."""
    busy = rng.choice((0.02, 0.1, 0.3))

    def value() -> float:
        return rng.choice((1.0, 2.5) if rng.random() < busy else (0.0, float("nan"), -1.0))

    def price(name: str, close: float) -> float:
        if rng.random() < 0.3:
            return rng.choice((float("nan"), float("nan"), 0.0, -1.0))
        if name == "trail_percent":
            return rng.choice((0.01, 0.03, 0.2, 1.0))
        away = abs(close) * rng.choice((0.002, 0.01, 0.05, 0.15))
        return away if name == "trail" else close + rng.choice((-1.0, 1.0)) * away

    bars = sorted(case.market.bars)
    drawn = {name: {key: value() for key in bars} for name in COLUMNS}
    drawn |= {
        f"{name}_at": {key: price(name, case.market.bars[key].close) for key in bars}
        for name in PRICES
    }
    drawn["rank"] = {key: rng.choice((1.0, 2.0, 2.0, 3.0, float("nan"))) for key in bars}
    return replace(case, market=replace(case.market, columns=case.market.columns | drawn))


def random_terms(case: Case, rng: Random) -> dict[str, Any]:
    """What entries wait for and how long: columns, and now and then a number."""
    waits = rng.choice(
        ((), (), ("limit",), ("stop",), ("limit", "stop"), ("trail",), ("trail_percent",))
    )
    if case.market.negative and "trail_percent" in waits:
        waits = ("trail",)
    guards = rng.choice(((), ("stop_loss",), ("take_profit",), ("stop_loss", "take_profit")))
    if waits and waits[0].startswith("trail"):
        guards = ()
    terms: dict[str, Any] = {name: f"{name}_at" for name in (*waits, *guards)}
    if "trail_percent" in terms and rng.random() < 0.5:
        terms["trail_percent"] = 0.02
    valid = rng.choice(("gtc", "gtc", "day", "day", "day", "ioc", "fok"))
    return terms if valid == "gtc" else terms | {"valid": valid}


def random_limits(rng: Random, n_assets: int) -> dict[str, Any]:
    """How often it may enter, how many assets at once, and which first."""
    limits: dict[str, Any] = {"max_entries": rng.choice((1, 1, 2, 3))}
    if n_assets > 1 and rng.random() < 0.6:
        limits["max_positions"] = rng.randint(1, n_assets)
        limits |= {"rank": "rank"} if rng.random() < 0.7 else {}
    return limits


def random_size(case: Case, rng: Random) -> dict[str, Any]:
    """What an entry is of; where prices may be negative, units alone."""
    kind = "quantity" if case.market.negative else rng.choice(("percent", "quantity", "value"))
    size = {kind: rng.choice((0.5, 0.9, 1.9) if kind == "percent" else (0.5, 0.9, 7.0, 600.0))}
    return size if kind == "quantity" else size | {"size_at": rng.choice(("close", "fill"))}


def run_strategy(case: Case, strategy: Strategy, data: MarketData | None = None) -> BacktestResult:
    """Run a strategy of the package, not the script of the case, with the rules of the case."""
    manager = RiskManager()
    desk_of(case, manager).strategy = strategy
    data = data_of(case) if data is None else data
    config, fine = config_of(case.settings, market=case.market), fine_of(case)
    engine = BacktestEngine(data, strategy, risk_manager=manager, config=config, fine=fine)
    return engine.run()


class Twin(Strategy):
    """What SignalStrategy's docstring says, written in Python; of its events it keeps a list."""

    def __init__(
        self,
        longs: bool,
        shorts: bool,
        *,
        max_entries: int = 1,
        max_positions: int | None = None,
        rank: str | None = None,
        valid: str = "gtc",
        settings: Settings | None = None,
        negative: tuple[str, ...] = (),
        **asked: Any,
    ) -> None:
        self.sides = {1: longs, -1: shorts}
        self.max_entries = max_entries
        self.max_positions = max_positions
        self.rank = rank
        self.valid = valid
        self.settings = settings or Settings()
        self.negative = negative
        self.prices = {name: asked[name] for name in PRICES if name in asked}
        self.size = {name: amount for name, amount in asked.items() if name not in PRICES}

    def on_start(self) -> None:
        self.last: dict[str, Order] = {}  # the last entry of an asset
        self.filled: dict[str, set[int]] = defaultdict(set)  # entries of the position that is held
        self.asking: list[tuple] = []
        self.passed_over: list[tuple] = []
        self.n_added = self.n_replaced = 0

    def on_fill(self, fill) -> None:
        if fill.action == "entry":
            if fill.position_after == fill.quantity:  # it opened
                self.filled[fill.asset] = set()
            self.filled[fill.asset].add(fill.order_id)

    def on_market_data(self, event) -> None:
        held = self.quantity(event.asset) or self.waiting(event.asset)
        if held:
            self.hold(event, 1 if held > 0.0 else -1)
        elif self.may_enter(event, 1):
            self.pass_over(event, self.is_on(event, -1, "in"), "conflicting_signal")
            self.ask(event, 1)
        elif self.may_enter(event, -1):
            self.ask(event, -1)

    def on_timestamp_batch(self, timestamp, events, context) -> None:
        taken = sum(
            bool((self.quantity(asset) and not self.exit_waits(asset)) or self.waiting(asset))
            for asset in self.data.assets
        )
        for _, event, side, terms in sorted(self.asking, key=lambda one: one[0]):
            if taken < self.max_positions:
                self.enter(event["asset"], side, terms)
            else:
                self.passed_over.append((event["time"], event["asset"], "position_limit"))
            taken += 1
        self.asking.clear()

    def hold(self, event, side: int) -> None:
        asset, enters = event.asset, self.is_on(event, side, "in")
        if self.may_enter(event, -side):
            self.pass_over(event, enters, "conflicting_signal")
            self.leave(asset)
            self.enter(asset, -side, self.terms(event))
        elif self.exit_waits(asset):
            self.pass_over(event, enters, "exit_pending")
        elif self.is_on(event, side, "out"):
            self.pass_over(event, enters, "conflicting_signal")
            self.leave(asset)
        elif enters:
            self.add(event, side)

    def add(self, event, side: int) -> None:
        waits = self.waiting(event.asset)
        entered = len(self.filled[event.asset]) if self.quantity(event.asset) else 0
        if (waits and self.valid == "gtc") or entered >= self.max_entries:
            return
        if not self.may_enter(event, side):
            return
        if waits:
            self.cancel(self.last[event.asset])
            self.n_replaced += 1
        self.n_added += not waits
        self.enter(event.asset, side, self.terms(event))

    def leave(self, asset: str) -> None:
        if self.waiting(asset):
            self.cancel(self.last[asset])
        if not self.exit_waits(asset):
            self.close(asset)

    def ask(self, event, side: int) -> None:
        if self.max_positions is None:
            self.enter(event.asset, side, self.terms(event))
            return
        rank = getattr(event, self.rank) if self.rank else 0.0
        order = (inf if isnan(rank) else -rank, event.code)
        asks = {"asset": event.asset, "time": event.timestamp_ns}
        self.asking.append((order, asks, side, self.terms(event)))

    def enter(self, asset: str, side: int, terms: dict[str, Any]) -> None:
        order = self.buy if side > 0 else self.sell
        self.last[asset] = order(asset, **self.size, **terms, valid=self.valid)

    def waiting(self, asset: str) -> float:
        """The units of an entry that waits; 0 without one."""
        last = self.last.get(asset)
        return last.quantity if last is not None and last.is_open else 0.0

    def exit_waits(self, asset: str) -> bool:
        orders = self.open_orders(asset)
        return any(order.reduce_only and not order.parent for order in orders)

    def is_on(self, event, side: int, way: str) -> bool:
        return self.sides[side] and getattr(event, f"{'long' if side > 0 else 'short'}_{way}") > 0

    def terms(self, event) -> dict[str, float]:
        read = {
            name: getattr(event, given) if isinstance(given, str) else given
            for name, given in self.prices.items()
        }
        return {name: price for name, price in read.items() if not isnan(price)}

    def may_enter(self, event, side: int) -> bool:
        if not self.is_on(event, side, "in"):
            return False
        terms = self.terms(event)
        own = terms.get("stop")
        if "limit" in terms:
            own = limit_on_tick(self.settings, side, terms["limit"])
        line = [terms.get("stop_loss"), own, terms.get("take_profit")]
        known = [price for price in line if price is not None]
        if not all(self.can_be(event.asset, *term) for term in terms.items()):
            self.pass_over(event, True, "no_price")
        elif any(side * low >= side * high for low, high in pairwise(known)):
            self.pass_over(event, True, "crossed_prices")
        else:
            return True
        return False

    def can_be(self, asset: str, name: str, price: float) -> bool:
        if name == "trail_percent":
            return 0.0 < price < 1.0
        return price > 0.0 or (name != "trail" and asset in self.negative)

    def pass_over(self, event, was_on: bool, reason: str) -> None:
        if was_on:
            self.passed_over.append((event.timestamp_ns, event.asset, reason))
