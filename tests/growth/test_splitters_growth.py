"""Splitters take time in proportion to the rows, times the parts they are cut into."""

import numpy as np
import pandas as pd
from growth.harness import assert_linear

from ml4t.backtest import MarketData, SignalStrategy
from ml4t.backtest.walk_forward import CombinatorialPurged, WalkForward, walk_forward

SECONDS = 10_000_000_000
DAY = 86_400_000_000_000


def labelled(n):
    times = pd.DatetimeIndex(DAY * (np.arange(n) // 20), tz="UTC")  # a panel of twenty
    return times, times + pd.Timedelta("7D")


def all_parts(splits, n):
    return lambda: sum(len(train) + len(test) for train, test in splits.split(np.zeros(n)))


def test_a_walk_of_so_many_parts():
    def prepare(n):
        times, ends = labelled(n)
        size = n // 20 // 10
        return all_parts(WalkForward(size, size, purge=1, times=times, label_ends=ends), n)

    assert_linear(prepare, 400_000, "rows of a walk")


def test_combinations_of_so_many_groups():
    def prepare(n):
        times, ends = labelled(n)
        return all_parts(CombinatorialPurged(6, 2, 2, times=times, label_ends=ends), n)

    assert_linear(prepare, 200_000, "rows of combinations")


def intraday(n, a_day):
    """Bars of one asset, so many a day, with a signal now and then."""
    stamps = DAY * (np.arange(n) // a_day) + SECONDS * (1 + np.arange(n) % a_day)
    close = 100.0 + np.sin(np.arange(n) / 50.0)
    return MarketData.from_arrays(
        ["A"], stamps, np.arange(n + 1), np.zeros(n, np.int32), close, close, close, close,
        features={"up": (np.arange(n) % 40 == 0) * 1.0, "down": (np.arange(n) % 40 == 20) * 1.0},
        signal_names=["up", "down"],
    )  # fmt: skip


def test_a_walk_over_so_many_bars():
    def prepare(n):
        data = intraday(n, n // 50)
        return lambda: walk_forward(
            lambda train: SignalStrategy("up", "down"), data, WalkForward(10, 10)
        )

    assert_linear(prepare, 100_000, "bars of a walk")


def test_a_walk_of_so_many_tests():
    def prepare(n):
        data = intraday(20 * (n + 1), 20)
        return lambda: walk_forward(
            lambda train: SignalStrategy("up", "down"), data, WalkForward(1, 1)
        )

    assert_linear(prepare, 100, "parts of a walk")
