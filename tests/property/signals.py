"""Cases with columns that SignalStrategy trades on, what trades on them in Python, and runs of both."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

from property.adapter import config_of, data_of, desk_of
from reference import Case

from ml4t.backtest import BacktestEngine, BacktestResult, MarketData, Strategy
from ml4t.backtest.risk import RiskManager

COLUMNS = ("long_in", "long_out", "short_in", "short_out")
SHORTS = {"short_entry": "short_in", "short_exit": "short_out"}


def with_signals(case: Case, rng: Random) -> Case:
    """The case with a column for each question; a value above zero says yes."""
    busy = rng.choice((0.02, 0.1, 0.3))

    def value() -> float:
        return rng.choice((1.0, 2.5) if rng.random() < busy else (0.0, float("nan"), -1.0))

    drawn = {name: {key: value() for key in sorted(case.market.bars)} for name in COLUMNS}
    return replace(case, market=replace(case.market, columns=case.market.columns | drawn))


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
    engine = BacktestEngine(data, strategy, risk_manager=manager, config=config_of(case.settings))
    return engine.run()


class Twin(Strategy):
    """What SignalStrategy's docstring says, written in Python; of its events it keeps a list."""

    def __init__(self, longs: bool, shorts: bool, **size: Any) -> None:
        self.longs = longs
        self.shorts = shorts
        self.size = size
        self.passed_over: list[tuple] = []

    def on_market_data(self, event) -> None:
        enters = self.longs and event.long_in > 0
        shorts = self.shorts and event.short_in > 0
        held = self.quantity(event.asset)
        if held > 0.0:
            self.held(event, enters, self.longs and event.long_out > 0, shorts, self.sell)
        elif held < 0.0:
            self.held(event, shorts, self.shorts and event.short_out > 0, enters, self.buy)
        elif enters:
            self.pass_over(event, shorts, "conflicting_signal")
            self.cancel_entries(event.asset)
            self.buy(event.asset, **self.size)
        elif shorts:
            self.cancel_entries(event.asset)
            self.sell(event.asset, **self.size)

    def held(self, event, enters: bool, leaves: bool, reverses: bool, enter) -> None:
        exit_waits = any(order.reduce_only for order in self.open_orders(event.asset))
        if reverses or (leaves and not exit_waits):
            self.pass_over(event, enters, "conflicting_signal")
        elif exit_waits:
            self.pass_over(event, enters, "exit_pending")
        if reverses or (leaves and not exit_waits):
            self.cancel_entries(event.asset)
        if (reverses or leaves) and not exit_waits:
            self.close(event.asset)
        if reverses:
            enter(event.asset, **self.size)

    def cancel_entries(self, asset: str) -> None:
        """What the volume of the bars has cut off of them."""
        for order in self.open_orders(asset):
            if not order.reduce_only:
                self.cancel(order)

    def pass_over(self, event, was_on: bool, reason: str) -> None:
        if was_on:
            self.passed_over.append((event.timestamp_ns, event.asset, reason))
