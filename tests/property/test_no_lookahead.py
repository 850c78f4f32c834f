"""Everything after a moment is changed; nothing up to that moment moves."""

from random import Random

import pytest
from property.adapter import compiled
from property.differences import differences
from reference import Outcome, random_case
from reference.worlds import changed_after, cut

SEEDS = 150
SHARDS = 2


def until(out: Outcome, time: int) -> Outcome:
    """What the run knew up to `time`. Orders only by what they were when they were made."""
    return Outcome(
        fills=[row for row in out.fills if row["timestamp"] <= time],
        trades=[row for row in out.trades if row["exit_time"] <= time],
        orders=[
            {name: row[name] for name in ("order_id", "asset", "timestamp", "reduce_only")}
            for row in out.orders
            if row["timestamp"] <= time
        ],
        equity=[row for row in out.equity if row[0] <= time],
        events=[row for row in out.events if row["timestamp"] <= time],
    )


@pytest.mark.parametrize("shard", range(SHARDS))
@pytest.mark.parametrize("lower", [True, False], ids=["lowered", "in Python"])
def test_another_future_leaves_the_past_alone(shard, lower):
    moved = 0
    for seed in range(shard * SEEDS, (shard + 1) * SEEDS):
        rng = Random(seed)
        case = random_case(rng)
        t = rng.randrange(len(case.market.timestamps) - 1)
        time = case.market.timestamps[t]
        one = compiled(case, lower=lower)
        other = compiled(changed_after(case, t, rng), lower=lower)
        assert differences(until(one, time), until(other, time)) == [], seed
        moved += one.equity != other.equity
    # The future was really another one.
    assert moved > SEEDS // 2


@pytest.mark.parametrize("shard", range(SHARDS))
def test_data_that_end_earlier_give_the_same_beginning(shard):
    for seed in range(shard * SEEDS, (shard + 1) * SEEDS):
        rng = Random(seed)
        case = random_case(rng)
        t = rng.randrange(len(case.market.timestamps))
        if case.settings.close_at_end:
            continue
        whole, part = compiled(case), compiled(cut(case, t))
        assert differences(until(whole, case.market.timestamps[t]), until(part, 2**62)) == [], seed
