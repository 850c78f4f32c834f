"""Everything after a moment is changed, or cut off; nothing up to that moment moves."""

from functools import partial

import pytest
from property.adapter import compiled, play
from property.differences import differences
from property.frames import frame_rows
from property.markets import for_markets
from property.relations import Run, assert_found, assert_kept, rng_of, shards
from reference import Case, Outcome
from reference.variants import rewritten
from reference.worlds import changed_after, cut, silent_after

# What fills, cancels, changes and actions make of an order after it was made; a day's end is known with the day.
CHANGED_LATER = {
    "ended", "quantity", "filled_quantity", "rest", "decision_close", "notional", "units",
    "average_price", "target_units", "reason", "status", "limit", "stop", "valid_until", "fill_at",
    "stop_loss", "take_profit", "level", "trail", "water",
}  # fmt: skip
BY_A_HALT = {"reduce_only", "position_id"}  # of orders against a position


def until(out: Outcome, time: int, case: Case) -> Outcome:
    """What the run knew up to `time`. Orders only by what they were when they were made."""
    n_times = sum(row.timestamp <= time for row in out.equity)
    later = CHANGED_LATER | (BY_A_HALT if case.settings.limits else set())
    return Outcome(
        fills=[row for row in out.fills if row["timestamp"] <= time],
        trades=[row for row in out.trades if row["exit_time"] <= time],
        orders=[
            {name: value for name, value in row.items() if name not in later}
            for row in out.orders
            if row["timestamp"] <= time
        ],
        equity=out.equity[:n_times],
        events=[row for row in out.events if row["timestamp"] <= time],
        holdings=[row for row in out.holdings if row["time_index"] < n_times],
        told=told_until(out, time),
        seen=[row for row in out.seen if row["timestamp"] <= time],
    )


def told_until(out: Outcome, time: int) -> list[dict]:
    """What was told up to the batch of the last timestamp, up to that time."""
    batches = [
        n for n, row in enumerate(out.told) if row["what"] == "batch" and row["timestamp"] <= time
    ]
    return out.told[: batches[-1] + 1] if batches else []


def differences_before_another_future(case: Case, run: Run) -> list[str]:
    rng = rng_of(case)
    t = rng.randrange(len(case.market.timestamps) - 1)
    time = case.market.timestamps[t]
    return differences(
        until(run(case), time, case), until(run(changed_after(case, t, rng)), time, case)
    )


def differences_before_the_end(case: Case, run: Run) -> list[str]:
    """Of data that end at a moment, and data that go on."""
    case, t = going_on(case)
    time = case.market.timestamps[t]
    case = silent_after(case, run(case), t)
    return differences(until(run(case), time, case), until(run(cut(case, t)), time, case))


def going_on(case: Case) -> tuple[Case, int]:
    """A case whose end changes nothing of what is held, and an index of its timestamps."""
    t = rng_of(case).randrange(len(case.market.timestamps))
    return rewritten(case, close_at_end=False), t


@pytest.mark.parametrize(("shard", "lower"), [(0, True), (1, False)], ids=["lowered", "in Python"])
def test_another_future_leaves_the_past_alone(shard, lower):
    assert_kept(differences_before_another_future, shard, engine=partial(compiled, lower=lower))


@shards
def test_data_that_end_earlier_give_the_same_beginning(shard):
    assert_kept(differences_before_the_end, shard)


@pytest.mark.parametrize(
    "relation", [differences_before_another_future, differences_before_the_end]
)
def test_an_order_sized_by_the_next_close_is_found(relation):
    assert_found(relation, "sized_at_the_next_close")


# Tables a user reads, and the column that says when a row was known.
KNOWN = {
    "trades": "exit_time",
    "fills": "timestamp",
    "events": "timestamp",
    "positions": "timestamp",
}


def test_the_tables_of_data_that_end_earlier_are_the_beginning_of_the_tables():
    n_rows = dict.fromkeys(KNOWN, 0)

    def check(case: Case) -> None:
        case, t = going_on(case)
        case = silent_after(case, compiled(case), t)
        whole, part = play(case), play(cut(case, t))
        for table, column in KNOWN.items():
            rows = frame_rows(getattr(whole, table))
            known = [row for row in rows if row[column] <= case.market.timestamps[t]]
            assert repr(known) == repr(frame_rows(getattr(part, table))), table
            n_rows[table] += len(known)

    for_markets(570, 100, check)
    assert min(n_rows.values()) > 50, n_rows
