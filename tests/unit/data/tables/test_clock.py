"""Dates, naive and aware times: what they mean, and which may stand beside each other."""

import datetime

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from ml4t.backtest import Strategy, run_backtest
from ml4t.backtest.data import DataError, Table, market_data


def utc(text):
    return pd.Timestamp(text, tz="UTC").value


def daily(*days, column="date"):
    return pd.DataFrame(
        {column: pd.to_datetime(list(days)), "close": np.arange(1.0, len(days) + 1)}
    )


def test_bar_time_follows_daylight_saving():
    # New York is five hours behind UTC on the Friday before and four on the Monday after the change.
    data = market_data(daily("2024-03-08", "2024-03-11"), bar_time="16:00 America/New_York")
    assert list(data.timestamps) == [utc("2024-03-08 21:00"), utc("2024-03-11 20:00")]


@pytest.mark.parametrize(
    ("bar_time", "expected"),
    [
        ("16:00 UTC", "16:00"),
        ("9:30:15 UTC", "09:30:15"),
        ("16:00 Asia/Tokyo", "07:00"),
        ("00:00 Europe/London", "00:00"),
    ],
)
def test_bar_time_is_read(bar_time, expected):
    assert market_data(daily("2024-01-05"), bar_time=bar_time).timestamps[0] == utc(
        f"2024-01-05 {expected}"
    )


@pytest.mark.parametrize(
    "bar_time", ["4pm", "16", "25:00 UTC", "16:00 Mars/Olympus", "16:00 New York", ""]
)
def test_bar_time_that_cannot_be_read(bar_time):
    with pytest.raises(DataError, match="bar_time"):
        market_data(daily("2024-01-05"), bar_time=bar_time)


@pytest.mark.parametrize("bar_time", ["16:00", "24:00", {"asset": "16:00"}])
@pytest.mark.parametrize("zone", [None, "America/New_York"])
def test_a_bar_time_of_no_zone_is_asked_for_one(bar_time, zone):
    # Beside times with a zone, 16:00 of UTC would be noon in New York, hours before the close.
    times = pd.DatetimeIndex(["2024-01-05 09:30"], tz=zone or "UTC")
    values = {} if zone is None else {"context": pd.DataFrame({"timestamp": times, "vix": [1.0]})}
    with pytest.raises(
        DataError, match=r"names no zone.*write bar_time='16:00 America/New_York', say"
    ):
        market_data(daily("2024-01-05"), bar_time=bar_time, **values)


def test_a_bar_time_of_no_zone_is_in_that_of_the_timezone():
    found = market_data(daily("2024-01-05"), bar_time="16:00", timezone="America/New_York")
    assert list(found.timestamps) == [utc("2024-01-05 21:00")]


def test_a_time_of_day_that_occurs_twice_is_the_later_one():
    data = market_data(daily("2024-11-03"), bar_time="01:30 America/New_York")
    assert data.timestamps[0] == utc("2024-11-03 06:30")


def test_a_time_of_day_that_does_not_occur_is_the_next_one():
    data = market_data(daily("2024-03-10"), bar_time="02:30 America/New_York")
    assert data.timestamps[0] == utc("2024-03-10 07:00")


@pytest.mark.parametrize(
    "column",
    [
        pa.array([datetime.date(2024, 1, 5)]),
        pa.array([datetime.date(2024, 1, 5)]).cast(pa.date64()),
        pa.array([datetime.datetime(2024, 1, 5)]),
        pa.array(["2024-01-05"]),
        pa.array(["2024-01-05"]).dictionary_encode(),
        pa.array([pd.Timestamp("2024-01-05", tz="America/New_York")]),
    ],
    ids=["date32", "date64", "midnight", "text", "dictionary", "local midnight"],
)
def test_what_a_date_is(column):
    data = market_data(
        pa.table({"date": column, "close": [1.0]}), bar_time="16:00 America/New_York"
    )
    assert data.timestamps[0] == utc("2024-01-05 21:00")
    assert data.info["dates_only"] is True


