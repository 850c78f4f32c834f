"""Both readings of bars on random runs: where none is ambiguous, both are the same."""

from collections import Counter
from dataclasses import replace
from random import Random

from property.adapter import play
from reference import random_case

from ml4t.backtest.records.frames import CURVE

SEEDS = 300
SIDES = "adverse_first", "favourable_first"
FINE_SIDES = "fine", "fine_favourable"
RECORDED = ("fills", "events", "equity")


def test_without_an_ambiguous_bar_both_readings_are_the_same_to_the_last_bit():
    met: Counter = Counter()
    for seed in range(SEEDS):
        case = random_case(Random(seed), n_assets=2, n_times=12)
        results = [
            play(replace(case, settings=replace(case.settings, intrabar=side)))
            for side in (FINE_SIDES if case.settings.is_fine else SIDES)
        ]
        counts = [result.counters["ambiguous_bars"] for result in results]
        records = [result._frames._records for result in results]
        records = [
            {**arrays} | {name: arrays["curve"](name) for name in CURVE} for arrays in records
        ]
        parted = any(records[0][name].tobytes() != records[1][name].tobytes() for name in RECORDED)
        # The first ambiguous bar is one of both.
        assert (counts[0] > 0) == (counts[1] > 0) >= parted, seed
        inside = (records[0]["fills"]["moment"] == 1).any()
        met.update(parted=parted, alike=bool(inside) and counts == [0, 0])
    assert min(met.values()) > 10, met
