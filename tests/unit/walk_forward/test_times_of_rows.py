"""What the index of a table says of its rows: times however they are written, numbers of rows, or neither."""

import datetime

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from ml4t.backtest.walk_forward import (
    CombinatorialPurged,
    WalkForward,
    WalkForwardError,
    predict_out_of_sample,
)

DAYS = pd.bdate_range("2024-01-01", periods=30)
SYMBOLS = ("A", "B", "C")
WRITTEN = {
    "datetime64[s]": DAYS.as_unit("s"),
    "date": [day.date() for day in DAYS],
    "text": [str(day.date()) for day in DAYS],
    "text with a time": [f"{day.date()}T00:00:00" for day in DAYS],
    "arrow date": pd.Index([day.date() for day in DAYS], dtype=pd.ArrowDtype(pa.date32())),
    "arrow text": pd.Index([str(day.date()) for day in DAYS], dtype=pd.ArrowDtype(pa.string())),
    "arrow timestamp": pd.Index(DAYS.to_list(), dtype=pd.ArrowDtype(pa.timestamp("us"))),
    "category": pd.CategoricalIndex([str(day.date()) for day in DAYS]),
}
SPLITS = (
    WalkForward(10, 5, purge=1),
    WalkForward("14D", "7D"),
    CombinatorialPurged(5, 2, embargo=1),
)


def of(parts):
    return [(train.tolist(), test.tolist()) for train, test in parts]


def panel(dates, name="date", others=SYMBOLS):
    index = pd.MultiIndex.from_product([dates, others], names=[name, "symbol"])
    return pd.DataFrame({"x": np.arange(float(len(index)))}, index=index)


def rows(index):
    return pd.DataFrame({"x": np.arange(float(len(index)))}, index=index)


