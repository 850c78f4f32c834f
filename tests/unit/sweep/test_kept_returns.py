"""Returns of trials: kept on request, in a journal too, and what is made of them."""

import sqlite3

import numpy as np
import pandas as pd
import pytest
from unit.sweep import studied
from unit.sweep.studied import PAIRS, TEMPLATE, dips, market, now_and_then, plain

from ml4t.backtest.analytics import deflated_sharpe, probability_of_backtest_overfitting
from ml4t.backtest.sweep import JournalError, SweepError, grid, random, read_returns, sweep
from ml4t.backtest.sweep.kept_returns import KeptReturns, returns_frame

RUNS = studied.RUNS


def counted(fall):
    studied.RUNS.append(fall)
    return dips(fall)


@pytest.fixture(autouse=True)
def _no_runs():
    RUNS.clear()


def swept(path=None, falls=(0.001, 0.002, 0.003), **options):
    return sweep(counted, grid(fall=falls), market(), journal=path, workers=1, **options)


def test_a_column_has_the_returns_of_its_run():
    result = sweep(TEMPLATE, PAIRS, market(), workers=1, keep_returns=True)
    assert result.returns.shape == (120, 12)
    assert result.returns.columns.tolist() == result.table.index.tolist()
    for number in (0, 7):
        pd.testing.assert_series_equal(
            result.returns[number], result.run(number).returns, check_names=False, check_freq=False
        )


@pytest.mark.parametrize("backend", ["threads", "processes"])
def test_they_are_the_same_for_any_workers(backend):
    space = grid(fall=[0.001, 0.002, 0.004], hold=[2, 5])
    alone = sweep(dips, space, market(), workers=1, keep_returns=True)
    others = sweep(dips, space, market(), workers=2, backend=backend, keep_returns=True)
    pd.testing.assert_frame_equal(alone.returns, others.returns)
    assert plain(alone).equals(plain(others))


def test_a_trial_that_fails_has_no_column():
    result = sweep(
        now_and_then, grid(fall=[0.001, 0.02, 0.002]), market(), workers=1, keep_returns=True
    )
    assert result.returns.columns.tolist() == [0, 2]


def test_a_journal_keeps_them(tmp_path):
    first = swept(tmp_path / "study.db", keep_returns=True)
    again = swept(tmp_path / "study.db", keep_returns=True)
    assert RUNS == [0.001, 0.002, 0.003]
    pd.testing.assert_frame_equal(first.returns, again.returns)
    pd.testing.assert_frame_equal(first.returns, swept(keep_returns=True).returns)
    with sqlite3.connect(tmp_path / "study.db") as journal:
        assert journal.execute("SELECT COUNT(*), MAX(LENGTH(days)) FROM sessions").fetchone() == (
            1,
            960,
        )


def test_what_a_journal_lacks_is_run_again_and_only_that(tmp_path):
    path = tmp_path / "study.db"
    before = swept(path)
    swept(path, falls=[0.001], keep_returns=True)
    assert RUNS == [0.001, 0.002, 0.003, 0.001]
    with pytest.raises(JournalError, match=r"2 of the 3 trials of .* have no returns"):
        read_returns(path)
    after = swept(path, keep_returns=True)
    assert RUNS[4:] == [0.002, 0.003]
    assert plain(after).equals(plain(before))
    swept(path)  # who does not ask for them goes on, too
    assert len(RUNS) == 6


def test_a_journal_from_before_has_none(tmp_path):
    path = tmp_path / "study.db"
    swept(path)
    with sqlite3.connect(path) as journal:
        journal.execute("DROP TABLE returns")
        journal.execute("DROP TABLE sessions")
    with pytest.raises(JournalError, match="3 of the 3 trials"):
        read_returns(path)
    assert len(swept(path, keep_returns=True).returns.columns) == 3
    assert len(read_returns(path).columns) == 3