def test_midnights_of_utc_are_dates_where_those_have_a_time():
    frame = pd.DataFrame({"timestamp": pd.to_datetime(["2024-01-05"], utc=True), "close": [1.0]})
    data = market_data(frame, bar_time="16:00 America/New_York")
    assert data.timestamps[0] == utc("2024-01-05 21:00")
    assert data.info["dates_only"] is True
    # Nobody says when dates are complete: they stand for midnight UTC, which these are.
    data = market_data(frame)
    assert data.timestamps[0] == utc("2024-01-05")
    assert data.info["times"] == "aware"


def test_naive_times_are_utc_or_in_the_given_zone():
    frame = pd.DataFrame({"timestamp": pd.to_datetime(["2024-01-05 16:00"]), "close": [1.0]})
    assert market_data(frame).timestamps[0] == utc("2024-01-05 16:00")
    assert market_data(frame, timezone="America/New_York").timestamps[0] == utc("2024-01-05 21:00")


def test_a_naive_time_that_occurs_twice_is_refused():
    frame = pd.DataFrame({"timestamp": pd.to_datetime(["2024-11-03 01:30"]), "close": [1.0]})
    with pytest.raises(
        DataError, match=r"prices: 1 row at a time .* clocks change \(2024-11-03 01:30:00\)"
    ):
        market_data(frame, timezone="America/New_York")


def test_naive_beside_aware_is_refused():
    prices = pd.DataFrame({"timestamp": pd.to_datetime(["2024-01-05 16:00"]), "close": [1.0]})
    signal = pd.DataFrame(
        {"timestamp": pd.to_datetime(["2024-01-05 16:00"], utc=True), "score": [1.0]}
    )
    with pytest.raises(
        DataError, match=r"prices has times without a zone, signals has times with one.*timezone="
    ):
        market_data(prices, signals=signal)
    data = market_data(prices, signals=signal, timezone="UTC")
    assert list(data.features["score"]) == [1.0]


def test_dates_beside_times_are_refused_without_bar_time():
    signal = pd.DataFrame(
        {"timestamp": pd.to_datetime(["2024-01-05 21:05"], utc=True), "score": [1.0]}
    )
    with pytest.raises(
        DataError, match=r"prices has only dates, signals has times of day.*bar_time="
    ):
        market_data(daily("2024-01-05"), signals=signal)


def test_a_prediction_after_the_close_is_seen_at_the_next_close():
    prices = daily("2024-01-05", "2024-01-08", "2024-01-09")
    made = pd.to_datetime(["2024-01-05 16:05", "2024-01-08 15:55"]).tz_localize("America/New_York")
    signal = pd.DataFrame({"available_at": made, "score": [5.0, 8.0]})
    data = market_data(prices, signals=signal, bar_time="16:00 America/New_York")
    # Made at 16:05 on the 5th: not known at the close of the 5th. The 15:55 one is known at its close.
    np.testing.assert_array_equal(data.features["score"], [np.nan, 8.0, 8.0])


def test_dates_beside_dates_match_by_date():
    context = pd.DataFrame(
        {"date": pd.to_datetime(["2024-01-05", "2024-01-08"]), "vix": [13.0, 14.0]}
    )
    for bar_time in (None, "16:00 America/New_York"):
        data = market_data(
            daily("2024-01-04", "2024-01-05", "2024-01-08"), context=context, bar_time=bar_time
        )
        np.testing.assert_array_equal(data.context["vix"], [np.nan, 13.0, 14.0])


def test_a_table_can_have_its_own_time_of_day():
    context = pd.DataFrame(
        {"date": pd.to_datetime(["2024-01-05", "2024-01-08"]), "vix": [13.0, 14.0]}
    )
    data = market_data(
        daily("2024-01-05", "2024-01-08"),
        context=Table(context, bar_time="16:15"),
        bar_time="16:00 America/New_York",
    )
    np.testing.assert_array_equal(data.context["vix"], [np.nan, 13.0])


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (pa.array([1_704_412_800]), "holds int64"),
        (pa.array(["yesterday"]), "ISO 8601"),
        (pa.array([None], pa.timestamp("us")), "no time in 1 row"),
        (pa.array([253_402_300_000], pa.timestamp("s")), "1677 to 2262"),
        (pa.array([2_000_000], pa.date32()), "1677 to 2262"),
    ],
)
def test_what_is_no_time(column, message):
    with pytest.raises(DataError, match=message) as error:
        market_data(pa.table({"date": column, "close": [1.0]}))
    assert "column 'date'" in str(error.value)


