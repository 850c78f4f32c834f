"""Bars stamped at their start: when they are complete, and how long they are."""

import numpy as np
import pandas as pd
import pytest

from ml4t.backtest import Strategy, check_lookahead
from ml4t.backtest.data import DataError, DataFeed, DataWarning, Table, market_data, validate

DAY = pd.date_range("2024-01-01", periods=3, tz="UTC")
SCORES = pd.DataFrame({"timestamp": DAY, "score": [1.0, 2.0, 3.0]})  # of the day that begins then
HOURS = pd.date_range("2024-01-01 01:00", periods=72, freq="h", tz="UTC")


def bars(times, **columns):
    return pd.DataFrame({"timestamp": times, "close": 1.0, **columns})


def complete(table, **options):
    return pd.DatetimeIndex(market_data(table, **options).timestamps)


@pytest.mark.parametrize(
    ("times", "options", "first", "last"),
    [
        # Four hours from 10:00 on: the last begins at 13:00.
        (pd.date_range("2024-01-05 10:00", periods=4, freq="h"), {}, "2024-01-05 11:00", "2024-01-05 14:00"),
        (pd.date_range("2024-01-05 10:00", periods=4, freq="h"), {"bar_length": "90min"}, "2024-01-05 11:30", "2024-01-05 14:30"),
        # One missing bar: the usual step is still the least.
        (pd.DatetimeIndex(["2024-01-05 10:00", "2024-01-05 11:00", "2024-01-05 13:00", "2024-01-05 14:00"]), {}, "2024-01-05 11:00", "2024-01-05 15:00"),
        # Dates begin at their midnight, and end at the next.
        (pd.bdate_range("2024-01-04", periods=3), {}, "2024-01-05", "2024-01-09"),
        (pd.date_range("2024-01-01", periods=3, freq="7D"), {}, "2024-01-08", "2024-01-22"),
        # In a zone a day has 23 hours where clocks go on: Sunday, 10 March, ends at 04:00 UTC.
        (pd.date_range("2024-03-09", periods=2), {"timezone": "America/New_York"}, "2024-03-10 05:00", "2024-03-11 04:00"),
        (pd.date_range("2024-01-05", periods=3, tz="UTC"), {"bar_length": "8h"}, "2024-01-05 08:00", "2024-01-07 08:00"),
    ],
    ids=["hours", "a given length", "a missing bar", "dates", "weeks", "a day of 23 hours", "midnights of UTC"],
)  # fmt: skip
def test_a_bar_is_complete_its_length_after_its_start(times, options, first, last):
    found = complete(bars(times), stamps="start", **options)
    assert [found[0], found[-1]] == [pd.Timestamp(first), pd.Timestamp(last)]


def test_the_length_is_that_of_the_steps_of_each_asset():
    # A steps by two hours, B an hour beside it: together they would step by one.
    hours = pd.date_range("2024-01-05 10:00", periods=6, freq="h")
    table = bars(hours, asset=["A", "B"] * 3)
    assert complete(table, stamps="start")[0] == pd.Timestamp("2024-01-05 12:00")


