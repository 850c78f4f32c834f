"""On random markets the compiled engine does what the reference does, bit for bit.

Each market runs three times: in the reference, compiled with its rules lowered to C, and compiled with
every rule asked through its ``evaluate``. Fills, trades, orders, events, equity and open positions agree.
"""

from collections import Counter
from math import inf, nextafter

import pytest
from property.adapter import compiled
from property.differences import differences
from property.markets import for_markets, reference_run
from reference import Case
from reference.kinds import KINDS

SHARDS = 8
MARKETS = 1_000
LEAST = 3  # 8 shards x 3: every kind is met 24 times at least, wherever the shards run


@pytest.mark.parametrize("shard", range(SHARDS))
def test_compiled_engine_agrees_with_the_reference(shard):
    met: Counter = Counter()

    def check(case: Case) -> None:
        expected = reference_run(case)
        assert differences(expected, compiled(case, lower=True)) == []
        assert differences(expected, compiled(case, lower=False)) == []
        met.update(expected.met)

    for_markets(shard, MARKETS, check)
    rare = {kind: met[kind] for kind in KINDS if met[kind] < LEAST}
    assert rare == {}


def test_a_difference_of_one_bit_is_found():
    found = []

    def check(case: Case) -> None:
        one, other = reference_run(case), reference_run(case)
        for fill in other.fills[:1]:
            fill["price"] = nextafter(fill["price"], inf)
            found.append(differences(one, other))

    for_markets(SHARDS, 50, check)
    assert found
    assert all("fills[0]: price" in lines[0] for lines in found)
