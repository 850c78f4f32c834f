"""Runs with a calendar, by hand: real days of New York around Thanksgiving 2024, and a change of clocks."""

import datetime
import pickle
from math import isnan

import numpy as np
import pandas as pd
import pytest

from ml4t.backtest import (
    BacktestConfig,
    BacktestEngine,
    MarketData,
    Sessions,
    Strategy,
    run_backtest,
)
from ml4t.backtest.data import DataFeed
from ml4t.backtest.market import run_sessions
from ml4t.backtest.market.session_times import session_times
from ml4t.backtest.risk import (
    AllOf,
    InvalidRuleError,
    MaxDailyLoss,
    PortfolioRule,
    RiskDecision,
    RiskManager,
    SessionExit,
    TimeBasedExit,
)

pytest.importorskip("exchange_calendars")

XNYS = BacktestConfig(calendar="XNYS")
NEW_YORK = "America/New_York"


def times(day, first, last, step):
    """Ends of bars of a day, from one time of New York to another."""
    return list(pd.date_range(f"{day} {first}", f"{day} {last}", freq=step, tz=NEW_YORK))


def prices(*stamps, close=100.0):
    stamps = [one for part in stamps for one in part]
    frame = pd.DataFrame({"timestamp": stamps, "asset": "A", "close": close})
    for name in ("open", "high", "low"):
        frame[name] = frame["close"]
    return frame


class BuyAt(Strategy):
    """Buys one unit at the close of some bars, by the time in New York."""

    def __init__(self, *when, **terms):
        self.moments = when
        self.terms = terms

    def on_market_data(self, event):
        if event.local_time.strftime("%d %H:%M") in self.moments:
            self.buy("A", 1.0, **self.terms)


class BuyFirst(Strategy):
    """Buys at the first bar of each session."""

    every = "session_start"

    def on_market_data(self, event):
        self.buy("A", 1.0)


def shown(frame, *columns):
    """Times of New York."""
    return [
        tuple(
            f"{value.tz_convert(NEW_YORK):%d %H:%M}" if isinstance(value, pd.Timestamp) else value
            for value in row
        )
        for row in frame[list(columns)].itertuples(index=False)
    ]


def exits(result):
    """When each exit by the rule was decided, and when it filled."""
    fills = result.fills
    return shown(fills[fills["reason"] == "session_exit"], "decision_time", "timestamp")


WEDNESDAY = times("2024-11-27", "09:35", "16:00", "5min")
FRIDAY = times("2024-11-29", "09:35", "13:00", "5min")  # the day after Thanksgiving


@pytest.mark.parametrize("lower", [True, False])
@pytest.mark.parametrize(
    ("rule", "settings", "expected"),
    [
        # Flat at 15:55: the last bar to fill in is the one of 15:55, decided at the close before it.
        (SessionExit(minutes=5), {}, [("27 15:50", "27 15:55"), ("29 12:50", "29 12:55")]),
        (SessionExit(minutes=5), {"exit_decided_at_close": "close"}, [("27 15:55",) * 2, ("29 12:55",) * 2]),
        (SessionExit(minutes=5), {"fill_at": "close"}, [("27 15:55",) * 2, ("29 12:55",) * 2]),
        (SessionExit(minutes=7), {}, [("27 15:45", "27 15:50"), ("29 12:45", "29 12:50")]),
        (SessionExit(minutes=0), {}, [("27 15:55", "27 16:00"), ("29 12:55", "29 13:00")]),
        (SessionExit(bars=1), {}, [("27 15:50", "27 15:55"), ("29 12:50", "29 12:55")]),
        (SessionExit(bars=0), {}, [("27 15:55", "27 16:00"), ("29 12:55", "29 13:00")]),
        (SessionExit(bars=3), {"exit_decided_at_close": "close"}, [("27 15:45",) * 2, ("29 12:45",) * 2]),
    ],
)  # fmt: skip
def test_flat_before_the_close(rule, settings, expected, lower):
    config = XNYS.replace(**settings)
    manager = RiskManager([rule], lower=lower)
    result = run_backtest(
        prices(WEDNESDAY, FRIDAY), BuyFirst(), risk_manager=manager, config=config
    )
    assert exits(result) == expected
    trades = result.trades
    assert list(trades["exit_type"]) == ["time_exit"] * 2
    assert list(trades["rule"]) == ["SessionExit"] * 2
    assert result.notes == () or not any("SessionExit" in note for note in result.notes)