def test_a_journal_has_the_returns_of_all_sweeps_on_it(tmp_path):
    path = tmp_path / "study.db"
    swept(path, keep_returns=True)
    finer = swept(path, (0.001, 0.0015, 0.002), keep_returns=True)
    returns = read_returns(path)
    assert returns.shape == (120, 4)
    pd.testing.assert_series_equal(returns[3], finer.returns[1], check_names=False)
    assert deflated_sharpe(returns).trials == 4
    with pytest.raises(JournalError, match="there is no journal"):
        read_returns(tmp_path / "other.db")
    (tmp_path / "text.db").write_text("no journal, but long enough to be looked at as one" * 50)
    with pytest.raises(JournalError, match="cannot be read as a journal"):
        read_returns(tmp_path / "text.db")


def test_a_journal_without_any_trial_has_no_returns(tmp_path):
    path = tmp_path / "study.db"
    sweep(now_and_then, grid(fall=[0.02]), market(), journal=path, workers=1, keep_returns=True)
    with pytest.raises(JournalError, match=r"study.db has no returns"):
        read_returns(path)


def test_the_best_is_deflated_by_all_that_were_tried():
    result = sweep(
        dips, random(30, seed=3, fall=[0.001, 0.002, 0.004], hold=[2, 3, 5]), market(), workers=1,
        keep_returns=True,
    )  # fmt: skip
    given = deflated_sharpe(result, periods_per_year=result.run(0).measure()["periods_per_year"])
    # Thirty draws of nine pairs: what came again was no further trial.
    assert given.trials == len(result.table[["fall", "hold"]].drop_duplicates()) <= 9
    assert given.trial == result.best().name
    assert given.sharpe == pytest.approx(result.best()["sharpe"], rel=1e-9)
    distinct = result.table.drop_duplicates(["fall", "hold"])["sharpe"]
    assert given.variance == pytest.approx(distinct.var(), rel=1e-9)
    overfitting = probability_of_backtest_overfitting(result, 4)
    assert (overfitting.trials, overfitting.n) == (given.trials, 120)


def test_trials_of_other_sessions_are_shown_and_not_compared():
    def of(n):
        return {"prices": market(n), **dips(0.001)}

    result = sweep(of, grid(n=[100, 120]), workers=1, keep_returns=True)
    assert result.returns.shape == (120, 2)
    assert result.returns[0].isna().sum() == 20
    with pytest.raises(
        ValueError, match="20 returns are missing or not finite, the first of trial 0"
    ):
        deflated_sharpe(result)


def test_parameters_that_nobody_can_compare_are_trials_of_their_own():
    def of(shape):
        return dips(shape[0])

    result = sweep(of, grid(shape=[[0.001], [0.002]]), market(), workers=1, keep_returns=True)
    assert deflated_sharpe(result).trials == 2


@pytest.mark.parametrize("of", [deflated_sharpe, probability_of_backtest_overfitting])
def test_what_was_not_kept_is_said(of):
    with pytest.raises(SweepError, match="sweep with keep_returns=True"):
        of(swept())


def test_a_sweep_of_failures_has_no_returns():
    result = sweep(now_and_then, grid(fall=[0.02]), market(), workers=1, keep_returns=True)
    with pytest.raises(
        SweepError, match=r"no trial was done: the first ended with ValueError: 0\.02 is"
    ):
        _ = result.returns


def test_keep_returns_is_a_switch():
    with pytest.raises(SweepError, match="keep_returns must be True or False, was 'yes'"):
        swept(keep_returns="yes")


def test_dates_beyond_nanoseconds_are_kept():
    days = np.array(["1677-09-21", "1677-09-22"], "M8[s]")
    kept = KeptReturns(days.astype("<i8").tobytes(), np.array([0.1, 0.2]).tobytes())
    assert returns_frame({0: kept}).index.to_numpy().astype("M8[s]").tolist() == days.tolist()
