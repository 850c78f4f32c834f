"""Everything after a moment is changed; nothing up to that moment moves."""

from random import Random

import pytest
from property.adapter import compiled
from property.differences import differences
from reference import Outcome, random_case
from reference.worlds import changed_after, cut

SEEDS = 150
SHARDS = 2


# What fills, cancels and splits change of an order after it was made.
CHANGED_LATER = {
    "ended", "quantity", "filled_quantity", "rest", "decision_close", "target_units", "notional", "units",
    "reason", "status",
}  # fmt: skip


def until(out: Outcome, time: int) -> Outcome:
    """What the run knew up to `time`. Orders only by what they were when they were made."""
    n_times = sum(row.timestamp <= time for row in out.equity)
    return Outcome(
        fills=[row for row in out.fills if row["timestamp"] <= time],
        trades=[row for row in out.trades if row["exit_time"] <= time],
        orders=[
            {name: value for name, value in row.items() if name not in CHANGED_LATER}
            for row in out.orders
            if row["timestamp"] <= time
        ],
        equity=out.equity[:n_times],
        events=[row for row in out.events if row["timestamp"] <= time],
        holdings=[row for row in out.holdings if row["time_index"] < n_times],
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