def test_clocks_that_go_back_move_no_exit():
    friday, monday = (times(day, "10:00", "16:00", "30min") for day in ("2024-11-01", "2024-11-04"))
    result = run_backtest(
        prices(friday, monday), BuyFirst(), rules=[SessionExit(minutes=30)], config=XNYS
    )
    assert exits(result) == [("01 15:00", "01 15:30"), ("04 15:00", "04 15:30")]
    in_utc = result.to_frames("UTC")["fills"]
    assert [f"{at:%d %H:%M}" for at in in_utc["timestamp"][in_utc["reason"] == "session_exit"]] == [
        "01 19:30", "04 20:30",
    ]  # fmt: skip


@pytest.mark.parametrize("lower", [True, False])
def test_a_last_bar_that_is_shorter_is_a_bar(lower):
    # Bars of an hour from 9:30 on: the last one, of half an hour, ends at 16:00.
    hours = times("2024-11-27", "10:30", "15:30", "60min") + times(
        "2024-11-27", "16:00", "16:00", "1min"
    )
    for rule, decided in ((SessionExit(bars=1), "27 14:30"), (SessionExit(bars=0), "27 15:30")):
        manager = RiskManager([rule], lower=lower)
        result = run_backtest(prices(hours), BuyFirst(), risk_manager=manager, config=XNYS)
        assert [one for one, _ in exits(result)] == [decided]


def test_what_is_opened_too_late_leaves_as_soon_as_it_can():
    result = run_backtest(
        prices(WEDNESDAY, FRIDAY), BuyAt("27 15:55"), rules=[SessionExit(minutes=10)], config=XNYS
    )
    # Bought in the last bar, nothing is left of the day to sell in.
    assert exits(result) == [("27 16:00", "29 09:35")]
    assert (
        "1 position held beyond the session that a SessionExit was to end them in: opened too late, or no bar of the asset "
        "was left to fill in."
    ) in result.notes


def test_minutes_come_from_a_column_too():
    frame = prices(WEDNESDAY)
    result = run_backtest(
        frame,
        BuyFirst(),
        features=frame.assign(early=30.0)[["timestamp", "asset", "early"]],
        rules=[SessionExit(minutes="early")],
        config=XNYS,
    )
    assert exits(result) == [("27 15:25", "27 15:30")]


def test_it_is_a_member_of_groups():
    rule = AllOf([SessionExit(minutes=30), TimeBasedExit(3)])
    result = run_backtest(prices(WEDNESDAY), BuyAt("27 15:30"), rules=[rule], config=XNYS)
    assert shown(result.trades, "exit_decision_time", "rule") == [("27 15:45", "AllOf")]


def chunked(tmp_path, frame, chunk):
    frame.to_parquet(tmp_path / "prices.parquet")
    return DataFeed.from_parquet(tmp_path / "prices.parquet", chunk=chunk)


@pytest.mark.parametrize("chunk", [10, 77, 78, 79])
def test_chunks_know_the_same_sessions(tmp_path, chunk):
    frame = prices(WEDNESDAY, FRIDAY, times("2024-12-02", "09:35", "16:00", "5min"))
    rules = [SessionExit(minutes=5)]
    whole = run_backtest(frame, BuyFirst(), rules=rules, config=XNYS)
    parts = run_backtest(chunked(tmp_path, frame, chunk), BuyFirst(), rules=rules, config=XNYS)
    assert len(exits(whole)) == 3
    pd.testing.assert_frame_equal(whole.fills, parts.fills)
    pd.testing.assert_series_equal(whole.returns, parts.returns)
    assert whole.counters["outside_sessions"] == parts.counters["outside_sessions"]


