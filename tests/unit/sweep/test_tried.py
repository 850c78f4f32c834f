"""How many trials the best was chosen from: equal ones once, however they are written."""

import hashlib
import json
import shutil
import sqlite3

import numpy as np
import pandas as pd
import pytest
from unit.sweep import studied
from unit.sweep.studied import dips, market, plain

from ml4t.backtest.analytics import deflated_sharpe
from ml4t.backtest.sweep import grid, random, read_returns, sweep
from ml4t.backtest.sweep.alike import is_alike, key_of
from ml4t.backtest.sweep.journal import n_tried, read_journal

RUNS = studied.RUNS


def of_list(falls, hold):
    return dips(falls[0], hold)


def counted(fall, hold):
    studied.RUNS.append((fall, hold))
    return dips(fall, hold)


@pytest.fixture(autouse=True)
def _no_runs():
    RUNS.clear()


@pytest.mark.parametrize("kind", [list, tuple, np.array, lambda one: {"falls": one, 0: one[0]}])
def test_equal_lists_are_one_trial(kind):
    values = {"falls": [kind([0.001, 1]), kind([0.002, 1])], "hold": [3, 5]}
    result = sweep(of_list, random(50, seed=1, **values), market(), workers=1, keep_returns=True)
    assert result.n_tried == 4
    assert deflated_sharpe(result).trials == 4


def test_what_parameters_are_equal_by():
    equal = [
        ({"a": [1, {2}]}, {"a": [1, {2}]}),
        ({"a": 1, "b": [2]}, {"b": [2], "a": 1}),
        ({"a": {"x": [1], "y": 2}}, {"a": {"y": 2, "x": [1]}}),
        ({"a": np.ones(2)}, {"a": np.ones(2)}),
    ]
    other = [
        ({"a": [1]}, {"a": [True]}),
        ({"a": [1]}, {"a": [1.0]}),
        ({"a": np.ones(2)}, {"a": np.zeros(2)}),
        ({"a": pd.DataFrame()}, {"a": pd.DataFrame()}),
    ]
    assert all(key_of(one) == key_of(two) for one, two in equal)
    assert not any(key_of(one) == key_of(two) for one, two in other)


def test_names_in_another_order_are_the_same_trials(tmp_path):
    journal = {"journal": tmp_path / "study.db", "workers": 1, "keep_returns": True}
    first = sweep(counted, grid(fall=[0.001, 0.002], hold=[3, 5]), market(), **journal)
    assert len(RUNS) == 4
    again = sweep(counted, grid(hold=[3, 5], fall=[0.001, 0.002]), market(), **journal)
    assert len(RUNS) == 4
    assert again.table["seconds"].isin(first.table["seconds"]).all()
    assert read_returns(tmp_path / "study.db").shape[1] == 4


def as_before(path):
    """Give a journal the keys that depend on the order of names."""
    with sqlite3.connect(path) as rows:
        about = dict(rows.execute("SELECT name, value FROM about"))
        salt = json.dumps([1, sorted(about.items())]).encode()
        salt = hashlib.blake2b(salt, digest_size=16).digest()
        for key, parameters in rows.execute("SELECT key, parameters FROM trials").fetchall():
            made = hashlib.blake2b(salt, digest_size=16)
            made.update(parameters.encode())
            old = made.hexdigest() + key[32:]
            for table in ("trials", "returns"):
                rows.execute(f"UPDATE {table} SET key = ? WHERE key = ?", (old, key))
        rows.execute("PRAGMA user_version = 0")
    rows.close()


def test_a_journal_from_before_goes_on(tmp_path):
    path = tmp_path / "study.db"
    journal = {"journal": path, "workers": 1, "keep_returns": True}
    space = grid(hold=[3, 5], fall=[0.001, 0.002])  # no order of the alphabet
    first = sweep(counted, space, market(), **journal)
    as_before(path)
    RUNS.clear()
    again = sweep(counted, space, market(), **journal)
    assert not RUNS
    assert again.table.equals(first.table)
    other = sweep(counted, grid(fall=[0.001, 0.002], hold=[3, 5]), market(), **journal)
    assert not RUNS
    assert len(other) == read_returns(path).shape[1] == 4


def test_a_journal_from_before_with_a_trial_twice_has_it_once(tmp_path):
    one, two = tmp_path / "one.db", tmp_path / "two.db"
    falls = {"fall": [0.001, 0.002], "hold": [3, 5]}
    options = {"workers": 1, "keep_returns": True}
    more = sweep(
        counted, grid(falls), market(), journal=one, measures=["sharpe", "trades"], **options
    )
    turned = dict(reversed(falls.items()))
    sweep(counted, grid(turned), market(), journal=two, measures=["sharpe"], **options)
    for path in (one, two):
        as_before(path)
    with sqlite3.connect(two) as rows:  # both in one file, the one of fewer measures first
        rows.execute("ATTACH ? AS other", (str(one),))
        for table in ("trials", "returns"):
            rows.execute(f"INSERT INTO {table} SELECT * FROM other.{table}")
        rows.commit()
        rows.execute("DETACH other")
        rows.execute("DELETE FROM returns WHERE rowid % 3 = 0")
    rows.close()
    assert len(read_journal(two)[1]) == 8
    shutil.copy(two, tmp_path / "copy.db")
    RUNS.clear()
    again = sweep(
        counted, grid(turned), market(), journal=two, measures=["sharpe", "trades"], workers=1
    )
    assert not RUNS
    assert len(read_journal(two)[1]) == n_tried(two) == 4
    ordered = plain(again).sort_values(["fall", "hold"])[["sharpe", "trades"]]
    assert ordered.to_numpy().tolist() == plain(more)[["sharpe", "trades"]].to_numpy().tolist()


def test_a_journal_of_other_runs_is_left_as_it_is(tmp_path):
    path = tmp_path / "study.db"
    sweep(counted, grid(hold=[3], fall=[0.001]), market(), journal=path, workers=1)
    as_before(path)
    with pytest.raises(ValueError, match="is the journal of other runs"):
        sweep(counted, grid(hold=[3], fall=[0.001]), market(60), journal=path, workers=1)
    with sqlite3.connect(path) as rows:
        assert rows.execute("PRAGMA user_version").fetchone() == (0,)
    rows.close()


class Whole:
    """Equal to nothing, as a table is to no text."""

    def __eq__(self, other):
        raise TypeError("no")

    __hash__ = None


@pytest.mark.parametrize(
    ("shown", "value", "is_one"),
    [
        (np.float64("nan"), None, True), (None, None, True), (5.0, 5, True), (np.int64(5), 5, True), (5, 6, False),
        (0.1 + 0.2, 0.3, True), (float("nan"), float("nan"), True), (np.nan, 5, False), (5, None, False),
        ([1, 2], (1, 2), True), (np.array([1, 2]), [1, 2], True), ([1, 2], [2, 1], False), ([1], [1, 2], False),
        ("[1, 2]", [1, 2], True), ("a", "a", True), ("a", "b", False), (True, True, True), (np.True_, True, True),
        (True, False, False), (pd.NA, None, True), (Whole(), 1, False),
    ],
)  # fmt: skip
def test_what_a_table_shows_is_known_for_the_value(shown, value, is_one):
    assert is_alike(shown, value) is is_one