@pytest.mark.parametrize(
    ("times", "options", "message"),
    [
        (["2024-01-05 10:00"], {}, "cannot be found from one stamp"),
        (["2024-01-05 10:00", "2024-01-05 11:00", "2024-01-05 13:00", "2024-01-05 15:00"], {}, "0 days 02:00:00 apart most often, but 0 days 01:00:00 at least"),
        (["2024-01-04", "2024-01-05"], {"bar_length": "12h"}, "only dates, whose bars last whole days"),
        (["2024-01-05 10:00"], {"stamps": "end", "bar_length": "1h"}, "together with stamps='start'"),
        (["2024-01-05 10:00"], {"stamps": "begin"}, "stamps must be 'end' or 'start'"),
        (["2024-01-05 10:00"], {"bar_length": "0h"}, "longer than nothing"),
        (["2024-01-05 10:00"], {"bar_length": "long"}, "bar_length must be a length of time"),
        (["2024-01-05 10:00"], {"bar_length": "40000d"}, "at most 100 years"),
        (["2241-01-05 10:00"], {"bar_length": "30000d"}, "lead beyond 2261"),
    ],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore::ml4t.backtest.data.DataWarning")
def test_a_length_that_cannot_be(times, options, message):
    table = bars(pd.to_datetime(times))
    for door in (market_data, validate):
        with pytest.raises(DataError, match=message):
            door(table, **{"stamps": "start", **options})


def test_a_daily_score_stamped_at_its_start_is_seen_when_its_day_is_over():
    data = market_data(bars(HOURS), signals=Table(SCORES, stamps="start"))
    # The day of 1 January is over at 00:00 on the 2nd: row 23. Until then nothing is known.
    seen = data.features["score"]
    assert np.isnan(seen[:23]).all()
    np.testing.assert_array_equal(seen[23:47], 1.0)
    np.testing.assert_array_equal(seen[47:71], 2.0)


def test_each_table_says_it_for_itself():
    starts = HOURS - pd.Timedelta("1h")
    data = market_data(
        bars(starts),
        signals=Table(SCORES, stamps="start", bar_length="1d"),
        context=Table(pd.DataFrame({"timestamp": HOURS, "hour": np.arange(72.0)})),
        stamps="start",
    )
    np.testing.assert_array_equal(data.timestamps, HOURS.as_unit("ns").asi8)
    np.testing.assert_array_equal(data.features["score"][23:47], 1.0)
    np.testing.assert_array_equal(data.context["hour"], np.arange(72.0))


def test_a_lag_comes_on_top_of_the_length():
    table = Table(SCORES, stamps="start", available_after="2h")
    seen = market_data(bars(HOURS), signals=table).features["score"]
    assert np.isnan(seen[:25]).all()
    assert seen[25] == 1.0


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (lambda: Table(SCORES.assign(available_at=DAY), stamps="start"), "publication times, so stamps='start' must not"),
        (lambda: Table(SCORES, stamps="start", bar_time="16:00"), "both say when dates are complete"),
        (lambda: Table(SCORES, bar_length="1d"), "together with stamps='start'"),
        (lambda: Table(SCORES, stamps="middle"), "stamps must be"),
    ],
)  # fmt: skip
def test_options_of_a_table_that_exclude_each_other(table, message):
    with pytest.raises(DataError, match=message):
        market_data(bars(HOURS), signals=table())


def test_a_feed_is_told_the_length(tmp_path):
    starts = HOURS - pd.Timedelta("1h")
    bars(starts).to_parquet(tmp_path / "p.parquet")
    SCORES.to_parquet(tmp_path / "s.parquet")
    options = {
        "signals": Table(tmp_path / "s.parquet", stamps="start", bar_length="1d"),
        "stamps": "start",
        "bar_length": "1h",
    }
    whole = market_data(tmp_path / "p.parquet", **options)
    seen = [
        (time, score)
        for chunk in DataFeed.from_parquet(tmp_path / "p.parquet", chunk=7, **options)
        for time, score in zip(
            chunk.timestamps[chunk.first_t :],
            chunk.features["score"][chunk.n_carried :],
            strict=True,
        )
    ]
    np.testing.assert_array_equal([time for time, _ in seen], whole.timestamps)
    np.testing.assert_array_equal([score for _, score in seen], whole.features["score"])
    with pytest.raises(DataError, match="prices: stamps='start' needs bar_length="):
        DataFeed.from_parquet(tmp_path / "p.parquet", stamps="start")
    table = Table(tmp_path / "s.parquet", stamps="start")
    with pytest.raises(DataError, match="signals: stamps='start' needs bar_length="):
        DataFeed.from_parquet(tmp_path / "p.parquet", signals=table)


# ---- what the grids of tables say --------------------------------------------------------------


