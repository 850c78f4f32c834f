"""WalkForward and CombinatorialPurged: which rows, in scikit-learn too, and what they refuse."""

import copy
import pickle
from datetime import timedelta
from math import comb

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_validate

from ml4t.backtest.walk_forward import (
    CombinatorialPurged,
    WalkForward,
    WalkForwardError,
    predict_out_of_sample,
)


def of(parts):
    return [(train.tolist(), test.tolist()) for train, test in parts]


def days(n, start="2024-01-01"):
    return pd.bdate_range(start, periods=n)


def table(n=40):
    return pd.DataFrame({"x": np.arange(float(n))}, index=days(n))


def labelled(n=40, horizon=3):
    made = table(n).assign(end=lambda t: t.index + pd.offsets.BDay(horizon))
    return made


# ---- walk-forward ------------------------------------------------------------------------------------


def test_parts_follow_one_another_and_the_last_is_shorter():
    assert of(WalkForward(3, 2).split(np.zeros(8))) == [
        ([0, 1, 2], [3, 4]),
        ([2, 3, 4], [5, 6]),
        ([4, 5, 6], [7]),
    ]


def test_anchored_parts_begin_at_the_first_row():
    assert of(WalkForward(3, 2, anchored=True).split(np.zeros(7))) == [
        ([0, 1, 2], [3, 4]),
        ([0, 1, 2, 3, 4], [5, 6]),
    ]


def test_a_step_of_its_own():
    assert of(WalkForward(3, 2, 3).split(np.zeros(9))) == [
        ([0, 1, 2], [3, 4]),
        ([3, 4, 5], [6, 7]),
    ]
    assert of(WalkForward(3, 2, 1).split(np.zeros(6))) == [
        ([0, 1, 2], [3, 4]),
        ([1, 2, 3], [4, 5]),
    ]


def test_purge_and_embargo_shorten_the_train_part():
    assert of(WalkForward(5, 2, purge=1, embargo=2).split(np.zeros(7))) == [([0, 1], [5, 6])]


def test_a_session_has_all_its_rows():
    # Three assets a day: sessions are days, not rows.
    panel = pd.MultiIndex.from_product([days(6), ["A", "B", "C"]], names=["date", "asset"])
    X = pd.DataFrame({"x": 1.0}, index=panel)
    (train, test), _ = WalkForward(3, 2).split(X)
    assert train.tolist() == list(range(9))
    assert test.tolist() == list(range(9, 15))
    named = X.reset_index()
    assert of(WalkForward(3, 2, times="date").split(named)) == of(WalkForward(3, 2).split(X))
    assert of(WalkForward(3, 2, times=named["date"]).split()) == of(WalkForward(3, 2).split(X))
    assert of(WalkForward(3, 2, times="date").split(X)) == of(WalkForward(3, 2).split(X))


def test_sessions_of_intraday_times_are_days_of_their_zone():
    hours = pd.date_range("2024-01-01 20:00", periods=12, freq="h", tz="America/New_York")
    # 20:00 to 00:00, which closes the first day, and seven hours of the second.
    X = pd.DataFrame({"x": 0.0}, index=hours)
    assert of(WalkForward(1, 1).split(X)) == [(list(range(5)), list(range(5, 12)))]


def test_lengths_of_time_go_by_the_calendar():
    X = table(800)
    parts = list(WalkForward(pd.DateOffset(years=1), pd.DateOffset(years=1)).split(X))
    assert [str(X.index[test[0]].date()) for _, test in parts] == [
        "2025-01-01", "2026-01-01", "2027-01-01",
    ]  # fmt: skip
    assert [len(train) for train, _ in parts] == [262, 261, 261]
    by_days = list(WalkForward("366D", timedelta(days=365), purge="7D").split(X))
    train, test = by_days[0]
    assert X.index[train[-1]] == pd.Timestamp("2024-12-24")
    assert X.index[test[0]] == pd.Timestamp("2025-01-01")


def test_a_test_part_without_rows_is_passed_over():
    X = table(11)  # two weekends
    assert [len(test) for _, test in WalkForward("3D", "1D").split(X)] == [1] * 8
    assert WalkForward("3D", "1D").get_n_splits(X) == 8


def test_no_label_of_a_train_part_ends_at_its_test_part_or_in_the_embargo():
    X = labelled(12, horizon=2)
    (train, test), *_ = WalkForward(6, 3, label_ends="end").split(X)
    assert train.tolist() == [0, 1, 2, 3]  # that of row 4 is known at row 6
    assert test.tolist() == [6, 7, 8]
    (train, _), *_ = WalkForward(6, 3, embargo=1, label_ends=X["end"].to_numpy()).split(X)
    assert train.tolist() == [0, 1, 2]
    (train, _), *_ = WalkForward(6, 3, embargo="3D", label_ends="end").split(X)
    # Row 6 is Tuesday the 9th: labels are known before Saturday the 6th.
    assert train.tolist() == [0, 1, 2]


