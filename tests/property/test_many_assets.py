"""Many assets, each with a bar at every time: what the engine does at once for all of them is what it does for each.

Rows that are all there are taken in as one block, and a list of many positions is changed where few of them come or go.
"""

from dataclasses import replace
from itertools import groupby, pairwise
from random import Random

import pytest
from property.adapter import compiled
from property.differences import differences
from property.markets import reference_run
from reference import Act, Case, Outcome, Script, random_case

MARKETS = 40
MANY = 16  # positions: of fewer none is few


def check(case: Case) -> Outcome:
    expected = reference_run(case)
    assert differences(expected, compiled(case, lower=True)) == []
    assert differences(expected, compiled(case, lower=False)) == []
    return expected


@pytest.mark.parametrize("n_assets", [7, 8, 20])
def test_whole_markets_agree_with_the_reference(n_assets):
    n_fills = 0
    for number in range(MARKETS):
        rng = Random(1_000 * n_assets + number)
        case = random_case(rng, n_assets, rng.randint(5, 16), rng.randint(0, 4), is_whole=True)
        n_fills += len(check(case).fills)
    assert n_fills > 1_000


def test_a_few_of_many_positions_come_and_go():
    n_few = 0
    for number in range(MARKETS):
        rng = Random(number)
        case = random_case(rng, 48, 16, rng.randint(0, 1), is_whole=True)
        n_few += times_of_few_changes(check(replace(case, script=few_at_a_time(rng, 48, 16))))
    assert n_few > 2 * MARKETS


def few_at_a_time(rng: Random, n_assets: int, n_times: int) -> Script:
    """Most assets are bought at first, and then now and then one is closed, reversed, or bought."""
    acts = {0: [Act("buy", asset, 1.0) for asset in range(n_assets) if rng.random() < 0.8]}
    for t in range(1, n_times):
        acts[t] = [some_act(rng, rng.randrange(n_assets)) for _ in range(rng.choice((0, 1, 2)))]
    return Script(acts)


def some_act(rng: Random, asset: int) -> Act:
    kind = rng.choice(("buy", "close", "close", "sell"))
    return Act(kind, asset, 0.0 if kind == "close" else rng.choice((1.0, 2.0)))


def times_of_few_changes(outcome: Outcome) -> int:
    """Timestamps at which some positions came or went, of many that were held."""
    held = [
        {row["asset"] for row in rows}
        for _, rows in groupby(outcome.held, key=lambda row: row["timestamp"])
    ]
    return sum(0 < MANY * len(now ^ before) <= len(before) for before, now in pairwise(held))
