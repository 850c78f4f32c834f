"""The switches of semantics 9, the costs of 3 and the accounts of 6; honest defaults first."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import NamedTuple

from reference.limit import Limit

CHOICES = {
    "account": ("cash", "margin"),
    "fill_at": ("next_open", "next_close", "close"),
    "level_basis": ("fill_price", "signal_close"),
    "watermark": ("high", "close"),
    "watermark_start": ("entry_high", "fill", "entry_close"),
    "intrabar": (
        "adverse_first",
        "favourable_first",
        "nearest_to_open",
        "fine",
        "fine_favourable",
    ),
    "gap_fill": ("open", "level"),
    "exit_decided_at_close": ("next_open", "close"),
    "on_insufficient": ("scale", "reject", "allow"),
    "order_sequence": ("exits_first", "submission"),
    "quantity": ("fractional", "whole"),
    "dividend_adjusts": ("levels", "none"),
    "impact_curve": ("square_root", "linear"),
    "ledger": ("fills", "decisions", "all"),
}


class Tier(NamedTuple):
    """Rates from a volume of the month on; None: as below it."""

    above: float
    percent: float | None
    per_unit: float | None
    maker: float | None


@dataclass(frozen=True)
class Parts:
    """What those that slip pay."""

    slippage: float = 0.0  # a fraction of the price; so extra_on_stops and both without_
    slippage_per_unit: float = 0.0
    extra_on_stops: float = 0.0
    spread: float = 0.0
    without_quotes: float = 0.0
    impact: float = 0.0
    impact_curve: str = "square_root"
    without_volume: float = 0.0
    ticks: float = 0.0


@dataclass(frozen=True)
class Settings(Parts):
    initial_cash: float = 100_000.0
    account: str = "cash"
    max_leverage: float = 2.0  # margin accounts only; initial margin is 1/max_leverage
    close_at_end: bool = False

    commission_pct: float = 0.0
    commission_per_unit: float = 0.0
    commission_fixed: float = 0.0
    commission_minimum: float = 0.0
    commission_maximum: float = inf
    commission_maximum_percent: float | None = None
    commission_maker: float | None = None
    commission_rebates: bool = False
    commission_tiers: tuple[Tier, ...] = ()
    tiers_by_value: bool = False
    model_fee: float = 0.0  # k of the models that the tests ask (reference/models.py); 0: none
    model_amount: float = 0.0
    slippage_by_type: tuple[tuple[str, Parts], ...] = ()  # what takes the place of its own parts
    tick_size: float | None = None
    max_participation: float | None = None  # a fraction of the volume of a bar

    fill_at: str = "next_open"
    check_entry_bar: bool = True
    level_basis: str = "fill_price"
    watermark: str = "high"
    watermark_start: str = "entry_high"
    intrabar: str = "adverse_first"
    open_decides: bool = True
    gap_fill: str = "open"
    slip_stops: bool = True
    exit_decided_at_close: str = "next_open"
    on_insufficient: str = "scale"
    order_sequence: str = "exits_first"
    quantity: str = "fractional"
    dividend_adjusts: str = "levels"

    # the smallest trade of a target, and how far a position may drift from it
    min_trade_units: float = 0.0
    min_trade_value: float = 0.0
    min_trade_percent: float = 0.0
    drift_band: float = 0.0

    ledger: str = "fills"
    limits: tuple[Limit, ...] = ()  # of the portfolio, added after the rules

    def __post_init__(self) -> None:
        for name, allowed in CHOICES.items():
            if getattr(self, name) not in allowed:
                raise ValueError(f"{name} must be one of {allowed}, was {getattr(self, name)!r}")

    @property
    def whole(self) -> bool:
        return self.quantity == "whole"

    @property
    def is_fine(self) -> bool:
        """Bars are walked on their fine bars."""
        return self.intrabar in ("fine", "fine_favourable")

    @property
    def first_side(self) -> str:
        """Which side of a bar comes first; under `fine` of a fine bar, and where there is none."""
        sides = {"fine": "adverse_first", "fine_favourable": "favourable_first"}
        return sides.get(self.intrabar, self.intrabar)

    @property
    def initial_margin(self) -> float:
        return 1.0 / self.max_leverage