def test_label_ends_of_rows_without_times_are_rows():
    ends = np.minimum(np.arange(8) + 2, 7)
    (train, _), *_ = WalkForward(4, 2, label_ends=ends).split(np.zeros(8))
    assert train.tolist() == [0, 1]


# ---- combinatorial -----------------------------------------------------------------------------------


def test_every_choice_of_groups_is_tested():
    splits = CombinatorialPurged(4, 2)
    parts = of(splits.split(np.zeros(8)))
    assert len(parts) == splits.get_n_splits() == 6
    assert parts[0] == ([4, 5, 6, 7], [0, 1, 2, 3])
    assert parts[1] == ([2, 3, 6, 7], [0, 1, 4, 5])


@pytest.mark.parametrize(("n", "k"), [(6, 2), (5, 1), (5, 4), (10, 2), (7, 3)])
def test_the_number_of_paths_is_that_of_the_formula(n, k):
    splits = CombinatorialPurged(n, k)
    paths = splits.paths()
    assert splits.n_paths == len(paths) == comb(n, k) * k // n
    chosen = splits.chosen()
    for group in range(n):
        # Each path tests the group by a split of its own, and all that test it are in one.
        assert sorted(paths[:, group]) == [s for s, tested in enumerate(chosen) if group in tested]


def test_sessions_that_are_left_over_make_the_first_groups_longer():
    parts = of(CombinatorialPurged(3, 1).split(np.zeros(8)))
    assert [test for _, test in parts] == [[0, 1, 2], [3, 4, 5], [6, 7]]


def test_labels_are_purged_before_and_after_and_an_embargo_follows():
    X = labelled(12, horizon=1)
    parts = of(CombinatorialPurged(3, 1, label_ends="end").split(X))
    # The label of row 3 is known at row 4, that of row 7 at row 8, where one of the train part would begin.
    assert parts[1] == ([0, 1, 2, 9, 10, 11], [4, 5, 6, 7])
    parts = of(CombinatorialPurged(3, 1, embargo=2, label_ends="end").split(X))
    assert parts[1] == ([0, 1, 2, 11], [4, 5, 6, 7])
    parts = of(CombinatorialPurged(3, 1, embargo="1D", label_ends="end").split(X))
    # Row 8 is Thursday the 11th: Friday is in the embargo, Monday is not.
    assert parts[1] == ([0, 1, 2, 10, 11], [4, 5, 6, 7])


def test_groups_side_by_side_are_one_test():
    ends = np.minimum(np.arange(12) + 1, 11)
    parts = of(CombinatorialPurged(4, 2, label_ends=ends).split(np.zeros(12)))
    assert parts[3] == ([0, 1, 10, 11], [3, 4, 5, 6, 7, 8])


# ---- scikit-learn ------------------------------------------------------------------------------------


def test_scikit_learn_takes_both():
    X = labelled(60)
    y = 2.0 * X["x"] + 1.0
    model = LinearRegression()
    for splits in (
        WalkForward(20, 10, label_ends="end"),
        CombinatorialPurged(5, 2, embargo=1, label_ends=X["end"]),
    ):
        # A column that is named goes to the model, too: here it is given apart.
        apart = copy.copy(splits)
        apart.label_ends = X["end"]
        scores = cross_validate(model, X[["x"]], y, cv=apart)["test_score"]
        assert len(scores) == apart.get_n_splits(X)
        np.testing.assert_allclose(scores, 1.0)
    search = GridSearchCV(model, {"fit_intercept": [True, False]}, cv=WalkForward(20, 10))
    assert search.fit(X[["x"]], y).best_params_ == {"fit_intercept": True}


def test_each_path_is_a_partition_for_cross_val_predict():
    X, y = table(60), pd.Series(np.random.default_rng(1).normal(size=60))
    splits = CombinatorialPurged(5, 2)
    ours = predict_out_of_sample(LinearRegression(), X, y, splits)
    assert ours.shape == (60, splits.n_paths)
    for number in range(splits.n_paths):
        theirs = cross_val_predict(LinearRegression(), X, y, cv=splits.path(number))
        np.testing.assert_array_equal(ours[number], theirs)
        own = predict_out_of_sample(LinearRegression(), X, y, splits.path(number))
        np.testing.assert_array_equal(own, theirs)