@pytest.mark.parametrize(
    ("prices", "scores", "asks"),
    [
        (HOURS, DAY, "first value is stamped 2024-01-01, where the first bar begins"),
        (HOURS - pd.Timedelta("1h"), DAY + pd.Timedelta("1D"), "last value is stamped 2024-01-04, where the last bar ends"),
        (HOURS, HOURS[::4] - pd.Timedelta("1h"), "are they stamped at their start"),
    ],
    ids=["days at their start", "bars at their start", "four hours"],
)  # fmt: skip
def test_grids_that_say_start_and_end_are_asked_about(prices, scores, asks):
    table = pd.DataFrame({"timestamp": scores, "score": np.arange(float(len(scores)))})
    found = [f for f in validate(bars(prices), signals=table).findings if f.check == "start_stamps"]
    assert len(found) == 1
    assert asks in found[0].what
    with pytest.warns(DataWarning, match=asks):
        market_data(bars(prices), signals=table)


def test_values_a_bar_before_may_be_meant_so_only_validation_asks():
    table = pd.DataFrame({"timestamp": HOURS - pd.Timedelta("1h"), "score": np.arange(72.0)})
    market_data(bars(HOURS), signals=table)
    checks = [finding.check for finding in validate(bars(HOURS), signals=table).findings]
    assert "start_stamps" in checks


@pytest.mark.parametrize(
    ("prices", "scores"),
    [
        (HOURS, DAY + pd.Timedelta("1D")),  # both at their end
        (HOURS - pd.Timedelta("1h"), DAY),  # both at their start
        (HOURS[:23], DAY[:1]),  # one value says nothing
        (HOURS, HOURS[::5]),
        (DAY, DAY),
    ],
)
def test_grids_that_agree_are_not_asked_about(prices, scores):
    table = pd.DataFrame({"timestamp": scores, "score": np.arange(float(len(scores)))})
    checks = [finding.check for finding in validate(bars(prices), signals=table).findings]
    assert "start_stamps" not in checks
    market_data(bars(prices), signals=table)


def test_saying_it_answers_the_question():
    for table in (Table(SCORES, stamps="start"), Table(SCORES, available_after="1d")):
        checks = [finding.check for finding in validate(bars(HOURS), signals=table).findings]
        assert "start_stamps" not in checks


@pytest.mark.parametrize("bar_time", ["24:00 UTC", "24:00:00 UTC"])
def test_24_is_the_end_of_the_day(bar_time):
    found = complete(bars(pd.to_datetime(["2024-01-05"])), bar_time=bar_time)
    assert found[0] == pd.Timestamp("2024-01-06")


def test_24_of_a_zone_is_its_next_midnight():
    # The 10th of March has 23 hours in New York: it ends at 04:00 UTC.
    found = complete(bars(pd.to_datetime(["2024-03-10"])), bar_time="24:00 America/New_York")
    assert found[0] == pd.Timestamp("2024-03-11 04:00")


# ---- look-ahead --------------------------------------------------------------------------------


class Follows(Strategy):
    """Buys or sells by the sign of its score, whenever that moves."""

    def on_market_data(self, event):
        if event.score == event.score:
            self.order_target_percent(event.asset, 0.5 if event.score > 0 else 0.0)


def test_a_run_over_starts_does_not_look_ahead():
    rng = np.random.default_rng(7)
    starts = pd.date_range("2024-01-01", periods=24 * 12, freq="h", tz="UTC")
    prices = bars(starts).assign(close=100 * np.exp(rng.normal(0, 0.01, len(starts)).cumsum()))
    days = pd.date_range("2024-01-01", periods=12, tz="UTC")
    scores = pd.DataFrame({"timestamp": days, "score": rng.normal(size=12)})
    report = check_lookahead(
        Follows, prices=prices, signals=Table(scores, stamps="start"), stamps="start", probes=8
    )
    assert report.ok
    # The same table as if it were stamped at its end is seen a day early, as its own check says.
    honest = market_data(prices, signals=Table(scores, stamps="start"), stamps="start")
    with pytest.warns(DataWarning, match="are they stamped at their start"):
        early = market_data(prices, signals=scores, stamps="start")
    np.testing.assert_array_equal(early.features["score"][:23], scores["score"][0])
    assert np.isnan(honest.features["score"][:23]).all()
