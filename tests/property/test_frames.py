"""The frames that a user sees say what the reference recorded, column by column."""

from collections import Counter

from property.adapter import play
from property.frames import expected_rows, frame_differences
from property.markets import for_markets, reference_run
from reference import Case

from ml4t.backtest.records.frames import TABLES

MARKETS = 200


def test_frames_show_what_the_reference_recorded():
    met: Counter = Counter()

    def check(case: Case) -> None:
        expected, result = reference_run(case), play(case)
        assert frame_differences(case, expected, result) == []
        rows = expected_rows(case, expected, result)
        # The equity curve is compared, by its frame, in every agreement (property.adapter.curve).
        assert {*rows, "equity"} == set(TABLES)
        met.update({table: len(of) for table, of in rows.items()})

    for_markets(300, MARKETS, check)
    assert min(met.values()) > 100, met
