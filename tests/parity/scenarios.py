"""What is played in every engine: a few words for each scenario, the same for a peer and for us."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

from parity.tables import crossings, strongest, table


@dataclass(frozen=True)
class Scenario:
    """One strategy on one table. Prices of orders are fractions of the close that decides."""

    name: str
    data: Literal["aapl", "cents", "closes", "es", "stocks"] = "aapl"
    means: tuple[int, int] = (5, 20)
    """Windows of two moving averages: their crossings are the signals."""
    side: Literal["long", "short", "both"] = "long"
    """``both`` is always in the market; ``short`` sells where ``long`` leaves."""
    quantity: float = 100.0
    percent: float | None = None
    """Fraction of equity an entry is worth, in place of a quantity."""
    limit: float | None = None
    """An entry waits for a price this much better than the close."""
    trigger: float | None = None
    """An entry waits until the price has gone this much against it."""
    stop: float | None = None
    target: float | None = None
    trail: float | None = None
    """The engine's own trailing stop."""
    close_trail: float | None = None
    """A stop that the strategy itself moves behind each close, from that of the entry bar on."""
    fee_percent: float = 0.0
    """Of the notional."""
    fee_per_unit: float = 0.0
    fee_fixed: float = 0.0
    """For each order."""
    slippage: float = 0.0
    cash: float = 100_000.0
    top: int | None = None
    """Assets that a monthly rebalance holds, the strongest of the table; signals play no part."""
    share: float = 0.15
    """Fraction of the first cash that each of them is worth when it is bought, in whole shares."""
    buys_first: bool = False
    """Its purchases are ordered before its sales."""
    weight: float | None = None
    """Fraction of equity that each of them is, in place of a share."""

    def job(self) -> dict[str, Any]:
        """Return the scenario for another process, its signals as numbers of bars."""
        said = asdict(self)
        if self.top:
            return {**said, "targets": self._targets()}
        up, down = crossings(table(self.data).prices["close"][:, 0], *self.means)
        entries, exits = (down, up) if self.side == "short" else (up, down)
        return {**said, "entries": entries, "exits": exits}

    def _targets(self) -> dict[int, dict[str, float]]:
        prices = table(self.data)
        closes = dict(zip(prices.assets, prices.prices["close"].T, strict=True))
        return {
            bar: {
                asset: (self.weight or self.share * self.cash // closes[asset][bar])
                * (asset in best)
                for asset in prices.assets
            }
            for bar, best in strongest(prices, self.top).items()
        }

    def fingerprint(self) -> str:
        """Return a hash of all that the engines are given; words at their default are no part of it."""
        job = self.job()
        for field in fields(self):
            if job[field.name] == field.default:
                del job[field.name]
        given = json.dumps([job, table(self.data).fingerprint], sort_keys=True)
        return hashlib.sha256(given.encode()).hexdigest()[:16]


BASE = (
    Scenario("crossover_long"),
    Scenario("crossover_short", side="short"),
    Scenario("crossover_both", side="both"),
    Scenario("stop", stop=0.04),
    Scenario("target", target=0.06),
    Scenario("bracket", stop=0.04, target=0.06),
    Scenario("bracket_short", side="short", stop=0.04, target=0.06),
    Scenario("bracket_minutes", data="es", quantity=10.0, stop=0.0004, target=0.0006),
    Scenario("gap_bars", means=(3, 10), stop=0.01, target=0.015),
    Scenario("cannot_pay", quantity=300.0, cash=15_000.0),
    Scenario("commission_percent", fee_percent=0.001),
    Scenario("commission_fixed", fee_percent=0.0005, fee_fixed=2.5),
)
WAITING = (
    Scenario("limit_entry", limit=0.02),
    Scenario("limit_entry_short", side="short", limit=0.02),
    Scenario("stop_entry", trigger=0.01),
    Scenario("stop_entry_short", side="short", trigger=0.01),
    Scenario("stop_limit_entry", trigger=0.01, limit=-0.015),
)
