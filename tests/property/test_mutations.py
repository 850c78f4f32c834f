"""The comparison with the compiled engine is worth what it finds: every deliberate error of the reference."""

from functools import cache
from random import Random

import pytest
from property.adapter import compiled
from property.differences import differences
from property.markets import reference_run
from reference import MUTATIONS, Outcome, random_case

SEEDS = range(600)


@cache
def compiled_run(seed: int) -> Outcome:
    return compiled(random_case(Random(seed)))


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_every_deliberate_error_is_found(mutation):
    for seed in SEEDS:
        wrong = reference_run(random_case(Random(seed)), mutation)
        if differences(wrong, compiled_run(seed)):
            return
    pytest.fail(f"not found on {len(SEEDS)} markets: {mutation}: {MUTATIONS[mutation]}")