def test_the_rows_before_a_walk_have_no_prediction():
    X, y = table(50), pd.Series(np.random.default_rng(1).normal(size=50))
    given = predict_out_of_sample(LinearRegression(), X, y, WalkForward(20, 10, purge=2))
    assert given.index.equals(X.index)
    assert given.isna().tolist() == [True] * 20 + [False] * 30
    second = LinearRegression().fit(X[10:28], y[10:28]).predict(X[30:40])
    np.testing.assert_array_equal(given[30:40], second)
    with pytest.raises(ValueError, match="only works for partitions"):
        cross_val_predict(LinearRegression(), X, y, cv=WalkForward(20, 10))


def test_the_model_that_is_given_is_not_fitted():
    model = LinearRegression()
    predict_out_of_sample(model, table(), np.arange(40.0), WalkForward(20, 10))
    assert not hasattr(model, "coef_")


def test_any_model_that_fits_and_predicts_will_do():
    class Mean:
        def fit(self, X, y):
            assert not hasattr(self, "mean")
            self.mean = y.mean()
            return self

        def predict(self, X):
            return np.full((len(X), 1), self.mean)

    given = predict_out_of_sample(Mean(), np.zeros((6, 1)), np.arange(6.0), WalkForward(2, 2))
    np.testing.assert_array_equal(given, [np.nan, np.nan, 0.5, 0.5, 2.5, 2.5])


def test_splitters_are_copied():
    for splits in (WalkForward(3, 2), CombinatorialPurged(4, 2), CombinatorialPurged(4, 2).path(1)):
        for other in (copy.deepcopy(splits), pickle.loads(pickle.dumps(splits))):
            assert of(other.split(np.zeros(8))) == of(splits.split(np.zeros(8)))
            assert repr(other) == repr(splits)


def test_tables_of_polars_are_split():
    pl = pytest.importorskip("polars")
    X = labelled(30)
    named = pl.DataFrame(
        {"when": X.index.to_numpy(), "x": X["x"].to_numpy(), "end": X["end"].to_numpy()}
    )
    splits = WalkForward(10, 5, embargo=1, times="when", label_ends="end")
    assert of(splits.split(named)) == of(WalkForward(10, 5, embargo=1, label_ends="end").split(X))
    given = predict_out_of_sample(
        LinearRegression(), named[["x"]], named["x"], WalkForward(10, 5, times=named["when"])
    )
    np.testing.assert_allclose(given[10:], X["x"][10:])


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "UTC+01:00", "-05:00"])
def test_any_zone_has_sessions(zone):
    hours = pd.date_range("2024-01-01 12:00", periods=36, freq="h", tz=zone)
    assert WalkForward(1, 1).get_n_splits(pd.DataFrame({"x": 0.0}, index=hours)) == 1
    offset = hours.tz_convert(pd.Timestamp("2024-01-01 00:00+03:00").tz)
    assert WalkForward(1, 1).get_n_splits(pd.DataFrame({"x": 0.0}, index=offset)) >= 1


# ---- what is refused ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"train": 0, "test": 1}, "train must be 1 or more sessions, or a length of time such as '30D', was 0"),
        ({"train": 1, "test": -1}, "test must be 1 or more"),
        ({"train": 1, "test": 1, "step": 0}, "step must be 1 or more sessions"),
        ({"train": 1, "test": 1, "purge": -1}, "purge must be 0 or more sessions"),
        ({"train": 1, "test": 1, "embargo": "-2D"}, "embargo must be 0 or more"),
        ({"train": 1.5, "test": 1}, "train must be .* was 1.5"),
        ({"train": True, "test": 1}, "train must be .* was True"),
        ({"train": "5", "test": 1}, "train must be .* was '5'"),
        ({"train": "a year", "test": 1}, "train must be .* was 'a year'"),
        ({"train": "0D", "test": "1D"}, "train must be 1 or more"),
        ({"train": pd.DateOffset(years=-1), "test": 1}, "does not lead ahead"),
        ({"train": "30D", "test": 5}, "must all be sessions, or all be lengths of time"),
        ({"train": 5, "test": 5, "step": "5D"}, "must all be sessions, or all be lengths of time"),
        ({"train": 5, "test": 5, "anchored": "yes"}, "anchored must be True or False"),
    ],
)  # fmt: skip
def test_lengths_that_are_none(given, said):
    with pytest.raises(WalkForwardError, match=said):
        WalkForward(**given)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ((1, 1), "n_groups must be a whole number of at least 2"),
        ((5, 0), "k must be a whole number of at least 1"),
        ((5, 5), "k must be below n_groups"),
        ((5, 2.0), "k must be a whole number"),
        ((60, 30), "at most 100,000 are made"),
        ((5, 2, -1), "embargo must be 0 or more"),
    ],
)
def test_groups_that_are_none(given, said):
    with pytest.raises(WalkForwardError, match=said):
        CombinatorialPurged(*given)


