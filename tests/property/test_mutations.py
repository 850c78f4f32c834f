"""The comparison with the compiled engine is worth what it finds: every deliberate error of the reference."""

from functools import cache
from random import Random

import pytest
from property.adapter import compiled
from property.differences import differences
from property.markets import reference_run
from reference import MUTATIONS, Outcome, random_case

SEEDS = 3_000
LATE = {
    "fok_pays_before_its_exit": 1_190,
    "splits_leave_risk": 830,
    "basket_stays_in_its_tier": 720,
    "trailing_orders_told_by_asset": 580,
    "orders_before_levels": 530,
}
"""Where the search for rare errors begins: the markets before have been looked through, and come last."""


@cache
def compiled_run(seed: int) -> Outcome:
    return compiled(random_case(Random(seed)))


@cache
def possible_errors(seed: int) -> set[str]:
    return reference_run(random_case(Random(seed))).possible_errors


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_every_deliberate_error_is_found(mutation):
    begin = LATE.get(mutation, 0)
    for seed in [*range(begin, SEEDS), *range(begin)]:
        if mutation not in possible_errors(seed):
            continue
        wrong = reference_run(random_case(Random(seed)), mutation)
        if differences(wrong, compiled_run(seed)):
            return
    pytest.fail(f"not found on {SEEDS} markets: {mutation}: {MUTATIONS[mutation]}")
