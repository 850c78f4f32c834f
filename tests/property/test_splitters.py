"""Whatever the rows: no label of a train part reaches a test row, and the paths test all of time."""

from math import comb

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from ml4t.backtest.walk_forward import CombinatorialPurged, WalkForward, WalkForwardError

HOUR = 3_600_000_000_000
START = 1_700_000_000_000_000_000


@st.composite
def rows(draw):
    """Times that repeat and leave gaps, and labels of any length: int64 nanoseconds UTC."""
    n = draw(st.integers(8, 80))
    generator = np.random.default_rng(draw(st.integers(0, 2**32)))
    steps = generator.choice([0, 1, 7, 24, 96], n, p=draw(st.sampled_from(
        [(0.0, 0.0, 0.0, 1.0, 0.0), (0.6, 0.1, 0.1, 0.1, 0.1), (0.0, 0.5, 0.2, 0.2, 0.1)]
    )))  # fmt: skip
    times = START + HOUR * np.cumsum(steps)
    longest = draw(st.sampled_from([0, 1, 30, 200]))
    return times, times + HOUR * generator.integers(0, longest + 1, n)


def session_numbers(times):
    """Days of UTC with rows, numbered; a row of midnight closes the day before."""
    return np.unique((times - 1) // (24 * HOUR), return_inverse=True)[1]


def stamps(values):
    return pd.DatetimeIndex(values, tz="UTC")


def parts_or_none(splits, n):
    try:
        return list(splits.split(np.zeros(n)))
    except WalkForwardError:
        return []


embargoes = st.one_of(st.integers(0, 3), st.sampled_from(["1h", "36h", "5D"]))


@settings(max_examples=300, deadline=None)
@given(
    rows(), st.integers(1, 9), st.integers(1, 5), st.integers(1, 5), st.booleans(), embargoes, embargoes,
    st.booleans(),
)  # fmt: skip
def test_a_walk_trains_on_what_was_known(cut, train, test, step, anchored, purge, embargo, in_days):
    times, ends = cut
    lengths = [f"{n}D" for n in (train, test, step)] if in_days else [train, test, step]
    splits = WalkForward(
        *lengths, anchored, purge, embargo, times=stamps(times), label_ends=stamps(ends)
    )
    sessions = session_numbers(times)
    last = -1
    for train_rows, test_rows in parts_or_none(splits, len(times)):
        start = times[test_rows[0]]
        assert ends[train_rows].max() < start
        gap = pd.Timedelta(0) if isinstance(embargo, int) else pd.Timedelta(embargo)
        assert ends[train_rows].max() < start - gap.value or not gap
        if isinstance(embargo, int) and embargo:
            # The sessions of the embargo, and those of the purge before them, are left out whole.
            away = embargo + (purge if isinstance(purge, int) else 0)
            assert sessions[train_rows].max() < sessions[test_rows[0]] - away
        assert (np.diff(test_rows) == 1).all()
        assert test_rows[0] > last or step < test  # each later than the one before
        last = test_rows[-1]
        if anchored and not (purge or embargo):
            assert train_rows[0] == np.flatnonzero(ends < start)[0]
    if not in_days and step <= test and last >= 0:
        assert last == len(times) - 1  # to the end


@settings(max_examples=300, deadline=None)
@given(rows(), st.integers(2, 6), st.data())
def test_no_label_of_a_combinatorial_train_part_reaches_a_test_row(cut, n_groups, data):
    times, ends = cut
    k = data.draw(st.integers(1, n_groups - 1))
    embargo = data.draw(embargoes)
    splits = CombinatorialPurged(n_groups, k, embargo, times=stamps(times), label_ends=stamps(ends))
    parts = parts_or_none(splits, len(times))
    if not parts:
        return
    assert len(parts) == comb(n_groups, k)
    assert splits.n_paths == comb(n_groups, k) * k // n_groups
    sessions = session_numbers(times)
    for train_rows, test_rows in parts:
        assert not np.intersect1d(train_rows, test_rows).size
        # By pairs: from row to label end, one of the train part and one of the test part never meet.
        first = np.maximum.outer(times[train_rows], times[test_rows])
        last = np.minimum.outer(ends[train_rows], ends[test_rows])
        assert (first > last).all()
        if isinstance(embargo, int) and embargo:
            after = np.subtract.outer(sessions[train_rows], sessions[test_rows])
            assert not ((after > 0) & (after <= embargo)).any()
        elif not isinstance(embargo, int):
            apart = np.subtract.outer(times[train_rows], ends[test_rows])
            behind = times[train_rows][:, None] > times[test_rows][None, :]
            assert (apart[behind] > pd.Timedelta(embargo).value).all()
    tested = np.concatenate([test for _, test in parts])
    assert (np.bincount(tested, minlength=len(times)) == comb(n_groups - 1, k - 1)).all()
    for number in range(splits.n_paths):
        own = np.concatenate([test for _, test in splits.path(number).split(np.zeros(len(times)))])
        assert np.array_equal(np.sort(own), np.arange(len(times)))
