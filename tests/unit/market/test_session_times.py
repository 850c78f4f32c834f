"""The sessions of a calendar: real days of New York and of futures, times given, tables."""

import datetime
import sys
import warnings

import numpy as np
import pandas as pd
import pytest

from ml4t.backtest import BacktestConfig, Sessions
from ml4t.backtest.market import session_times as module
from ml4t.backtest.market.market_data import MarketData
from ml4t.backtest.market.run_sessions import RunSessions
from ml4t.backtest.market.session_times import dates_of, session_times
from ml4t.backtest.setting_errors import SettingsError

pytest.importorskip("exchange_calendars")

NEW_YORK = Sessions(open="09:30", close="16:00", tz="America/New_York")


def ns(text):
    return pd.Timestamp(text, tz="UTC").as_unit("ns").value


def bars(*times, **info):
    """Market data of one asset with a bar at each of these times of UTC."""
    prices = np.full(len(times), 100.0)
    stamps = [ns(time) for time in times]
    offsets = np.arange(len(times) + 1)
    codes = np.zeros(len(times), np.int32)
    return MarketData.from_arrays(
        ["A"], stamps, offsets, codes, prices, prices, prices, prices, info=info
    )


@pytest.fixture
def nothing_looked_up(monkeypatch):
    monkeypatch.setattr(module, "_WIDEST", {})
    module._between.cache_clear()


def told(found, *days):
    """Opens, closes and ends of some days, in UTC."""
    at = np.searchsorted(found.days, np.array(days, "M8[D]").astype(np.int64))
    columns = (found.opens, found.closes, found.ends)
    return [tuple(str(pd.Timestamp(int(column[i])))[:16] for column in columns) for i in at]


def days_of(calendar, *times, **info):
    data = bars(*times, **info)
    return [str(day) for day in RunSessions(calendar, data).days_of(data.timestamps)]


def test_thanksgiving_2024_has_a_holiday_and_an_early_close():
    found = session_times("XNYS", ns("2024-11-27"), ns("2024-12-02"))
    assert told(found, "2024-11-27", "2024-11-29", "2024-12-02") == [
        ("2024-11-27 14:30", "2024-11-27 21:00", "2024-11-28 05:00"),
        ("2024-11-29 14:30", "2024-11-29 18:00", "2024-11-30 05:00"),  # 13:00 in New York
        ("2024-12-02 14:30", "2024-12-02 21:00", "2024-12-03 05:00"),
    ]
    days = found.days.astype("M8[D]")
    assert np.datetime64("2024-11-28") not in days
    assert [str(day) for day in days[found.early]] == ["2024-11-29", "2024-12-24"]
    assert found.zone == "America/New_York"


@pytest.mark.parametrize("calendar", ["XNYS", NEW_YORK], ids=["name", "times"])
def test_clocks_go_back_between_two_sessions(calendar):
    # 2024-11-03: 9:30 is 13:30 UTC on the Friday before and 14:30 on the Monday after.
    found = session_times(calendar, ns("2024-11-01"), ns("2024-11-04"))
    assert told(found, "2024-11-01", "2024-11-04") == [
        ("2024-11-01 13:30", "2024-11-01 20:00", "2024-11-02 04:00"),
        ("2024-11-04 14:30", "2024-11-04 21:00", "2024-11-05 05:00"),
    ]


def test_what_is_stamped_before_and_after_hours_counts_to_the_day():
    assert days_of(
        "XNYS",
        "2024-11-27 14:30",  # the open
        "2024-11-27 21:00",  # the close
        "2024-11-28 04:59",  # 23:59 in New York
        "2024-11-28 05:00",  # midnight
        "2024-11-28 18:00",  # Thanksgiving
        "2024-11-29 12:00",  # 7:00, before the open
        "2024-11-29 18:00",  # the early close
        "2024-11-29 21:00",  # 16:00, when other days close
        "2024-11-30 15:00",  # a Saturday
        "2024-12-02 14:31",
    ) == [
        *["2024-11-27"] * 4, *["2024-11-29"] * 4, *["2024-12-02"] * 2,
    ]  # fmt: skip


def test_timestamps_outside_the_hours_are_counted():
    data = bars(
        "2024-11-29 12:00",
        "2024-11-29 14:30",
        "2024-11-29 14:31",
        "2024-11-29 18:00",
        "2024-11-29 18:01",
    )
    # The open belongs to no bar of the session: one stamped there was complete before it began.
    assert RunSessions("XNYS", data).n_outside == 3


