"""Signals, features and context join as of time: what was known at each bar and no more."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml4t.backtest import MarketData
from ml4t.backtest.data import DataError, DataWarning, LookAheadError, Table, market_data


def at(*hours):
    return pd.to_datetime([f"2024-01-02 {hour}" for hour in hours], utc=True)


def one_asset(*hours):
    return pd.DataFrame({"timestamp": at(*hours), "close": 1.0})


def score(rows, **table):
    frame = pd.DataFrame(rows, columns=["available_at", "date", "score"])
    frame = frame.assign(
        available_at=at(*frame["available_at"]), date=pd.to_datetime(frame["date"], utc=True)
    )
    return Table(frame, **table) if table else frame


def test_the_last_value_published_up_to_the_bar():
    signal = pd.DataFrame({"timestamp": at("10:00", "11:00", "12:30"), "score": [1.0, 2.0, 3.0]})
    data = market_data(one_asset("09:59", "10:00", "10:30", "12:00", "13:00"), signals=signal)
    np.testing.assert_array_equal(data.features["score"], [np.nan, 1, 1, 2, 3])
    assert data.signal_names == ("score",)


def test_values_are_per_asset(bars):
    signal = pd.DataFrame(
        {
            "timestamp": pd.to_datetime(["2024-01-02 20:00", "2024-01-03 20:00"], utc=True),
            "asset": ["BBB", "AAA"],
            "score": [7.0, 8.0],
        }
    )
    data = market_data(bars, signals=signal)
    np.testing.assert_array_equal(data.features["score"], [np.nan, 7, 8, 8, 7])


def test_a_missing_value_is_a_value_of_a_signal():
    signal = pd.DataFrame({"timestamp": at("10:00", "11:00"), "score": [1.0, np.nan]})
    data = market_data(one_asset("10:00", "11:00", "12:00"), signals=signal)
    np.testing.assert_array_equal(data.features["score"], [1, np.nan, np.nan])


def test_a_missing_value_is_no_value_of_the_context():
    context = pd.DataFrame(
        {"timestamp": at("10:00", "11:00"), "vix": [13.0, np.nan], "rate": [np.nan, 2.0]}
    )
    data = market_data(one_asset("10:00", "11:00", "12:00"), context=context)
    np.testing.assert_array_equal(data.context["vix"], [13, 13, 13])
    np.testing.assert_array_equal(data.context["rate"], [np.nan, 2, 2])


def test_a_context_without_any_value_is_unknown():
    context = pd.DataFrame({"timestamp": at("10:00"), "vix": [np.nan]})
    data = market_data(one_asset("10:00", "11:00"), context=context)
    np.testing.assert_array_equal(data.context["vix"], [np.nan, np.nan])


def test_a_restated_value_replaces_the_old_one_from_its_publication_on():
    signal = score([("10:00", "2024-01-01", 1.0), ("12:00", "2024-01-01", 1.5)])
    data = market_data(one_asset("11:00", "12:00"), signals=signal)
    assert list(data.features["score"]) == [1.0, 1.5]


def test_an_old_value_published_late_hides_nothing_newer():
    signal = score([("10:00", "2024-01-01", 2.0), ("12:00", "2023-12-31", 1.0)])
    data = market_data(one_asset("11:00", "12:00"), signals=signal)
    assert list(data.features["score"]) == [2.0, 2.0]


def test_of_values_published_together_the_newest_counts():
    signal = score([("10:00", "2024-01-01", 2.0), ("10:00", "2023-12-31", 1.0)])
    assert list(market_data(one_asset("11:00"), signals=signal).features["score"]) == [2.0]


def test_rows_in_any_order_join_alike(bars):
    rng = np.random.default_rng(3)
    signal = pd.DataFrame(
        {
            "timestamp": pd.to_datetime("2024-01-01", utc=True)
            + pd.to_timedelta(rng.permutation(100), "h"),
            "asset": rng.choice(["AAA", "BBB"], 100),
            "score": rng.normal(size=100),
        }
    )
    expected = market_data(bars, signals=signal.sort_values("timestamp")).features["score"]
    assert not np.isnan(expected).any()
    for shuffled in (signal, signal.sort_values(["asset", "timestamp"])):
        np.testing.assert_array_equal(
            market_data(bars, signals=shuffled).features["score"], expected
        )


@pytest.mark.parametrize(
    ("timing", "expected"),
    [
        ("strict", [1, 1, 2]),
        ("next_bar", [np.nan, 1, 1]),
        ("lag=0", [1, 1, 2]),
        ("lag=2", [np.nan, np.nan, 1]),
    ],
)
def test_timing(timing, expected):
    rows = {"timestamp": at("10:00", "12:00"), "score": [1.0, 2.0]}
    prices = one_asset("10:00", "11:00", "12:00")
    signal, context = pd.DataFrame(rows), pd.DataFrame(rows).rename(columns={"score": "vix"})
    data = market_data(
        prices, signals=Table(signal, timing=timing), context=Table(context, timing=timing)
    )
    np.testing.assert_array_equal(data.features["score"], expected)
    np.testing.assert_array_equal(data.context["vix"], expected)


def test_next_bar_is_the_next_row_of_the_asset(bars):
    # BBB has no row on the 3rd: what it could have known on the 2nd is seen on the 4th.
    signal = pd.DataFrame(
        {
            "timestamp": pd.to_datetime(["2024-01-02"] * 2, utc=True),
            "asset": ["AAA", "BBB"],
            "score": [1.0, 2.0],
        }
    )
    data = market_data(bars, signals=Table(signal, timing="next_bar"))
    np.testing.assert_array_equal(data.features["score"], [np.nan, np.nan, 1, 1, 2])


@pytest.mark.parametrize(
    ("lag", "expected"),
    [
        ("30min", [np.nan, 1, 1]),
        ("1h", [np.nan, 1, 1]),
        ("61min", [np.nan, np.nan, 1]),
        ("1h 30min", [np.nan, np.nan, 1]),
        (pd.Timedelta("1h"), [np.nan, 1, 1]),
    ],
)
def test_available_after(lag, expected):
    signal = pd.DataFrame({"timestamp": at("10:00"), "score": [1.0]})
    data = market_data(
        one_asset("10:00", "11:00", "12:00"), signals=Table(signal, available_after=lag)
    )
    np.testing.assert_array_equal(data.features["score"], expected)


def test_days_after_a_date_are_calendar_days():
    # The clocks go forward on the 10th: 24 hours after 16:00 of the 9th is 17:00 of the 10th.
    prices = pd.DataFrame({"date": pd.to_datetime(["2024-03-09", "2024-03-10"]), "close": 1.0})
    signal = pd.DataFrame({"date": pd.to_datetime(["2024-03-09"]), "score": [1.0]})
    data = market_data(
        prices, signals=Table(signal, available_after="1d"), bar_time="16:00 America/New_York"
    )
    np.testing.assert_array_equal(data.features["score"], [np.nan, 1.0])


def test_a_value_older_than_its_maximum_age_is_unknown():
    signal = pd.DataFrame({"timestamp": at("10:00"), "score": [1.0]})
    context = signal.rename(columns={"score": "vix"})
    data = market_data(
        one_asset("10:30", "11:00", "11:01"),
        signals=Table(signal, max_age="1h"),
        context=Table(context, max_age="1h"),
    )
    np.testing.assert_array_equal(data.features["score"], [1, 1, np.nan])
    np.testing.assert_array_equal(data.context["vix"], [1, 1, np.nan])


def test_age_is_judged_at_the_bar_that_sees_the_value():
    signal = pd.DataFrame({"timestamp": at("10:00"), "score": [1.0]})
    data = market_data(
        one_asset("10:00", "12:00"), signals=Table(signal, max_age="1h", timing="next_bar")
    )
    np.testing.assert_array_equal(data.features["score"], [np.nan, np.nan])


@pytest.mark.parametrize("room", ["signals", "features", "context"])
def test_a_value_published_before_its_own_time_is_refused(room):
    table = score([("10:00", "2024-01-03", 1.0), ("11:00", "2024-01-01", 1.0)])
    prices = one_asset("11:00")
    with pytest.raises(
        LookAheadError,
        match=r"available_at of score is before the value's own time in 1 row, by up to 0 days 14:00:00: \(2024-01-03",
    ):
        market_data(prices, **{room: table})
    for options in (
        {room: table, "on_violation": "warn"},
        {room: Table(table, on_violation="warn")},
    ):
        for door in (market_data, MarketData.from_tables):
            with pytest.warns(DataWarning, match="before the value's own time") as warned:
                door(prices, **options)
            assert [warning.filename for warning in warned] == [__file__]


def test_a_date_begins_in_its_own_zone():
    # Published at 09:35 New York of its date: before the bar time, not before the date.
    prices = pd.DataFrame({"date": pd.to_datetime(["2024-01-02"]), "close": [1.0]})
    made = pd.to_datetime(["2024-01-02 09:35"]).tz_localize("America/New_York")
    signal = pd.DataFrame({"date": prices["date"], "available_at": made, "score": [1.0]})
    data = market_data(prices, signals=signal, bar_time="16:00 America/New_York")
    assert list(data.features["score"]) == [1.0]


def test_a_price_row_that_carries_what_is_published_later_is_refused(bars):
    frame = bars.assign(score=1.0, available_at=bars["timestamp"])
    assert list(market_data(frame).features) == ["score"]
    frame.loc[1, "available_at"] += pd.Timedelta("5min")
    with pytest.raises(LookAheadError, match=r"in 1 row, by up to 0 days 00:05:00: .*BBB"):
        market_data(frame)
    with pytest.warns(DataWarning, match="is after their bar") as warned:
        market_data(frame, on_violation="warn")
    assert warned[0].filename == __file__


def test_an_unknown_asset_is_refused_and_named(bars):
    signal = pd.DataFrame(
        {"timestamp": bars["timestamp"][:2], "asset": ["AAA", "ZZZ"], "score": [1.0, 2.0]}
    )
    with pytest.raises(
        DataError,
        match=r"signals: 1 row of assets that the prices do not have: \(2024-01-02 21:00:00 UTC, ZZZ\)",
    ):
        market_data(bars, signals=signal)
    data = market_data(bars, signals=signal, assets=["AAA", "BBB", "ZZZ"])
    assert data.n_assets == 3


def test_names_that_are_text_here_and_integers_there(bars):
    prices = bars.assign(asset=[1, 2, 1, 1, 2])
    signal = pd.DataFrame({"timestamp": bars["timestamp"][:1], "asset": ["1"], "score": [1.0]})
    with pytest.raises(DataError, match="text in one table and integers in the other"):
        market_data(prices, signals=signal)


def test_a_repeated_value_is_refused(bars):
    signal = pd.DataFrame(
        {"timestamp": bars["timestamp"][[0, 0]], "asset": "AAA", "score": [1.0, 2.0]}
    )
    with pytest.raises(DataError, match=r"given twice in 1 row: \(2024-01-02 21:00:00 UTC, AAA\)"):
        market_data(bars, signals=signal)
    with pytest.raises(DataError, match=r"given twice in 1 row: \(2024-01-02 21:00:00 UTC\)"):
        market_data(bars, context=signal.drop(columns="asset"))


def test_wide_tables_of_signals(bars):
    wide = pd.DataFrame(
        {"AAA": [1.0, 2.0], "BBB": [3.0, np.nan]},
        index=pd.DatetimeIndex(["2024-01-02", "2024-01-04"], tz="UTC"),
    )
    data = market_data(bars, signals={"score": wide}, features=wide)
    np.testing.assert_array_equal(data.features["score"], [1, 3, 1, 2, np.nan])
    assert data.signal_names == ("score",)
    np.testing.assert_array_equal(data.features["feature"], data.features["score"])
    levels = pd.concat({"score": wide, "rank": wide}, axis=1)
    data = market_data(bars, signals=levels)
    assert list(data.features) == ["score", "rank"]
    with pytest.raises(DataError, match="ZZZ"):
        market_data(bars, signals={"score": wide.assign(ZZZ=1.0)})


def test_several_tables(bars):
    def table(name):
        return pd.DataFrame(
            {"timestamp": bars["timestamp"][:2], "asset": ["AAA", "BBB"], name: [1.0, 2.0]}
        )

    data = market_data(
        bars.assign(own=1.0), signals=["own", table("a")], features={"first": table("b"), "second": Table(table("c"))},
        context=[pd.Series([13.0], bars["timestamp"][:1], name="vix")],
    )  # fmt: skip
    assert list(data.features) == ["own", "a", "b", "c"]
    assert data.signal_names == ("own", "a")
    assert list(data.context) == ["vix"]


def test_columns_are_taken_once(bars):
    table = pd.DataFrame(
        {"timestamp": bars["timestamp"][:2], "asset": ["AAA", "BBB"], "x": [1.0, 2.0]}
    )
    for given_tables in (
        {"signals": table, "features": table},
        {"signals": [table, table]},
        {"signals": table, "context": table[:1].drop(columns="asset")},
        {"prices": bars.assign(x=1.0), "features": table},
    ):
        with pytest.raises(DataError, match="column 'x' is already in another table"):
            market_data(**{"prices": bars, **given_tables})


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (pd.DataFrame({"timestamp": at("10:00"), "asset": ["AAA"]}), "no column of values"),
        (pd.DataFrame({"timestamp": at("10:00"), "score": [1.0]}), "no column of assets"),
        (pd.DataFrame({"asset": ["AAA"], "score": [1.0]}), "no column of times"),
        (
            pd.DataFrame({"timestamp": at("10:00"), "asset": ["AAA"], "score": ["high"]}),
            "column 'score' holds",
        ),
        (pd.DataFrame({"timestamp": at(), "asset": [], "score": []}), "no rows"),
        (
            Table(
                pd.DataFrame({"timestamp": at("10:00"), "asset": ["AAA"], "score": [1.0]}),
                values=["rank"],
            ),
            "no column 'rank'",
        ),
        ("score", "'score' is neither a file nor a column of the price table"),
        (3.0, "must be a pandas"),
    ],
)
def test_a_table_of_signals_that_is_none(bars, table, message):
    with pytest.raises(DataError, match=message):
        market_data(bars, signals=table)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"timing": "later"}, "timing must be"),
        ({"timing": "lag=-1"}, "timing must be"),
        ({"available_after": "-1d"}, "available_after must be a length of time"),
        ({"available_after": pd.Timedelta("-1h")}, "available_after must not be negative"),
        ({"available_after": 5}, "available_after must be a length of time"),
        ({"available_after": "soon"}, "available_after must be a length of time"),
        ({"max_age": "old"}, "max_age must be"),
        ({"on_violation": "ignore"}, "on_violation must be"),
        ({"values": "score"}, "values must be a list"),
    ],
)
def test_options_are_checked_when_given(options, message):
    with pytest.raises(DataError, match=message):
        Table(None, **options)


def test_a_lag_beside_a_publication_time_is_refused():
    with pytest.raises(DataError, match="available_after= must not be given"):
        market_data(
            one_asset("11:00"), signals=score([("10:00", "2024-01-01", 1.0)], available_after="1d")
        )


def test_columns_in_step_with_the_bars_are_not_copied(bars):
    table = pa.Table.from_pandas(bars, preserve_index=False)
    signal = pa.table(
        {"timestamp": table["timestamp"], "asset": table["asset"], "score": table["close"]}
    )
    data = market_data(table, signals=signal)
    assert np.shares_memory(data.features["score"], data.close)


def reference(bars, values, n_bars, max_age):
    """Ten lines: what each bar knows."""
    known = []
    for t, asset in bars:
        published = [v for v in values if v[2] == asset and v[0] <= t]
        known.append(max(published, key=lambda v: (v[1], v[0])) if published else None)
    seen = []
    for row, (t, asset) in enumerate(bars):
        own_rows = [r for r in range(row + 1) if bars[r][1] == asset]
        value = known[own_rows[-1 - n_bars]] if len(own_rows) > n_bars else None
        seen.append(np.nan if value is None or t - value[0] > max_age else value[3])
    return seen


SMALL = st.integers(0, 12)


@settings(max_examples=400, deadline=None)
@given(
    bars=st.sets(st.tuples(SMALL, st.integers(0, 2)), min_size=1, max_size=20),
    values=st.lists(st.tuples(SMALL, SMALL, st.integers(0, 2)), max_size=20, unique=True),
    n_bars=st.integers(0, 2),
    max_age=st.integers(1, 13),
)
def test_the_join_is_the_reference(bars, values, n_bars, max_age):
    # (published, own time, asset): own times are moved to before every publication.
    bars = sorted(bars)
    values = [(*value, float(number)) for number, value in enumerate(values)] or [(0, 0, 0, 1.0)]
    second = pd.Timestamp("2024-01-01", tz="UTC")
    prices = pd.DataFrame(
        {
            "timestamp": [second + pd.Timedelta(t, "s") for t, _ in bars],
            "asset": [f"A{a}" for _, a in bars],
            "close": 1.0,
        }
    )
    signal = pd.DataFrame(
        {
            "available_at": [second + pd.Timedelta(v[0], "s") for v in values],
            "timestamp": [second + pd.Timedelta(v[1] - 100, "s") for v in values],
            "asset": [f"A{v[2]}" for v in values],
            "score": [v[3] for v in values],
        }
    )
    table = Table(signal, timing=f"lag={n_bars}", max_age=pd.Timedelta(max_age, "s"))
    if min(v[0] for v in values) > bars[-1][0]:
        with pytest.raises(DataError, match="published after the last bar"):
            market_data(prices, signals=table, assets=["A0", "A1", "A2"])
        return
    data = market_data(prices, signals=table, assets=["A0", "A1", "A2"])
    np.testing.assert_array_equal(data.features["score"], reference(bars, values, n_bars, max_age))
