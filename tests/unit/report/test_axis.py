"""Lines of an axis: round, in order, as many as there is room for."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml4t.backtest.report.page.axis import (
    MOST_TIMES,
    full,
    short,
    time_ticks,
    value_range,
    value_ticks,
)
from ml4t.backtest.report.page.line_chart import path_of


@given(st.floats(-1e12, 1e12), st.floats(1e-6, 1e12), st.integers(2, 8))
def test_lines_are_round_and_inside(low, span, most):
    high = low + span
    if high - low < 1e-9 * max(abs(low), abs(high)):
        return
    ticks = value_ticks(low, high, most)
    assert len(ticks) <= most + 1
    slack = 1e-6 * span
    assert all(low - slack <= tick <= high + slack for tick in ticks)
    assert all(a < b for a, b in pairwise(ticks))


def test_lines_of_a_range():
    assert value_ticks(83.0, 201.0) == [100.0, 125.0, 150.0, 175.0, 200.0]
    assert value_ticks(-0.247, 0.0) == pytest.approx([-0.2, -0.15, -0.1, -0.05, 0.0])


@given(st.datetimes(pd.Timestamp("1990-01-01"), pd.Timestamp("2040-01-01")), st.floats(1.0, 3e9))
def test_times_are_inside_and_few(first, seconds):
    first = pd.Timestamp(first).floor("s")
    last = first + pd.Timedelta(seconds=int(seconds))
    ticks = time_ticks(first, last)
    assert 1 <= len(ticks) <= MOST_TIMES
    assert all(first <= time <= last for time, _ in ticks)
    assert len({text for _, text in ticks}) == len(ticks)


@pytest.mark.parametrize(
    ("first", "last", "texts"),
    [
        ("2014-01-02", "2018-12-31", ["Jul 2014", "Jan 2015", "Jul 2015", "Jan 2016"]),
        ("2000-03-01", "2013-03-01", ["2002", "2004", "2006", "2008"]),
        ("2024-03-04 09:31", "2024-03-04 16:00", ["10:00", "11:00", "12:00", "13:00"]),
        ("2024-03-04", "2024-03-04", ["2024-03-04"]),
    ],
)
def test_times_are_written_as_their_step_asks(first, last, texts):
    found = [text for _, text in time_ticks(pd.Timestamp(first), pd.Timestamp(last))]
    assert found[: len(texts)] == texts


@pytest.mark.parametrize(
    ("value", "numbers", "texts"),
    [
        (154_394.0, "money", ("154.4k", "154,394.00")),
        (-2_500_000.0, "money", ("-2.5M", "-2,500,000.00")),
        (-0.2455, "percent", ("-24.55%", "-24.55%")),
        (2.5, "ratio", ("2.5", "2.50")),
        (1_200.0, "count", ("1.2k", "1,200")),
    ],
)
def test_values_are_written_short_and_in_full(value, numbers, texts):
    assert (short(value, numbers), full(value, numbers)) == texts


def test_a_range_has_a_length():
    assert value_range(np.array([np.nan, np.inf])) == (0.0, 1.0)
    assert value_range(np.array([5.0, 5.0])) == (4.75, 5.25)
    assert value_range(np.zeros(3), with_zero=True, below=True) == (-1.0, 0.0)
    assert value_range(np.array([2.0, 4.0]), with_zero=True) == (0.0, 4.0)


def test_a_path_breaks_off_where_nothing_is_known():
    x = np.array([0.0, 1.0, 2.0, 3.0])
    assert path_of(x, np.array([1.0, np.nan, 2.0, 3.0])) == "M0.0 1.0h0M2.0 2.0h0L3.0 3.0"
    assert path_of(x, np.full(4, np.nan)) == ""