def test_a_session_of_futures_begins_the_evening_before():
    # 2024-12-02 of CMES: from Sunday 17:00 in Chicago to Monday 17:00, and the next one follows at once.
    assert days_of("CMES", "2024-12-01 23:30", "2024-12-02 23:00", "2024-12-02 23:01") == [
        "2024-12-02", "2024-12-02", "2024-12-03",
    ]  # fmt: skip


def test_days_without_a_pause_end_with_their_midnight():
    times = ("2024-03-01 12:00", "2024-03-02 00:00", "2024-03-02 00:01", "2024-03-02 12:00")
    expected = ["2024-03-01", "2024-03-01", "2024-03-02", "2024-03-02"]
    every_day = Sessions(open="00:00", close="24:00", weekdays="Mon Tue Wed Thu Fri Sat Sun")
    assert days_of("24/7", *times) == days_of(every_day, *times) == expected


@pytest.mark.parametrize("calendar", ["XNYS", "24/7", "CMES", "XTKS"])
def test_dates_belong_to_the_session_of_their_date(calendar):
    days = ["2024-12-05", "2024-12-06", "2024-12-10"]
    assert days_of(calendar, *days) == days
    # Stamped at the start, a day is complete at the midnight that begins the next one.
    shifted = ["2024-12-06", "2024-12-07", "2024-12-11"]
    assert days_of(calendar, *shifted, dates_only=True, complete_after=86_400_000_000_000) == days


def test_midnights_of_the_zone_of_the_prices_are_dates():
    # As daily bars of some vendors are: 2024-03-11 begins an hour earlier by UTC.
    times = ("2024-03-08 05:00", "2024-03-11 04:00", "2024-03-12 04:00")
    assert days_of("XNYS", *times, zone="America/New_York") == [
        "2024-03-08",
        "2024-03-11",
        "2024-03-12",
    ]
    # Without a word on their zone they are times of day: the end of the day before.
    assert days_of("XNYS", *times) == ["2024-03-07", "2024-03-11", "2024-03-11"]


def test_a_date_without_a_session_counts_to_the_next():
    data = bars("2024-11-27", "2024-11-28", "2024-11-29")
    sessions = RunSessions("XNYS", data)
    assert [str(day) for day in sessions.days_of(data.timestamps)] == [
        "2024-11-27", "2024-11-29", "2024-11-29",
    ]  # fmt: skip
    assert sessions.n_outside == 1
    assert sessions.are_dates


def test_daily_bars_of_an_early_close_that_are_stamped_at_the_usual_one():
    assert days_of("XNYS", "2024-11-27 21:00", "2024-11-29 21:00", "2024-12-02 21:00") == [
        "2024-11-27", "2024-11-29", "2024-12-02",
    ]  # fmt: skip


def test_times_given_say_what_the_calendar_says():
    given = Sessions(
        open="09:30",
        close="16:00",
        tz="America/New_York",
        holidays=["2024-11-28", "2024-12-25"],
        early_closes={"2024-11-29": "13:00", "2024-12-24": "13:00"},
    )
    first, last = datetime.date(2024, 11, 1), datetime.date(2024, 12, 31)
    own = session_times(given, ns("2024-12-12"), ns("2024-12-20"))
    known = module.exchange_sessions("XNYS", first, last)
    both, ours, theirs = np.intersect1d(own.days, known.days, return_indices=True)
    assert len(both) > 35
    assert not set(known.days[known.days > own.days[0]]) - set(own.days)
    for name in ("opens", "closes", "ends", "early"):
        np.testing.assert_array_equal(getattr(own, name)[ours], getattr(known, name)[theirs])


# exchange_calendars calls what the newest pandas deprecates.
@pytest.mark.filterwarnings("ignore:Series.values returning")
def test_a_table_of_sessions_is_the_schedule_of_a_calendar():
    import exchange_calendars

    calendar = exchange_calendars.get_calendar("XNYS", start="2024-11-01", end="2024-12-31")
    known = module.exchange_sessions(
        "XNYS", datetime.date(2024, 11, 1), datetime.date(2024, 12, 31)
    )
    frame = calendar.schedule.rename_axis("session").reset_index()[["session", "open", "close"]]
    for given in (
        calendar,
        Sessions(table=calendar.schedule, tz="America/New_York"),
        Sessions(table=frame, tz="America/New_York"),
    ):
        config = BacktestConfig(calendar=given)
        found = session_times(config.calendar, ns("2024-12-12"), ns("2024-12-20"))
        for name in ("days", "opens", "closes", "ends", "early"):
            np.testing.assert_array_equal(getattr(found, name), getattr(known, name))


