"""Random limits of the portfolio."""

from __future__ import annotations

from random import Random

from reference.limit import LOSSES, NEVER, NEXT_SESSION, RISKS, Limit
from reference.market import Market
from reference.random_market import some
from reference.settings import Settings

KINDS = (
    "max_daily_loss", "max_drawdown", "max_drawdown", "max_leverage", "max_gross_exposure", "max_net_exposure",
    "max_position_weight", "max_group_exposure", "max_positions", "max_positions", "restricted_assets", "long_only",
    "max_turnover", "max_turnover", "volatility_target", "volatility_target", "max_var", "max_cvar",
)  # fmt: skip
ON_A_LOSS = ("warn", "reject", "halt", "halt", "flatten")


def random_limits(rng: Random, market: Market, settings: Settings) -> tuple[Limit, ...]:
    n = rng.choice((1, 1, 2, 3))
    return tuple(_limit(rng, market, settings) for _ in range(n))


def _limit(rng: Random, market: Market, settings: Settings) -> Limit:
    kind, n_assets = rng.choice(KINDS), len(market.assets)
    given = {
        "kind": kind,
        "resume": rng.choice((NEXT_SESSION, NEVER, 1, 2, 5)),
        "priority": rng.choice((0, 0, 1, -1)),
    }
    if kind in LOSSES:
        # Prices lie on a grid: without costs a loss comes to such a value exactly.
        by_value = kind == "max_daily_loss" and rng.random() < 0.6
        loss, value = (
            rng.choice((0.0005, 0.001, 0.003, 0.01)),
            rng.choice((10.0, 20.0, 40.0, 100.0)),
        )
        size = {"value": value} if by_value else {"percent": loss}
        return Limit(on_breach=rng.choice(ON_A_LOSS), **size, **given)
    if kind in ("restricted_assets", "long_only"):
        restricted = some(rng, n_assets) if kind == "restricted_assets" else frozenset()
        on_breach = rng.choice(("warn", "reject", "reject"))
        return Limit(on_breach=on_breach, restricted=restricted, **given)
    if kind == "max_positions":
        return Limit(
            on_breach=rng.choice(("warn", "warn", "reject", "reject", "halt", "flatten")),
            n=rng.choice((1, 1, 1, 2, 3)),
            rank=rng.choice(("", "level", "bars")),
            **given,
        )
    if kind in RISKS:
        return _on_risk(rng, kind, given)
    if kind == "max_turnover":
        percent = rng.choice((0.05, 0.2, 0.5, 1.0, 2.0))
        size = (
            {"value": percent * settings.initial_cash}
            if rng.random() < 0.5
            else {"percent": percent}
        )
        on_breach = rng.choice(("warn", "reject", "scale", "scale"))
        return Limit(on_breach=on_breach, bars=rng.choice((1, 1, 2, 3, 7)), **size, **given)
    percent = rng.choice((0.02, 0.1, 0.3, 0.5, 1.0))
    by_value = kind not in ("max_leverage", "max_position_weight") and rng.random() < 0.3
    size = {"value": percent * settings.initial_cash} if by_value else {"percent": percent}
    groups = tuple(rng.randrange(2) for _ in range(n_assets))
    return Limit(
        on_breach=rng.choice(
            ("warn", "warn", "warn", "reject", "scale", "scale", "halt", "flatten")
        ),
        groups=groups if kind == "max_group_exposure" else (),
        **size,
        **given,
    )


def _on_risk(rng: Random, kind: str, given: dict) -> Limit:
    """Of short windows, for markets are short."""
    on_breach = rng.choice(("warn", "reject", "scale", "scale", "scale", "halt", "flatten"))
    measure = {
        "window": rng.choice((2, 3, 5, 8, 40)),
        "min_periods": rng.choice((2, 2, 3, 5)),
    }
    measure["min_periods"] = min(measure["min_periods"], measure["window"])
    if kind == "volatility_target":
        percent, periods = rng.choice((0.01, 0.03, 0.1)), rng.choice((1.0, 12.0, 252.0))
        return Limit(
            on_breach=on_breach, percent=percent, periods_per_year=periods, **measure, **given
        )
    percent, confidence = rng.choice((0.0005, 0.002, 0.01)), rng.choice((0.5, 0.75, 0.8, 0.95))
    return Limit(on_breach=on_breach, percent=percent, confidence=confidence, **measure, **given)