@pytest.mark.parametrize("zone", [None, "America/New_York"])
def test_dates_in_chunks_of_one_are_dates(tmp_path, zone):
    days = pd.bdate_range("2024-11-25", "2024-12-06", tz=zone)
    whole = run_backtest(prices(days), BuyFirst(), config=XNYS)
    parts = run_backtest(chunked(tmp_path, prices(days), 1), BuyFirst(), config=XNYS)
    pd.testing.assert_frame_equal(whole.fills, parts.fills)
    pd.testing.assert_series_equal(whole.returns, parts.returns)
    assert whole.counters["outside_sessions"] == parts.counters["outside_sessions"] == 1


@pytest.mark.parametrize("chunk", [1, 20, "month"])
def test_dates_of_london_are_dates_in_winter_and_in_summer(tmp_path, chunk):
    """In winter its midnights are those of UTC: chunks of winter alone do not tell which of them are meant."""
    days = pd.bdate_range("2024-01-02", "2024-06-28", tz="Europe/London")
    frame = prices(days, close=100.0 + np.arange(len(days)) % 7)
    config = BacktestConfig(calendar=Sessions(open="08:00", close="16:30", tz="Europe/London"))
    rules = [TimeBasedExit(3)]
    whole = run_backtest(frame, BuyFirst(), rules=rules, config=config)
    parts = run_backtest(chunked(tmp_path, frame, chunk), BuyFirst(), rules=rules, config=config)
    assert len(whole.trades) > 20
    pd.testing.assert_frame_equal(whole.fills, parts.fills)
    pd.testing.assert_series_equal(whole.returns, parts.returns)


def test_chunks_that_are_dates_here_and_times_there_are_refused(tmp_path):
    """Of one zone each, and of no zone all of them: summer of London after a winter of UTC."""
    winter = pd.bdate_range("2024-01-02", "2024-01-12", tz="UTC")
    summer = pd.bdate_range("2024-06-03", "2024-06-14", tz="America/New_York").tz_convert("UTC")
    frame = prices(winter, summer)
    with pytest.raises(ValueError, match="those of another have a time of day"):
        run_backtest(chunked(tmp_path, frame, 9), BuyFirst(), config=XNYS)


def test_a_midnight_of_hours_in_chunks_of_one_is_a_time(tmp_path):
    hours = pd.date_range("2024-11-27", periods=30, freq="h", tz="UTC")
    config = BacktestConfig(calendar="24/7")
    whole = run_backtest(prices(hours), BuyFirst(), config=config)
    parts = run_backtest(chunked(tmp_path, prices(hours), 1), BuyFirst(), config=config)
    pd.testing.assert_frame_equal(whole.fills, parts.fills)


def bar_of(day, *before):
    """Market data of one bar of A, at the midnight of a day; carried over is the one of another day."""
    at = [pd.Timestamp(one, tz="UTC").as_unit("ns").value for one in (*before, day)]
    carried = {"carried_times": at[:1]} if before else {}
    flat = np.full(len(at), 100.0)
    offsets, codes = [*range(len(at) + 1)], np.zeros(len(at), np.int32)
    return MarketData.from_arrays(["A"], at, offsets, codes, flat, flat, flat, flat, **carried)


def test_midnights_that_no_table_has_said_to_be_dates_come_two_at_least():
    chunks = [bar_of("2024-11-26"), bar_of("2024-11-27", "2024-11-26")]
    with pytest.raises(ValueError, match="the first chunk has one timestamp, at midnight"):
        BacktestEngine(iter(chunks), BuyFirst(), config=XNYS).run()