NAIVE, AWARE = pd.Timestamp("2024-01-02 16:00"), pd.Timestamp("2024-01-03 16:00", tz="UTC")


def mixed(naive=NAIVE, aware=AWARE):
    """Six times, the fifth of which (row 4) is the only one without a zone."""
    days = pd.to_timedelta(np.arange(6), "D")
    return [*(aware + days[:4]), naive, aware + days[5]]


MIXED = {
    "objects": lambda: pd.Series(mixed(), dtype=object),
    "objects of datetime": lambda: pd.Series(
        [time.to_pydatetime() for time in mixed()], dtype=object
    ),
    "text": lambda: pd.Series(map(str, mixed())),
    "categories": lambda: pd.Series(map(str, mixed())).astype("category"),
    "beside one that is a date alone": lambda: pd.Series(map(str, mixed(NAIVE.date()))),
    "beside several zones": lambda: pd.Series(
        [mixed()[0].tz_convert("America/New_York"), *mixed()[1:]], dtype=object
    ),
}


def in_column(times):
    return pd.DataFrame({"timestamp": times, "x": np.arange(6.0), "close": 1.0})


MIXED_PLACES = {
    "column": in_column,
    "index": lambda times: in_column(times).set_index("timestamp"),
    "level of an index": lambda times: (
        in_column(times).assign(asset=list("BABABA")).set_index(["asset", "timestamp"])
    ),
    "wide table": lambda times: pd.DataFrame({"timestamp": times, "A": 1.0, "B": 2.0}),
}


@pytest.mark.parametrize("kind", MIXED)
@pytest.mark.parametrize("place", MIXED_PLACES)
def test_times_with_and_without_a_zone_in_one_column_are_refused(kind, place):
    with pytest.raises(
        DataError,
        match=r"^prices: column 'timestamp' mixes times with a zone \(5 rows\) and without one \(1 row\): "
        r"row 4 \(2024-01-02( 16:00:00)?\); give all of them a zone, or none$",
    ):
        market_data(MIXED_PLACES[place](MIXED[kind]()))


@pytest.mark.parametrize("room", ["signals", "features", "context"])
@pytest.mark.parametrize("kind", ["objects", "text"])
def test_mixed_zones_are_refused_in_every_table(room, kind):
    prices = pd.DataFrame({"timestamp": [AWARE], "close": [1.0]})
    table = in_column(MIXED[kind]()).drop(columns="close")
    with pytest.raises(DataError, match=rf"^{room}: column 'timestamp' mixes .*row 4 "):
        market_data(prices, **{room: table})


def test_several_zones_in_one_column_are_instants():
    new_york = AWARE.tz_convert("America/New_York")
    for times in (
        [AWARE - pd.Timedelta("1h"), new_york],
        ["2024-01-03T15:00Z", "2024-01-03T11:00-05:00"],
    ):
        frame = pd.DataFrame({"timestamp": pd.Series(times, dtype=object), "close": [1.0, 2.0]})
        assert list(market_data(frame).timestamps) == [utc("2024-01-03 15:00"), AWARE.value]


MONTHS = pd.period_range("2023-11", periods=3, freq="M")
HOURS = pd.period_range("2024-01-05 10:00", periods=3, freq="h")
PERIODS = {
    "index": (lambda periods: pd.DataFrame({"x": [11.0, 12.0, 1.0]}, index=periods), "the index"),
    "named index": (
        lambda periods: pd.DataFrame({"x": [11.0, 12.0, 1.0]}, index=periods.rename("when")),
        "column 'when'",
    ),
    "column": (
        lambda periods: pd.DataFrame({"date": periods, "x": [11.0, 12.0, 1.0]}),
        "column 'date'",
    ),
}