@pytest.mark.parametrize("splits", SPLITS, ids=lambda one: type(one).__name__)
@pytest.mark.parametrize("name", ["date", "when", None])
@pytest.mark.parametrize("kind", WRITTEN)
def test_a_panel_is_cut_by_its_days_however_they_are_written(kind, name, splits):
    expected = of(splits.split(panel(DAYS)))
    assert of(splits.split(panel(WRITTEN[kind], name))) == expected
    for train, test in expected:
        assert not {row // 3 for row in train} & {row // 3 for row in test}


@pytest.mark.parametrize("kind", WRITTEN)
def test_an_index_of_one_level_and_a_column_are_read_alike(kind):
    dates = pd.Index(WRITTEN[kind]).repeat(3)
    expected = of(WalkForward(10, 5).split(panel(DAYS)))
    assert of(WalkForward(10, 5).split(rows(dates))) == expected
    column = pd.DataFrame({"date": dates})
    assert of(WalkForward(10, 5, times="date").split(column)) == expected
    assert of(WalkForward(10, 5, times=dates).split(np.zeros(90))) == expected


@pytest.mark.parametrize("kind", WRITTEN)
def test_labels_end_at_days_however_these_are_written(kind):
    ends = pd.Index(WRITTEN[kind]).repeat(3)[9:]
    X = panel(DAYS)[:-9]
    walk = WalkForward(10, 5, label_ends=ends)
    train, test = next(walk.split(X))
    # The label of a day is known three days later: the last that is known before day 10 is that of day 6.
    assert (train[-1] // 3, test[0] // 3) == (6, 10)


def test_a_zone_that_arrow_has_written_is_kept():
    hours = pd.date_range("2024-01-01", periods=24 * 12, freq="h", tz="America/New_York")
    written = pd.Index(hours.to_list(), dtype=pd.ArrowDtype(pa.timestamp("ns", "America/New_York")))
    expected = of(WalkForward(4, 2).split(rows(hours)))
    assert of(WalkForward(4, 2).split(rows(written))) == expected
    assert of(WalkForward(4, 2).split(rows(hours.tz_convert("UTC")))) != expected
    text = pd.Index([one.isoformat() for one in hours])
    assert of(WalkForward(4, 2).split(rows(text))) == of(
        WalkForward(4, 2).split(rows(pd.DatetimeIndex(text)))
    )


def test_predictions_of_a_panel_of_dates_are_those_of_its_days():
    class Mean:
        def fit(self, X, y):
            self.mean = y.mean()
            return self

        def predict(self, X):
            return np.full(len(X), self.mean)

    y = np.repeat(np.random.default_rng(1).normal(size=30), 3)
    walk = WalkForward(10, 5)
    expected = predict_out_of_sample(Mean(), panel(DAYS), y, walk).to_numpy()
    for dates in WRITTEN.values():
        made = predict_out_of_sample(Mean(), panel(dates), y, walk).to_numpy()
        assert np.array_equal(made, expected, equal_nan=True)


def test_names_of_assets_that_read_as_dates_are_no_times():
    expiries = ("2024-03-15", "2024-06-21")
    expected = of(WalkForward(10, 5).split(panel(DAYS, others=expiries)))
    assert of(WalkForward(10, 5).split(panel(WRITTEN["text"], "when", expiries))) == expected
    with pytest.raises(WalkForwardError, match="neither times nor numbers of rows"):
        list(WalkForward(10, 5).split(panel(range(30), "day", expiries)))


def test_a_level_of_periods_beside_that_of_times_is_no_time():
    index = pd.MultiIndex.from_arrays([DAYS, DAYS.to_period("Q")], names=["date", "quarter"])
    assert of(WalkForward(10, 5).split(rows(index))) == of(WalkForward(10, 5).split(rows(DAYS)))


@pytest.mark.parametrize(
    "index",
    [
        pd.RangeIndex(30),
        pd.RangeIndex(100, 130, name="row"),
        pd.Index(np.arange(30)[::-1]),
        pd.Index(np.arange(30, dtype=np.uint8)),
        pd.Index(np.arange(30.0)),
        pd.Index(range(30), dtype=object),
        pd.Index(range(30), dtype="Int64"),
        pd.Index(range(30), dtype=pd.ArrowDtype(pa.int64())),
        pd.MultiIndex.from_product([range(10), range(3)]),
    ],
    ids=lambda index: f"{type(index).__name__} {getattr(index, 'dtype', '')}",
)
def test_an_index_of_numbers_counts_rows(index):
    assert of(WalkForward(10, 5).split(rows(index))) == of(WalkForward(10, 5).split(np.zeros(30)))


PERIODS = DAYS.to_period("D")
OTHER = r"the index has neither times nor numbers of rows, but .*times=.*to_datetime.*reset_index\(drop=True\)"


@pytest.mark.parametrize(
    ("X", "said"),
    [
        (rows(PERIODS), r"the index holds periods; a period is over at its end: .*to_timestamp\(how='end'\)"),
        (panel(PERIODS), "'date' holds periods"),
        (rows(pd.Index(list(PERIODS), dtype=object, name="day")), "'day' holds periods"),
        (rows(pd.Index([f"row {n}" for n in range(30)])), OTHER),
        (panel([f"day {n}" for n in range(30)], "when"), OTHER),
        (panel(range(30), "day"), "the index has neither times nor numbers of rows, but 'A': say when"),
        (rows(pd.to_timedelta(np.arange(30), "h")), OTHER),
        (rows(pd.IntervalIndex.from_breaks(range(31))), OTHER),
        (rows(pd.Index([*"ab", *range(28)], dtype=object)), OTHER),
        (rows(pd.Index(DAYS.strftime("%d/%m/%Y"), name="date")), "holds '01/01/2024', must hold ISO 8601 .*dayfirst"),
        (rows(pd.Index(DAYS.strftime("%d/%m/%Y"))), OTHER),
        (rows(pd.Index([DAYS[0].tz_localize("UTC"), *DAYS[1:]], dtype=object)), "zone"),
        (rows(pd.Index([*WRITTEN["date"][:-1], None], dtype=object)), "times lacks 1 values, the first at row 29"),
        (rows(pd.Index(WRITTEN["date"][::-1], dtype=object)), "times must not go back"),
    ],
)  # fmt: skip
def test_an_index_that_says_neither_times_nor_rows_is_refused(X, said):
    for splits in (WalkForward(10, 5), CombinatorialPurged(5, 2)):
        with pytest.raises(WalkForwardError, match=said):
            list(splits.split(X))


@pytest.mark.parametrize("name", ["times", "label_ends"])
def test_periods_are_no_times_of_rows_or_labels(name):
    given = {"times": DAYS, "label_ends": DAYS} | {name: PERIODS}
    with pytest.raises(WalkForwardError, match=f"'{name}' holds periods"):
        list(WalkForward(10, 5, **given).split(np.zeros(30)))
    given[name] = [datetime.timedelta(hours=n) for n in range(30)]
    with pytest.raises(WalkForwardError, match="they are duration"):
        list(WalkForward(10, 5, **given).split(np.zeros(30)))