def test_sessions_of_a_feed_are_looked_up_twice_as_far_each_time(tmp_path, monkeypatch):
    looked_up = []

    def counted(*given):
        looked_up.append(given)
        return session_times(*given)

    monkeypatch.setattr(run_sessions, "session_times", counted)
    days = pd.bdate_range("2021-01-04", "2024-12-02", tz=NEW_YORK)
    run_backtest(chunked(tmp_path, prices(days), 2), BuyFirst(), config=XNYS)
    assert len(days) > 1_000
    assert 5 < len(looked_up) < 15


def test_a_position_that_ends_with_the_midnight_of_its_session_is_not_held_beyond_it():
    """All exits are at midnights then, but the run is one of hours."""
    hours = pd.date_range("2024-11-25 01:00", "2024-11-29", freq="h", tz="UTC")
    result = run_backtest(
        prices(hours),
        BuyFirst(),
        rules=[SessionExit(minutes=0)],
        config=BacktestConfig(calendar="24/7"),
    )
    assert {at.strftime("%H:%M") for at in result.trades["exit_time"]} == {"00:00"}
    assert len(result.trades) == 4
    assert not any("SessionExit" in note for note in result.notes)


def test_a_day_order_ends_with_an_early_close():
    late = times("2024-11-29", "13:05", "14:00", "5min")
    frame = prices(FRIDAY, late)
    frame.loc[frame["timestamp"] > late[0], ["open", "high", "low", "close"]] = 90.0
    result = run_backtest(frame, BuyAt("29 09:40", limit=95.0, valid="day"), config=XNYS)
    # 13:05 is after the close; by the day of the prices it would have filled at 90.
    assert shown(result.orders, "status", "ended") == [("expired", "29 13:05")]
    assert result.counters["outside_sessions"] == 12
    assert (
        "12 timestamps outside the sessions of calendar 'XNYS': those of a day with a session count to it, others to the "
        "next."
    ) in result.notes
    without = run_backtest(frame, BuyAt("29 09:40", limit=95.0, valid="day"))
    assert shown(without.orders, "status", "ended") == [("filled", "29 13:10")]


def test_a_day_order_after_hours_waits_through_them():
    late = times("2024-11-29", "13:30", "16:00", "30min")
    result = run_backtest(
        prices(FRIDAY, late, times("2024-12-02", "09:35", "10:00", "5min")),
        BuyAt("29 13:30", limit=95.0, valid="day"),
        config=XNYS,
    )
    assert shown(result.orders, "status", "ended") == [("expired", "02 09:35")]


def test_a_day_order_of_daily_bars_has_one_of_them():
    days = pd.to_datetime(["2024-11-26", "2024-11-27", "2024-11-29", "2024-12-02"])
    frame = prices(days)

    class Once(Strategy):
        def on_market_data(self, event):
            if event.session == datetime.date(2024, 11, 27):
                self.buy("A", 1.0, limit=95.0, valid="day")

    for calendar in ("XNYS", "24/7"):
        for options in ({}, {"bar_time": "16:00 America/New_York"}):
            result = run_backtest(
                frame, Once(), config=BacktestConfig(calendar=calendar), **options
            )
            (ended,) = result.orders["ended"]
            assert (f"{ended:%Y-%m-%d}", result.orders["status"][0]) == ("2024-12-02", "expired")


class Asks(Strategy):
    """Keeps what bars, the strategy and a rule say of the session."""

    def __init__(self):
        self.said = []

    def on_start(self):
        self.buy("A", 1.0)

    def on_market_data(self, event):
        own = (
            self.session,
            self.minutes_since_open,
            self.minutes_to_close,
            self.is_early_close,
            self.local_time,
        )
        of_bar = (
            event.session, event.minutes_since_open, event.minutes_to_close, event.is_early_close, event.local_time,
        )  # fmt: skip
        assert repr(own) == repr(of_bar)
        self.said.append(of_bar)

    def on_timestamp_batch(self, timestamp, events, context):
        (event,) = events
        assert repr(stands(events)) == repr(stands(event)) == repr(self.said[-1])