def following(message, table):
    """Turn the periods of a table into the times that a message says."""
    advice = message.rpartition("that time with ")[2].partition(", and say")[0]
    times = table.get("date", table.index)
    known = eval(f"times{advice}", {"times": times})
    return table.assign(date=known) if "date" in table else table.set_axis(known.rename("date"))


@pytest.mark.parametrize("place", PERIODS)
def test_a_month_is_known_at_its_end_as_the_message_says(place):
    made, where = PERIODS[place]
    days = pd.bdate_range("2023-11-01", "2024-01-31")
    prices = pd.DataFrame({"date": days, "close": 100.0})
    with pytest.raises(DataError, match=f"context: {where} holds periods; .*at its end") as error:
        market_data(prices, context=made(MONTHS))
    data = market_data(prices, context=following(str(error.value), made(MONTHS)))
    seen = dict(zip(days, data.context["x"], strict=True))
    # December is not known in December: until its last day the value is November's.
    assert seen[pd.Timestamp("2023-12-04")] == 11.0
    assert seen[pd.Timestamp("2023-12-29")] == 11.0
    assert seen[pd.Timestamp("2024-01-01")] == 12.0
    assert seen[pd.Timestamp("2024-01-31")] == 1.0


@pytest.mark.parametrize("place", PERIODS)
def test_an_hour_is_known_at_its_end_as_the_message_says(place):
    table = PERIODS[place][0](HOURS)
    minutes = pd.date_range("2024-01-05 10:30", periods=6, freq="30min")
    prices = pd.DataFrame({"timestamp": minutes, "close": 1.0})
    with pytest.raises(DataError, match="holds periods") as error:
        market_data(prices, context=table)
    data = market_data(prices, context=following(str(error.value), table))
    # 10:00 to 11:00 is known at 11:00, the second bar.
    np.testing.assert_array_equal(data.context["x"], [np.nan, 11.0, 11.0, 12.0, 12.0, 1.0])


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Tokyo"])
def test_the_zone_of_prices_is_theirs_or_that_of_dates(zone):
    hours = pd.date_range("2024-01-05 10:00", periods=3, freq="h")

    def zone_of(times, **options):
        frame = pd.DataFrame({"timestamp": times, "close": 1.0})
        return market_data(frame, **options).info["zone"]

    days = pd.bdate_range("2024-01-04", periods=3)
    assert zone_of(hours.tz_localize(zone)) == zone
    assert zone_of(hours, timezone=zone) == zone
    assert zone_of(days, bar_time=f"16:00 {zone}") == zone
    assert zone_of(days.tz_localize(zone), bar_time=f"16:00 {zone}") == zone
    # Text knows but the offset, UTC and dates that stand for its midnights no market's zone.
    offset = str(hours.tz_localize(zone)[0])[-6:]
    assert zone_of([str(time) for time in hours.tz_localize(zone)]) == offset
    assert zone_of(hours.tz_localize("UTC")) is None
    assert zone_of(hours.tz_localize("UTC"), timezone=zone) == zone
    assert zone_of(days) is None
    assert zone_of(days.tz_localize(zone)) is None


class Hold(Strategy):
    def on_market_data(self, event):
        pass


@pytest.mark.parametrize(
    ("zone", "first_hour", "n_hours"),
    [("America/New_York", 10, 11), ("Pacific/Auckland", 11, 6), ("Australia/Sydney", 10, 7)],
)
def test_sessions_are_days_of_the_market(zone, first_hour, n_hours):
    # To 20:00 in New York, which is the next day in UTC while it is winter; Auckland is a day ahead.
    weekdays = pd.bdate_range("2023-01-02", "2023-03-31")
    times = [day + pd.Timedelta(hours=first_hour + n) for day in weekdays for n in range(n_hours)]
    local = pd.DatetimeIndex(times)
    for given, options in (
        (local.tz_localize(zone), {}),
        (local, {"timezone": zone}),
        (local.tz_localize(zone).tz_convert("UTC"), {"timezone": zone}),
    ):
        frame = pd.DataFrame({"timestamp": given, "close": 100.0})
        result = run_backtest(frame, Hold(), **options)
        assert result.metrics["sessions"] == len(weekdays)
