"""The peers: what to install, and what each is asked."""

from __future__ import annotations

from dataclasses import dataclass, replace

from parity.scenarios import BASE, WAITING, Scenario


@dataclass(frozen=True)
class Peer:
    """Another engine; our profile has its name."""

    name: str
    requirements: tuple[str, ...]
    scenarios: tuple[Scenario, ...]
    """Where both must answer alike."""
    quirks: tuple[Scenario, ...] = ()
    """Where no switch makes ours answer as the peer does; ``docs/parity.md`` says why."""

    @property
    def script(self) -> str:
        return f"{self.name.removesuffix('.py')}.py"


BACKTESTING_PY = Peer(
    "backtesting.py",
    ("backtesting==0.6.6",),
    (
        *BASE,
        *WAITING[:4],
        Scenario("commission_per_unit", fee_per_unit=0.01),
        Scenario("all_in", percent=0.95, fee_percent=0.002),
        Scenario("close_trail", close_trail=0.05),
    ),
    (
        Scenario("stop_limit_entry", trigger=0.01, limit=-0.015),
        Scenario("limit_entry_bracket", limit=0.02, stop=0.04, target=0.06),
        Scenario("slippage", slippage=0.001),
    ),
)

BACKTRADER = Peer(
    "backtrader",
    ("backtrader==1.9.78.123", "pandas"),
    (
        *BASE,
        *WAITING,
        Scenario("commission_per_unit", fee_per_unit=0.01),
        Scenario("slippage", slippage=0.001),
        Scenario("slippage_stop", slippage=0.001, stop=0.04),
        Scenario("close_trail", close_trail=0.05),
        Scenario("monthly_top", data="stocks", top=4),
        Scenario("monthly_top_buys_first", data="stocks", top=4, share=0.24, buys_first=True),
        Scenario("limit_entry_bracket", limit=0.02, stop=0.04, target=0.06),
    ),
    (Scenario("slippage_target", slippage=0.001, target=0.06),),
)

VECTORBT = Peer(
    "vectorbt",
    ("vectorbt==1.2.0",),
    (
        *BASE,
        Scenario("slippage", slippage=0.001),
        Scenario("slippage_stop", slippage=0.001, stop=0.04),
        Scenario("trail", trail=0.05),
        Scenario("trail_short", side="short", trail=0.05),
        Scenario("trail_and_target", trail=0.05, target=0.08),
        Scenario("all_in", percent=1.0, fee_percent=0.002),
        Scenario("monthly_top", data="stocks", top=4),
        Scenario("monthly_weights", data="stocks", top=4, weight=0.2),
    ),
    (
        Scenario("stop_and_reversal_in_one_bar", side="both", stop=0.02),
        Scenario("trail_slippage", trail=0.05, slippage=0.001),
    ),
)

ZIPLINE = Peer(
    "zipline",
    ("zipline-reloaded==3.2.1",),
    (
        *(replace(scenario, data="cents") for scenario in BASE[:3]),
        Scenario("cannot_pay", data="cents", quantity=300.0, cash=15_000.0),
        Scenario("whole_units", data="cents", quantity=33.6),
        Scenario("commission_per_unit", data="cents", fee_per_unit=0.01),
        Scenario("commission_percent", data="cents", fee_percent=0.001),
        Scenario("commission_fixed", data="cents", fee_fixed=2.5),
        Scenario("slippage", data="cents", slippage=0.001),
        *(replace(scenario, data="closes") for scenario in WAITING),
        Scenario("monthly_top", data="stocks", top=4),
    ),
    (Scenario("limit_inside_the_bar", data="cents", limit=0.02), Scenario("thousandths")),
)

PEERS = (BACKTESTING_PY, BACKTRADER, VECTORBT, ZIPLINE)
