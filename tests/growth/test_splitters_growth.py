"""Splitters take time in proportion to the rows, times the parts they are cut into."""

import numpy as np
import pandas as pd
from growth.harness import assert_linear

from ml4t.backtest.walk_forward import CombinatorialPurged, WalkForward

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
