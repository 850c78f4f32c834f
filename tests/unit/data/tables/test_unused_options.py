"""An option that nothing uses was meant for something else, and is refused."""

import pandas as pd
import pytest

from ml4t.backtest import DataFeed
from ml4t.backtest.data import (
    DataError,
    PrecomputedFeatureProvider,
    Table,
    market_data,
    validate,
)


def wide(bars):
    return bars.pivot(index="timestamp", columns="asset", values="close")  # noqa: PD010


def levels(bars):
    return bars.set_index(["timestamp", "asset"]).unstack("asset")  # noqa: PD010


def test_columns_that_are_assets_have_no_roles(bars):
    scores = Table(wide(bars), columns={"available_at": "AAA"})
    with pytest.raises(DataError, match="names 'AAA' as available_at, but the columns are assets"):
        market_data(bars, signals=scores)
    with pytest.raises(DataError, match="names 'AAA' as close, but the columns are assets"):
        market_data({"close": wide(bars)}, columns={"close": "AAA"})


def test_the_time_and_asset_levels_may_be_named(bars):
    frame = levels(bars.rename(columns={"timestamp": "when", "asset": "which"}).rename(
        columns={"when": "timestamp", "which": "asset"}
    )).rename_axis(index="when", columns=["field", "which"])  # fmt: skip
    data = market_data(frame, columns={"timestamp": "when", "asset": "which"})
    assert data.n_rows == 5
    with pytest.raises(DataError, match="names 'then' as timestamp, which is not among"):
        market_data(frame, columns={"timestamp": "then"})


def test_values_of_a_table_with_a_column_per_asset(bars):
    with pytest.raises(
        DataError, match="values= does not apply to a table with a column per asset"
    ):
        market_data(bars, signals=Table(wide(bars), values=["AAA"]))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"bar_time": "16:00"}, "bar_time= is the time of day of dates, but no table has dates"),
        (
            {"bar_time": {"AAA": "16:00", "BBB": "15:00 Asia/Tokyo"}},
            "bar_time= is the time of day of dates, but no table has dates",
        ),
        (
            {"timezone": "Asia/Tokyo"},
            "timezone= is the zone of times that name none, but all times",
        ),
    ],
)
def test_options_about_times_that_no_table_has(bars, options, message, tmp_path):
    bars["timestamp"] = bars["timestamp"].dt.tz_convert("America/New_York")
    bars.to_parquet(tmp_path / "prices.parquet")
    for given in (bars, levels(bars), wide(bars), {"close": wide(bars)}):
        for read in (market_data, validate):
            with pytest.raises(DataError, match=message):
                read(given, **options)
    with pytest.raises(DataError, match=message):
        DataFeed.from_parquet(tmp_path / "prices.parquet", **options)
    with pytest.raises(DataError, match=message):
        PrecomputedFeatureProvider(bars, **options)


def test_of_a_table_that_cannot_be_read_nobody_knows_what_it_has_a_use_for(bars):
    days = bars.assign(timestamp=["2024-01-02", "no day", "x", "y", "z"])
    report = validate(bars, signals=days, bar_time="16:00 UTC")
    assert [finding.check for finding in report.errors] == ["unreadable"]


def test_a_timezone_of_times_in_utc_says_whose_days_sessions_are(bars, tmp_path):
    bars.to_parquet(tmp_path / "prices.parquet")
    data = market_data(bars, timezone="Asia/Tokyo")
    (chunk,) = DataFeed.from_parquet(tmp_path / "prices.parquet", timezone="Asia/Tokyo")
    assert data.info["zone"] == chunk.info["zone"] == "Asia/Tokyo"
    assert list(data.timestamps) == list(market_data(bars).timestamps)
    # Features alone have no sessions.
    with pytest.raises(DataError, match="timezone= is the zone of times that name none"):
        PrecomputedFeatureProvider(bars, timezone="Asia/Tokyo")


def test_a_unit_of_numbers_where_no_times_are_numbers(bars, tmp_path):
    bars.to_parquet(tmp_path / "prices.parquet")
    scores = bars[["timestamp", "asset", "close"]].rename(columns={"close": "score"})
    seconds = scores["timestamp"].dt.as_unit("s").astype("int64")
    numbers = scores.assign(timestamp=seconds)
    for read, prices in ((market_data, bars), (DataFeed.from_parquet, tmp_path / "prices.parquet")):
        with pytest.raises(DataError, match=r"time_unit= says what .* no table has such times"):
            read(prices, signals=scores, time_unit="s")
        with pytest.raises(
            DataError, match=r"signals: time_unit= says what .* the table has no such times"
        ):
            read(prices, signals=Table(scores, time_unit="s"))
        read(prices, signals=numbers, time_unit="s")
        read(prices, signals=Table(numbers, time_unit="s"))


