"""Play scenarios in ml4t.backtest."""

from __future__ import annotations

from functools import cache
from typing import Any

import pandas as pd
from parity.answers import Answer, answer
from parity.scenarios import Scenario
from parity.shared import playing
from parity.tables import Table, table

from ml4t.backtest import (
    BacktestConfig,
    BacktestResult,
    Commission,
    MarketData,
    Strategy,
    run_backtest,
)
from ml4t.backtest.profiles import Profile
from ml4t.backtest.risk import (
    PriceBasedStopLoss,
    PriceBasedTakeProfit,
    RiskDecision,
    RiskRule,
    TrailingStop,
)


class CloseTrail(RiskRule):
    """Move a stop behind each close, from that of the entry bar on."""

    def __init__(self, pct: float) -> None:
        self.pct = pct

    def evaluate(self, context: Any) -> RiskDecision:
        if context.opening:
            return RiskDecision.no_action()
        return RiskDecision.update_stops(
            stop_loss=context.close * (1 - context.side * self.pct), exit_type="trailing_stop"
        )


class Follows(Strategy):
    """Enter and leave at the bars of a scenario."""

    def __init__(self, job: dict[str, Any]) -> None:
        self.job = job

    def on_start(self) -> None:
        self.bar = -1
        self.waiting = None

    def on_market_data(self, event: Any) -> None:
        self.bar += 1
        for step, side in playing.steps(self.job, self.bar):
            (self.enter if step == "enter" else self.leave)(event, side)

    def leave(self, event: Any, side: int) -> None:
        self.cancel_waiting()
        if self.quantity(event.asset) * side > 0:
            self.close(event.asset)

    def cancel_waiting(self) -> None:
        if self.waiting is not None and self.waiting.is_open:
            self.cancel(self.waiting)

    def enter(self, event: Any, side: int) -> None:
        if self.quantity(event.asset) * side > 0:
            return
        self.cancel_waiting()
        job = self.job
        at = playing.prices(job, event.close, side)
        size = {"quantity": job["quantity"]}
        if job["percent"]:
            size = {"percent": job["percent"], "size_at": "fill"}
        self.waiting = (self.buy if side > 0 else self.sell)(
            event.asset, **size, limit=at["limit"], stop=at["trigger"]
        )


class Holds(Strategy):
    """Hold the units or weights of a scenario's monthly targets."""

    def __init__(self, job: dict[str, Any]) -> None:
        self.job = job

    def on_start(self) -> None:
        self.bar = -1

    def on_timestamp_batch(self, timestamp: Any, events: Any, context: Any) -> None:
        self.bar += 1
        targets = self.job["targets"].get(self.bar, {})
        if targets and self.job["weight"]:
            self.order_target_weights(targets)
            return
        held = {asset: self.quantity(asset) for asset in targets}
        for asset, units in playing.changes(self.job, targets, held):
            (self.buy if units > 0 else self.sell)(asset, abs(units))


RULES = {
    "stop": PriceBasedStopLoss,
    "target": PriceBasedTakeProfit,
    "trail": TrailingStop,
    "close_trail": CloseTrail,
}


def rules_of(scenario: Scenario) -> list[RiskRule]:
    said = {name: getattr(scenario, name) for name in RULES}
    return [RULES[name](pct=fraction) for name, fraction in said.items() if fraction]


@cache
def market(name: str) -> MarketData:
    return MarketData.from_tables(table(name).long())


def config_of(scenario: Scenario, profile: Profile | None) -> BacktestConfig:
    """Return the settings of a run: account and costs are the scenario's, all switches the profile's."""
    return BacktestConfig(
        initial_cash=scenario.cash,
        account="cash" if scenario.side == "long" else "margin",
        commission=Commission(
            percent=scenario.fee_percent,
            per_unit=scenario.fee_per_unit,
            fixed=scenario.fee_fixed,
        ),
        slippage=scenario.slippage,
        profile=profile,
    )


def job_of(scenario: Scenario) -> dict[str, Any]:
    """Return what the peers are told; signals as sets, which are faster to look in."""
    return {
        name: frozenset(value) if isinstance(value, list) else value
        for name, value in scenario.job().items()
    }


def run(scenario: Scenario, config: BacktestConfig) -> Answer:
    """Run a scenario under settings."""
    strategy = (Holds if scenario.top else Follows)(job_of(scenario))
    result = run_backtest(market(scenario.data), strategy, rules=rules_of(scenario), config=config)
    return answered(result, table(scenario.data))


@cache
def play(scenario: Scenario, profile: Profile | None = None) -> Answer:
    """Return our answer under a profile, or without one the honest answer."""
    return run(scenario, config_of(scenario, profile))


def answered(result: BacktestResult, prices: Table) -> Answer:
    trades = result.trades
    bars = {
        name: prices.times.get_indexer(pd.DatetimeIndex(trades[f"{name}_time"])).tolist()
        for name in ("entry", "exit")
    }
    rows = zip(
        trades["asset"].tolist(),
        trades["side"].tolist(),
        bars["entry"],
        bars["exit"],
        *(trades[name].tolist() for name in ("entry_price", "exit_price", "quantity", "net_pnl")),
        strict=True,
    )
    return answer([[*row] for row in rows], float(result.equity["equity"].iloc[-1]))
