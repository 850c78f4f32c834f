"""Random settings, and costs."""

from __future__ import annotations

from math import inf
from random import Random

from reference.settings import CHOICES, Parts, Settings, Tier


def random_settings(rng: Random) -> Settings:
    """The honest defaults about half the time, otherwise every switch drawn."""
    chosen: dict = {
        "initial_cash": rng.choice((10_000.0, 10_000.0, 5_000.0, 3_333.33, 1_000_000.0)),
        "account": rng.choice(("cash", "margin", "margin")),
        "max_leverage": rng.choice((1.0, 2.0, 2.0, 4.0, 3.0)),
        "close_at_end": rng.random() < 0.2,
        "quantity": rng.choice(("fractional", "whole")),
        "intrabar": rng.choice(CHOICES["intrabar"][:3]),  # without fine bars
        "on_insufficient": rng.choice(("scale", "scale", "reject", "allow")),
    }
    if rng.random() < 0.7:
        chosen["commission_pct"] = rng.choice((0.0, 0.001, 0.01))
        chosen["commission_per_unit"] = rng.choice((0.0, 0.005, 0.1))
        chosen["commission_fixed"] = rng.choice((0.0, 1.0))
        chosen["commission_minimum"] = rng.choice((0.0, 2.0, 15.0))
    if rng.random() < 0.5:
        chosen["slippage"] = rng.choice((0.0005, 0.01, 0.001))
    if rng.random() < 0.5:
        for name in (
            "fill_at",
            "level_basis",
            "watermark",
            "watermark_start",
            "gap_fill",
            "exit_decided_at_close",
            "order_sequence",
            "dividend_adjusts",
        ):
            chosen[name] = rng.choice(CHOICES[name])
        for name in ("check_entry_bar", "open_decides", "slip_stops"):
            chosen[name] = rng.random() < 0.6
    if rng.random() < 0.3:
        chosen["min_trade_units"] = rng.choice((0.0, 3.0))
        chosen["min_trade_value"] = rng.choice((0.0, 400.0))
        chosen["min_trade_percent"] = rng.choice((0.0, 0.03))
        chosen["drift_band"] = rng.choice((0.0, 0.1, 0.3))
    if rng.random() < 0.12:  # an account that may go under
        chosen |= {"on_insufficient": "allow", "account": "margin", "initial_cash": 500.0}
    return Settings(**chosen)


def random_commission(rng: Random, minimum: float) -> dict:
    """What an order pays at most, and what one pays that never slips."""
    return {
        "commission_maximum": max(rng.choice((inf, 1.5, 4.0)), minimum),
        "commission_maximum_percent": rng.choice((None, None, 0.0005, 0.005)),
        "commission_maker": rng.choice((None, 0.0, 0.0002)),
    }


def random_tiers(rng: Random) -> dict:
    """Tiers of the volume of a month, small enough to be reached, and rebates."""
    by_value = rng.random() < 0.4
    tiers, above = [], 0.0
    for _ in range(rng.randint(1, 9)):
        above += rng.choice((7.0, 30.0, 100.0)) * (100.0 if by_value else 1.0)
        percent, maker = rng.choice((None, 0.0005, 0.02)), rng.choice((None, -0.0003, 0.0001))
        tiers.append(Tier(above, percent, rng.choice((None, 0.0, 0.002, 0.3)), maker))
    return {
        "commission_tiers": tuple(tiers),
        "tiers_by_value": by_value,
        "commission_rebates": True,
        "commission_maker": rng.choice((None, -0.0002, 0.0002)),
    }


def random_slippage(rng: Random) -> dict:
    """Amounts that are large now and then: more than what is sold is worth."""
    return {
        "slippage_per_unit": rng.choice((0.0, 0.0, 0.01, 0.3, 0.3, 40.0)),
        "extra_on_stops": rng.choice((0.0, 0.02)),
        "spread": rng.choice((0.0, 0.5, 0.5, 1.7)),
        "without_quotes": rng.choice((0.0, 0.003)),
        "impact": rng.choice((0.0, 0.1, 0.1, 1.0)),
        "impact_curve": rng.choice(CHOICES["impact_curve"]),
        "without_volume": rng.choice((0.0, 0.05)),
    }


def random_slippage_by_type(rng: Random) -> tuple[tuple[str, Parts], ...]:
    types = ("market_on_open", "market_on_close", "stop")
    percents = (0.0, 0.002, 0.02)
    return tuple(
        (name, Parts(slippage=rng.choice(percents), ticks=1.0, **random_slippage(rng)))
        for name in types
        if rng.random() < 0.7
    )