def stands(one):
    """Where something that knows sessions says it stands."""
    names = ("session", "minutes_since_open", "minutes_to_close", "is_early_close", "local_time")
    return tuple(getattr(one, name) for name in names)


class Looks(PortfolioRule):
    def __init__(self, asked):
        super().__init__()
        self.asked = asked

    def evaluate(self, portfolio):
        self.asked.append(stands(portfolio))


def test_events_contexts_and_strategies_say_where_they_stand():
    asked, of_portfolio = [], []

    def look(context):
        if not context.opening:
            asked.append(
                (
                    context.session, context.minutes_since_open, context.minutes_to_close, context.is_early_close,
                    context.local_time,
                )
            )  # fmt: skip
        return RiskDecision.no_action()

    strategy = Asks()
    stamps = ["2024-11-27 09:00", "2024-11-27 10:00", "2024-11-29 12:45:30"]
    frame = prices(pd.to_datetime(stamps, format="ISO8601").tz_localize(NEW_YORK))
    run_backtest(frame, strategy, rules=[look, Looks(of_portfolio)], config=XNYS)
    wednesday, friday = datetime.date(2024, 11, 27), datetime.date(2024, 11, 29)
    at = [pd.Timestamp(one, tz=NEW_YORK) for one in stamps]
    assert strategy.said == [
        (wednesday, -30.0, 420.0, False, at[0]),
        (wednesday, 30.0, 360.0, False, at[1]),
        (friday, 195.5, 14.5, True, at[2]),
    ]
    assert str(strategy.said[0][4].tz) == NEW_YORK
    assert asked == strategy.said
    assert of_portfolio
    assert {*of_portfolio} <= {*strategy.said}


def test_without_a_calendar_there_is_a_day_and_a_time():
    strategy = Asks()
    run_backtest(prices(pd.to_datetime(["2024-11-27 23:00"]).tz_localize(NEW_YORK)), strategy)
    (session, since, left, early, local) = strategy.said[0]
    assert (session, early, str(local)) == (
        datetime.date(2024, 11, 27),
        False,
        "2024-11-27 23:00:00-05:00",
    )
    assert isnan(since)
    assert isnan(left)


def test_the_moment_of_a_date_is_the_close():
    strategy = Asks()
    run_backtest(prices(pd.to_datetime(["2024-11-27", "2024-11-29"])), strategy, config=XNYS)
    assert [one[1:4] for one in strategy.said] == [(390.0, 0.0, False), (210.0, 0.0, True)]
    assert str(strategy.said[1][4]) == "2024-11-29 13:00:00-05:00"


def test_the_loss_of_a_day_is_that_of_a_session():
    # Sunday 19:00 in New York belongs to Monday's session of futures, which loses 6: 3 in each of two days of UTC.
    stamps = pd.to_datetime(
        ["2024-12-01 23:30", "2024-12-02 01:00", "2024-12-02 15:00", "2024-12-02 23:30"]
    )
    frame = prices(stamps.tz_localize("UTC"), close=[97.0, 96.0, 94.0, 94.0])
    frame.loc[0, ["open", "high"]] = 100.0
    rules = [MaxDailyLoss(value=5.0)]
    for calendar, breached in (("CMES", ["2024-12-02 15:00"]), (None, [])):

        class Holds(Strategy):
            def on_start(self):
                self.buy("A", 1.0)

            def on_market_data(self, event):
                pass

        config = BacktestConfig(calendar=calendar)
        result = run_backtest(frame, Holds(), rules=rules, config=config)
        events = result.events[result.events["kind"] == "limit_breached"]
        assert [f"{at:%Y-%m-%d %H:%M}" for at in events["timestamp"]] == breached


def test_schedules_follow_sessions():
    calls = []

    class AtEnds(Strategy):
        every = "session_end"

        def on_market_data(self, event):
            calls.append((event.session.day, event.local_time.hour))

    stamps = [
        "2024-12-01 18:00",
        "2024-12-02 09:00",
        "2024-12-02 16:30",
        "2024-12-02 17:30",
        "2024-12-03 12:00",
    ]
    frame = prices(pd.to_datetime(stamps).tz_localize("America/Chicago"))
    run_backtest(frame, AtEnds(), config=BacktestConfig(calendar="CMES"))
    assert calls == [(2, 16)]
    calls.clear()
    run_backtest(frame, AtEnds())
    assert [hour for _, hour in calls] == [18, 17]


