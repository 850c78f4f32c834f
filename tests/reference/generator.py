"""Small random markets and strategies that meet everything the contract speaks of.

Prices mostly live on a coarse grid, so that they equal levels often. All randomness comes from
the `random.Random` given.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random

from reference.market import Market
from reference.random_limits import random_limits
from reference.random_market import quote, random_market, refine, sink
from reference.random_rules import random_rules
from reference.random_script import brackets_around, random_script, sized_by_risk
from reference.random_sessions import give_sessions, session_exit
from reference.random_settings import (
    random_commission,
    random_settings,
    random_slippage,
    random_slippage_by_type,
    random_tiers,
)
from reference.rules import Rule
from reference.script import Script
from reference.settings import CHOICES, Settings

N_ASSETS = (1, 1, 2, 2, 3, 3, 4, 4, 12)


@dataclass
class Case:
    market: Market
    script: Script
    rules: list[Rule]
    settings: Settings


def random_case(
    rng: Random,
    n_assets: int | None = None,
    n_times: int | None = None,
    n_rules: int | None = None,
    *,
    is_whole: bool = False,
) -> Case:
    """A case of these sizes; drawn where they are not given. Of a whole market every asset has a bar at every time."""
    n_assets = rng.choice(N_ASSETS) if n_assets is None else n_assets
    n_times = rng.randint(5, 40) if n_times is None else n_times
    n_rules = rng.choice((0, 1, 1, 2, 3, 4, 5, 6)) if n_rules is None else n_rules
    grid = rng.choice((1.0, 1.0, 2.0, 0.5, 0.0))  # 0: prices off any grid
    market = random_market(rng, n_times, n_assets, grid, is_whole=is_whole)
    if rng.random() < 0.15:
        sink(rng, market, grid)
    rules = random_rules(rng, market, grid, n_rules)
    settings = random_settings(rng)
    script = random_script(rng, market, rules, grid, settings)
    if rng.random() < 0.5:
        settings = replace(settings, **random_commission(rng, settings.commission_minimum))
    if rng.random() < 0.5:
        quote(rng, market)
        settings = replace(settings, **random_slippage(rng))
    if rng.random() < 0.25:
        settings = replace(settings, max_participation=rng.choice((0.01, 0.03, 0.1, 0.3, 1.0)))
    if rng.random() < 0.5:
        refine(rng, market, grid)
        settings = replace(settings, intrabar=rng.choice(("fine", "fine", "fine_favourable")))
    if rng.random() < 0.15:
        ticks = {"ticks": rng.choice((0.0, 1.0, 2.0)), "tick_size": rng.choice((0.01, 0.05, 0.4))}
        settings = replace(settings, **ticks)
        script = brackets_around(script, settings)
    if rng.random() < 0.3:
        settings = replace(settings, slippage_by_type=random_slippage_by_type(rng))
    if rng.random() < 0.3:
        settings = replace(settings, **random_tiers(rng))
    if rng.random() < 0.1:
        asked = {
            "model_fee": rng.choice((0.0, 1.0, 4.0)),
            "model_amount": rng.choice((0.0, 0.02, 0.3)),
        }
        settings = replace(settings, **asked, commission_rebates=True)
    if rng.random() < 0.4:
        settings = replace(settings, limits=random_limits(rng, market, settings))
    settings = replace(settings, ledger=rng.choice(CHOICES["ledger"]))
    if rng.random() < 0.5:
        script = sized_by_risk(rng, script, rules)
    if rng.random() < 0.3:
        give_sessions(rng, market)
        if rng.random() < 0.7:
            rules = [*rules, session_exit(rng, market)]
    return Case(market, script, rules, settings)