def test_a_bar_time_beside_dates_that_are_starts_says_their_zone_alone(bars):
    days = bars.assign(timestamp=bars["timestamp"].dt.tz_localize(None).dt.normalize())
    starts = {"stamps": "start", "bar_length": "1d"}
    # The day of 2 January ends at midnight in New York, five hours after that of UTC.
    data = market_data(days, **starts, bar_time="16:00 America/New_York")
    assert data.timestamps[0] == pd.Timestamp("2024-01-03 05:00").value
    with pytest.raises(DataError, match="bar_time= is the time of day of dates, but no table has"):
        market_data(days, **starts, bar_time="16:00")


def test_a_bar_time_by_asset_of_one_table_speaks_of_just_the_assets_of_the_run(bars, tmp_path):
    bars.to_parquet(tmp_path / "prices.parquet")
    dates = pd.DataFrame({"date": [pd.Timestamp("2024-01-02").date()], "asset": "BBB", "x": 1.0})
    for read, prices in ((market_data, bars), (DataFeed.from_parquet, tmp_path / "prices.parquet")):
        with pytest.raises(DataError, match="signals: bar_time= says nothing of BBB"):
            read(prices, signals=Table(dates, bar_time={"AAA": "16:00 America/New_York"}))


def test_a_bar_time_of_a_table_without_dates(bars, tmp_path):
    scores = Table(
        bars[["timestamp", "asset", "close"]].rename(columns={"close": "score"}), bar_time="16:00"
    )
    bars.to_parquet(tmp_path / "prices.parquet")
    for read, prices in ((market_data, bars), (DataFeed.from_parquet, tmp_path / "prices.parquet")):
        with pytest.raises(
            DataError, match="signals: bar_time= is the time of day of dates, but the table has"
        ):
            read(prices, signals=scores)


def test_options_that_one_table_uses_are_used(bars):
    dates = pd.DataFrame({"date": [pd.Timestamp("2024-01-02").date()], "vix": 20.0})
    data = market_data(bars, context=dates, bar_time="16:00 America/New_York")
    assert list(data.context["vix"]) == [20.0, 20.0, 20.0]
    actions = pd.DataFrame(
        {
            "ex_date": [pd.Timestamp("2024-01-03").date()],
            "asset": "AAA",
            "kind": "split",
            "value": 2.0,
        }
    )
    assert market_data(bars, actions=actions, bar_time="16:00 America/New_York").n_actions == 1


def unknown(bars):
    """Values of AAA, and of two assets that have no prices, one row each."""
    names = ["AAA", "YYY", "ZZZ"]
    return pd.DataFrame(
        {"timestamp": bars["timestamp"][0], "asset": names, "score": [1.0, 2.0, 3.0]}
    )


def test_values_of_unknown_assets_are_dropped_where_asked_for(bars, tmp_path):
    actions = pd.DataFrame(
        {
            "time": bars["timestamp"][2:4].array,
            "asset": ["AAA", "ZZZ"],
            "kind": "split",
            "value": [2.0, 3.0],
        }
    )
    bars.to_parquet(tmp_path / "prices.parquet")
    unknown(bars).to_parquet(tmp_path / "scores.parquet")
    given = {"signals": unknown(bars), "actions": actions}
    with pytest.raises(
        DataError, match=r"2 rows of assets that the prices do not have.*on_unknown_assets='drop'"
    ):
        market_data(bars, **given)
    data = market_data(bars, **given, on_unknown_assets="drop")
    assert data.info["unknown_rows"] == {"signals": 2, "actions": 1}
    assert data.n_actions == 1
    assert data.features["score"][0] == 1.0
    files = {"signals": tmp_path / "scores.parquet", "actions": actions}
    (chunk,) = DataFeed.from_parquet(
        tmp_path / "prices.parquet", **files, chunk=10, on_unknown_assets="drop"
    )
    assert chunk.info["unknown_rows"] == {"signals": 2, "actions": 1}
    assert list(chunk.features["score"][[0, 2, 3]]) == list(data.features["score"][[0, 2, 3]])


def test_values_of_unknown_assets_alone_are_not_dropped(bars, tmp_path):
    scores = unknown(bars)[1:]
    bars.to_parquet(tmp_path / "prices.parquet")
    scores.to_parquet(tmp_path / "scores.parquet")
    with pytest.raises(DataError, match="2 rows of assets that the prices do not have"):
        market_data(bars, signals=scores, on_unknown_assets="drop")
    with pytest.raises(DataError, match="2 rows of assets that the prices do not have"):
        DataFeed.from_parquet(
            tmp_path / "prices.parquet",
            signals=tmp_path / "scores.parquet",
            on_unknown_assets="drop",
        )


@pytest.mark.parametrize("option", ["on_unknown_assets", "on_repeated_rows"])
def test_what_rows_do_is_one_of_two_words(bars, option):
    with pytest.raises(DataError, match=f"{option} must be 'raise' or 'drop', was 'ignore'"):
        market_data(bars, **{option: "ignore"})
