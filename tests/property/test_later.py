"""All times later by a constant: the same run at later times."""

from dataclasses import replace

import pandas as pd
from property.adapter import play
from property.differences import differences
from property.markets import for_markets
from property.relations import (
    Run,
    assert_found,
    assert_kept,
    each_row,
    rng_of,
    shards,
    with_columns,
)
from reference import Case, Outcome
from reference.records import NO_END, NO_TIME
from reference.variants import (
    later,
    rewritten,
    without_a_day,
    without_calendar,
    without_sessions,
    without_tiers,
)

HOUR = 3_600_000_000_000
WEEK = 7 * 24 * HOUR
BY = (1, -1, 13 * HOUR, -5 * HOUR, 1234 * WEEK + 7, -50 * WEEK)  # midnight lies elsewhere, too

TIMES = frozenset({
    "timestamp", "told", "decision_time", "ended", "entry_time", "exit_time", "entry_decision_time",
    "exit_decision_time", "valid_until", "information_time",
})  # fmt: skip
ROWS = frozenset({"decision_row", "entry_decision_row", "exit_decision_row"})


def told_later(out: Outcome, by: int) -> Outcome:
    """Every time that is one, later."""

    def time(value: int) -> int:
        return value if value in (NO_TIME, NO_END) else value + by

    def row(table: str, one: dict) -> dict:
        moved = with_columns(one, TIMES, time)
        return with_columns(moved, ROWS, lambda of: None if of is None else (time(of[0]), of[1]))

    return each_row(out, row)


def differences_when_later(case: Case, run: Run) -> list[str]:
    by = rng_of(case).choice(BY)
    case = without_sessions(without_calendar(without_tiers(rewritten(case, act=without_a_day))))
    return differences(told_later(run(case), by), run(later(case, by)))


@shards
def test_all_times_later_change_nothing_but_times(shard):
    assert_kept(differences_when_later, shard)


def test_an_action_at_the_wrong_time_of_day_is_found():
    assert_found(differences_when_later, "actions_at_midnight")


def test_measures_of_a_run_some_weeks_later_are_the_same():
    """Whole weeks: days of the week and midnights are where they were."""

    def check(case: Case) -> None:
        case = without_calendar(without_tiers(case))
        case = replace(case, market=replace(case.market, zone="UTC"))  # no clock changes
        one, other = play(case).metrics, play(later(case, 1234 * WEEK)).metrics
        for name, value in one.items():
            if name in ("start", "end"):
                moved = pd.Timestamp(value) + pd.Timedelta(1234 * WEEK, "ns")
                assert pd.Timestamp(other[name]) == moved, name
            else:
                assert repr(other[name]) == repr(value), name

    for_markets(510, 100, check)