@pytest.mark.parametrize(
    ("splits", "X", "said"),
    [
        (WalkForward(8, 2), np.zeros(8), "the rows end before the first train part does: 8 sessions"),
        (WalkForward("90D", "30D"), table(20), "from 2024-01-01 to 2024-01-26"),
        (WalkForward("90D", "30D"), np.zeros(20), "the rows have no times"),
        (WalkForward(3, 2, purge=3), np.zeros(8), "train part 0 has no row left before its test part at row 3"),
        (WalkForward(3, 2, label_ends=np.full(8, 8)), np.zeros(8), "train part 0 has no row left"),
        (WalkForward(3, 2, purge=2, embargo="9D"), table(8), "no row left before its test part at 2024-01-04"),
        (CombinatorialPurged(3, 1, embargo=9), np.zeros(8), "train part 0 has no row left beside its test groups 0"),
        (CombinatorialPurged(9, 1), np.zeros(8), "8 sessions cannot be cut into 9 groups"),
        (WalkForward(3, 2, times=days(7)), np.zeros(8), "times has 7 values for 8 rows"),
        (WalkForward(3, 2, times=days(8)[::-1]), np.zeros(8), "times must not go back: row 1"),
        (WalkForward(3, 2), table(8)[::-1], "sort the rows by time"),
        (WalkForward(3, 2, times=np.arange(8)), np.zeros(8), "times must be dates or times"),
        (WalkForward(3, 2, times=[*days(7), None]), np.zeros(8), "times lacks 1 values, the first at row 7"),
        (WalkForward(3, 2, times="when"), table(8), "times is the name 'when', and DataFrame has no such column"),
        (WalkForward(3, 2, times="when"), None, "times is the name 'when', and there is no table"),
        (WalkForward(3, 2), None, "nothing says which rows there are"),
        (WalkForward(3, 2), np.zeros(0), "there is no row to split"),
        (WalkForward(3, 2, label_ends=days(7)), table(8), "label_ends has 7 values for 8 rows"),
        (WalkForward(3, 2, label_ends=days(8, "2023-12-29")), table(8), "8 labels end before their own row begins"),
        (WalkForward(3, 2, label_ends=days(8).tz_localize("UTC")), table(8), "label_ends have a time zone and times"),
        (WalkForward(3, 2, label_ends=days(8)), np.zeros(8), "label_ends are times, and the rows have none"),
        (WalkForward(3, 2, label_ends=np.arange(7)), np.zeros(8), "label_ends has 7 values for 8 rows"),
        (WalkForward(3, 2, label_ends=np.zeros(8, int)), np.zeros(8), "7 labels end before their own row"),
    ],
)  # fmt: skip
def test_rows_that_cannot_be_split(splits, X, said):
    with pytest.raises(WalkForwardError, match=said):
        list(splits.split(X))


def test_an_index_of_several_times_does_not_say_which():
    both = pd.MultiIndex.from_arrays([days(8), days(8)], names=["made", "known"])
    with pytest.raises(WalkForwardError, match="several levels of times"):
        list(WalkForward(3, 2).split(pd.DataFrame({"x": 0.0}, index=both)))


def test_the_number_of_parts_needs_the_rows():
    with pytest.raises(WalkForwardError, match="give X to split"):
        WalkForward(3, 2).get_n_splits()


@pytest.mark.parametrize("number", [-1, 5, 1.0, True])
def test_paths_that_are_not_there(number):
    with pytest.raises(WalkForwardError, match="there are the paths 0 to 4"):
        CombinatorialPurged(6, 2).path(number)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"splits": WalkForward(20, 10, 5)}, "let step be at least test"),
        ({"splits": 5}, "splits must be WalkForward"),
        ({"y": np.zeros(39)}, "y has 39 values for 40 rows"),
        ({"method": "predict_proba"}, "LinearRegression has no method 'predict_proba'"),
        ({"y": np.zeros((40, 2))}, "a number for each row is needed"),
    ],
)
def test_predictions_that_are_none(options, said):
    given = {"y": np.zeros(40), "splits": WalkForward(20, 10)} | options
    with pytest.raises(WalkForwardError, match=said):
        predict_out_of_sample(LinearRegression(), table(), **given)