def test_returns_are_those_of_sessions():
    stamps = ["2024-12-01 18:00", "2024-12-02 09:00", "2024-12-02 17:30", "2024-12-03 12:00"]
    frame = prices(pd.to_datetime(stamps).tz_localize("America/Chicago"))

    class Rests(Strategy):
        def on_market_data(self, event):
            pass

    result = run_backtest(frame, Rests(), config=BacktestConfig(calendar="CMES"))
    assert [f"{day:%d}" for day in result.returns.index] == ["02", "03"]
    assert [f"{day:%d}" for day in run_backtest(frame, Rests()).returns.index] == ["01", "02", "03"]


def test_a_rule_without_a_calendar_is_refused():
    message = (
        "SessionExit asks when sessions close, and the run has no calendar: set BacktestConfig(calendar=...), to the name of "
        "one or to Sessions(open=..., close=..., tz=...)"
    )
    for rule in (
        SessionExit(minutes=5),
        AllOf([SessionExit(bars=1), TimeBasedExit(3)], name="SessionExit"),
    ):
        with pytest.raises(InvalidRuleError) as error:
            run_backtest(prices(WEDNESDAY), BuyFirst(), rules=[rule])
        assert str(error.value) == message


def test_daily_bars_have_no_close_to_leave_before():
    days = pd.to_datetime(["2024-11-26", "2024-11-27", "2024-11-29"])
    for options in ({}, {"bar_time": "16:00 America/New_York"}):
        with pytest.raises(InvalidRuleError, match="each session of the prices has one bar alone"):
            run_backtest(
                prices(days), BuyFirst(), rules=[SessionExit(minutes=5)], config=XNYS, **options
            )


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, "SessionExit needs exactly one of minutes, bars; had none"),
        (
            {"minutes": 5, "bars": 1},
            "SessionExit needs exactly one of minutes, bars; had minutes and bars",
        ),
        ({"minutes": -1}, "SessionExit: minutes must be at least 0 and finite, was -1.0"),
        ({"bars": 1.5}, "SessionExit: bars must be a whole number of bars, was 1.5"),
    ],
)
def test_what_is_no_session_exit(given, told):
    with pytest.raises(InvalidRuleError) as error:
        SessionExit(**given)
    assert str(error.value) == told


def test_a_calendar_goes_with_settings():
    times_given = Sessions(
        open="09:30", close="16:00", tz=NEW_YORK, early_closes={"2024-11-29": "13:00"}
    )
    config = BacktestConfig(calendar=times_given)
    assert pickle.loads(pickle.dumps(config)) == config
    named = run_backtest(
        prices(WEDNESDAY, FRIDAY), BuyFirst(), rules=[SessionExit(minutes=5)], config=XNYS
    )
    given = run_backtest(
        prices(WEDNESDAY, FRIDAY), BuyFirst(), rules=[SessionExit(minutes=5)], config=config
    )
    pd.testing.assert_frame_equal(named.fills, given.fills)


def test_data_that_end_before_the_calendar_are_no_error_and_after_it_are_one():
    table = Sessions(table=[("2024-11-27", "2024-11-27T14:30Z", "2024-11-27T21:00Z")])
    config = BacktestConfig(calendar=table)
    assert isinstance(MarketData.from_tables(prices(WEDNESDAY)), MarketData)
    run_backtest(prices(WEDNESDAY), BuyFirst(), config=config)
    with pytest.raises(
        ValueError, match="the calendar of the run ends with the session 2024-11-27"
    ):
        run_backtest(prices(WEDNESDAY, FRIDAY), BuyFirst(), config=config)