def test_overnight_sessions_open_on_the_day_before():
    globex = Sessions(open="18:00", close="17:00", tz="America/New_York")
    found = session_times(globex, ns("2024-12-02"), ns("2024-12-03"))
    assert told(found, "2024-12-02", "2024-12-03") == [
        ("2024-12-01 23:00", "2024-12-02 22:00", "2024-12-02 23:00"),
        ("2024-12-02 23:00", "2024-12-03 22:00", "2024-12-03 23:00"),
    ]


STAMP, HOUR = pd.Timestamp("2024-01-02 14:30", tz="UTC"), pd.Timedelta("1h")


def table(*rows):
    return pd.DataFrame(rows, columns=["session", "open", "close"])


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: Sessions(), "sessions are given by open and close, or by a table"),
        (
            lambda: Sessions(open="9:3", close="16:00"),
            "open must be a time of day such as '09:30', in whole seconds, was '9:3'",
        ),
        (lambda: Sessions(open="09:30"), "sessions need open and close: both are times of day"),
        (
            lambda: Sessions(open="09:30", close="09:30"),
            "sessions that open at 09:30 cannot close at 09:30: days without a pause are open='00:00', close='24:00'",
        ),
        (
            lambda: Sessions(open="09:30", close="16:00", tz="New York"),
            "tz must be a time zone such as 'America/New_York', was 'New York'",
        ),
        (
            lambda: Sessions(open="09:30", close="16:00", weekdays="Mon Die"),
            "weekdays[1] must be 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat' or 'Sun', was 'Die'; there are",
        ),
        (
            lambda: Sessions(open="09:30", close="16:00", early_closes={"2024-11-30": "13:00"}),
            "early_closes has 2024-11-30, a day without a session",
        ),
        (
            lambda: Sessions(table=pd.DataFrame({"session": ["2024-01-02"]})),
            "a table of sessions needs the columns open and close, had session",
        ),
        (
            lambda: Sessions(table=table((1, 2, 3))),
            "a table of sessions has dates in its index or a column session, and times in open and close",
        ),
        (
            lambda: Sessions(
                table=[
                    ("2024-01-02", "2024-01-02T14:30Z", "2024-01-02T21:00Z"),
                    ("2024-01-03", "2024-01-02T20:30Z", "2024-01-03T21:00Z"),
                ]
            ),
            "the session 2024-01-03 opens before the session 2024-01-02 closes",
        ),
        (
            lambda: Sessions(table=[("2024-01-02", pd.NA, "2024-01-02T21:00Z")]),
            "row 0 of the table of sessions lacks its date, its open or its close",
        ),
        (
            lambda: Sessions(table=[("2024-01-02", "2024-01-02T21:30Z", "2024-01-02T21:00Z")]),
            "the session 2024-01-02 opens at 2024-01-02 21:30 and closes at 2024-01-02 21:00",
        ),
        (
            lambda: Sessions(table=table()),
            "the table of sessions is empty",
        ),
        (
            lambda: Sessions(table=[("2024-01-02", None, "2024-01-02T21:00Z")]),
            "row 0 of the table of sessions lacks its date, its open or its close",
        ),
        (
            lambda: Sessions(
                table=table(
                    (datetime.date(2024, 1, 2), STAMP, STAMP + HOUR), (pd.NaT, STAMP, STAMP + HOUR)
                )
            ),
            "row 1 of the table of sessions lacks its date, its open or its close",
        ),
        (
            lambda: Sessions(table=[("1500-01-02", "1500-01-02T09:00", "1500-01-02T10:00")]),
            "must be a time from 1678 to 2261, was 1500-01-02 09:00:00",
        ),
        (
            lambda: Sessions(table=[("2024-01-02", STAMP, STAMP + HOUR)], holidays=["2024-01-03"]),
            "a table has each session: weekdays, early_closes and holidays are said beside open and close alone",
        ),
        (
            lambda: Sessions(open="09:30", close="09:30:00"),
            "sessions that open at 09:30 cannot close at 09:30",
        ),
        (
            lambda: Sessions(open="09:30:00.5", close="16:00"),
            "open must be a time of day such as '09:30', in whole seconds, was '09:30:00.5'",
        ),
        (
            lambda: Sessions(open="09:30", close="16:00", early_closes={"2024-11-29": "09:00"}),
            "early_closes has 09:00 for 2024-11-29, which must lie between open, 09:30, and close, 16:00",
        ),
        (
            lambda: Sessions(open="18:00", close="17:00", early_closes={"2024-11-29": "17:30"}),
            "early_closes has 17:30 for 2024-11-29, which must lie before close, 17:00",
        ),
        (
            lambda: BacktestConfig(calendar={1: 2}),
            "calendar: a calendar of names and values has the names of Sessions, had 1",
        ),
        (
            lambda: BacktestConfig(calendar=5),
            "calendar must be text or a section of names and values, was 5",
        ),
        (
            lambda: BacktestConfig(calendar={"open": "09:30", "closes": "16:00"}),
            "calendar.closes: there is no such setting; did you mean 'close'?",
        ),
    ],
)
def test_sessions_that_cannot_be(make, told):
    with pytest.raises(SettingsError) as error:
        make()
    assert told in str(error.value)


@pytest.mark.parametrize(
    ("calendar", "times", "told"),
    [
        ("XNYX", ["2024-01-02"], "calendar 'XNYX' is not one of exchange_calendars; did you mean"),
        (
            "XTKS",
            ["1996-06-03 06:00"],
            "calendar 'XTKS' knows no sessions before 1997-01-01",
        ),
        (
            "XTKS",
            ["1996-12-20 06:00", "1997-01-20 06:00"],
            "calendar 'XTKS' begins with the session 1997-01-06, and the prices have a bar at 1996-12-20 06:00:00+00:00: "
            "a run needs the sessions of all its bars",
        ),
        (
            Sessions(table=[("2024-01-02", "2024-01-02T14:30Z", "2024-01-02T21:00Z")]),
            ["2024-01-02 20:00", "2024-01-03 20:00"],
            "the calendar of the run ends with the session 2024-01-02, and the prices have a bar at 2024-01-03 20:00:00+00:00",
        ),
    ],
    ids=["name", "before all", "before", "after"],
)
def test_calendars_that_do_not_know_the_prices(nothing_looked_up, calendar, times, told):
    with pytest.raises(ValueError, match=told.replace("+", r"\+")):
        RunSessions(calendar, bars(*times))


def test_the_package_is_named_where_it_is_missing(monkeypatch, nothing_looked_up):
    monkeypatch.setitem(sys.modules, "exchange_calendars", None)
    with pytest.raises(
        ImportError,
        match=r"calendar='XNYS' needs exchange_calendars; install it with: pip install 'ml4t-backtest\[calendars\]'",
    ):
        RunSessions("XNYS", bars("2024-01-02 20:00"))


def test_a_session_that_the_clocks_leave_out_is_none():
    # 2024-03-10 in New York: 02:00 is 03:00.
    night = Sessions(open="02:10", close="02:40", tz="America/New_York", weekdays="Sun Mon")
    assert days_of(night, "2024-03-11 06:30", "2024-03-11 06:31") == ["2024-03-11"] * 2
    days = session_times(night, ns("2024-03-09"), ns("2024-03-12")).days.astype("M8[D]").astype(str)
    assert "2024-03-10" not in days
    assert {"2024-03-03", "2024-03-11", "2024-03-17"} <= {*days}


def test_a_calendar_registered_as_it_is(nothing_looked_up):
    import exchange_calendars

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of exchange_calendars itself, with a pandas that is newer
        own = exchange_calendars.get_calendar("XLON", start="2024-01-02", end="2024-03-01")
    exchange_calendars.register_calendar("OWN", own)
    try:
        assert days_of("OWN", "2024-01-03 12:00", "2024-01-04 12:00") == [
            "2024-01-03",
            "2024-01-04",
        ]
    finally:
        exchange_calendars.deregister_calendar("OWN")


def test_a_calendar_is_made_a_few_times_for_many_ranges(nothing_looked_up, monkeypatch):
    made = []

    def counted(*given):
        made.append(given)
        return make(*given)

    make = module._exchange_sessions
    monkeypatch.setattr(module, "_exchange_sessions", counted)
    start, day = ns("2013-01-01"), ns("1970-01-02")
    ranges = [(start + k * 40 * day, start + (k * 40 + 150) * day) for k in range(40)]
    found = [session_times("XNYS", *one) for one in ranges]
    assert len(made) <= 5
    module._between.cache_clear()
    for (first, last), times in zip(ranges, found, strict=True):
        monkeypatch.setattr(module, "_WIDEST", {})
        alone = session_times("XNYS", first, last)
        for one, other in zip(times, alone, strict=True):
            np.testing.assert_array_equal(one, other)
        module._between.cache_clear()


def test_bars_stamped_at_their_start_are_dates_on_both_sides_of_a_change_of_clocks():
    # 2024-03-31: clocks of London go forward. A bar of a day, stamped at its start, is complete one day later.
    days = pd.date_range("2024-03-28", "2024-04-03", tz="Europe/London")
    stamps = (days + pd.DateOffset(days=1)).as_unit("ns").asi8
    found = dates_of(stamps, {"timezone": "Europe/London", "complete_after": ns("1970-01-02")})
    assert found is not None
    dates = np.array([day.date() for day in days], "M8[D]").astype(np.int64)
    np.testing.assert_array_equal(found.stamps(dates), stamps)
