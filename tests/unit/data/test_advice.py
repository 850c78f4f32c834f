"""What a message advises is followed: it leads to the prices that were meant, and no value is seen early.

Advice that a room's own tests follow is not repeated here: wide tables, numbers as times, text as times,
periods, live rows among dates, files that are not quite CSV.
"""

import datetime

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from ml4t.backtest import DataFeed
from ml4t.backtest.data import (
    DataError,
    PrecomputedFeatureProvider,
    Table,
    market_data,
    write_dataset,
)

NAN = float("nan")
CLOSES = [10.2, 20.2, 11.2, 12.2, 22.2]
# The score of a row is known at its bar.
SEEN = [0.0, 1.0, 2.0, 3.0, 4.0]
BEFORE = [NAN, NAN, 0.0, 2.0, 1.0]
"""The score of an asset's bar before."""


def scores(bars):
    return bars[["timestamp", "asset"]].assign(score=SEEN)


def dated(bars):
    return bars.assign(timestamp=bars["timestamp"].dt.date)


def naive(bars, column="timestamp"):
    return bars.assign(**{column: bars[column].dt.tz_localize(None)})


def twice(frame):
    return pd.concat([frame, frame[1:2]])


def two_levels(bars):
    return bars.pivot(index="timestamp", columns="asset", values=["close"])  # noqa: PD010


CLOSE_TIME = {"bar_time": "21:00 UTC"}
EARLY = pd.Timedelta("1h")

# What is given, what is said of it, and what is given instead: changes of the arguments before.
PRICES = {
    "a price that is none": (
        lambda b: {"prices": b.assign(close=[*CLOSES[:4], NAN])},
        r"column 'close' is NaN in 1 row.*drop",
        lambda b: {"prices": b[:4]},
    ),
    "backwards": (
        lambda b: {"prices": b[::-1]},
        "sort the table, or pass sort=True",
        lambda b: {"sort": True},
    ),
    "repeated": (
        lambda b: {"prices": twice(b), "sort": True},
        "drop the repeated rows, or pass on_repeated_rows='drop'",
        lambda b: {"on_repeated_rows": "drop"},
    ),
    "text apart": (
        lambda b: {"prices": b.assign(close=["10.2", "x", "11.2", "12.2", "22.2"])},
        "'x' is none; convert or drop it",
        lambda b: {"prices": b.assign(close=list(map(str, CLOSES)))},
    ),
    "one of open, high and low": (
        lambda b: {"prices": b.drop(columns=["open", "low"])},
        "give open, high, low and close, or close alone",
        lambda b: {"prices": b[["timestamp", "asset", "close"]]},
    ),
    "no times": (
        lambda b: {"prices": b.rename(columns={"timestamp": "when"})},
        r"name it with columns=\{'timestamp': ...\}",
        lambda b: {"columns": {"timestamp": "when"}},
    ),
    "two columns of times": (
        lambda b: {"prices": b.assign(datetime=b["timestamp"] - EARLY)},
        r"name one with columns=\{'timestamp': ...\} and drop the others",
        lambda b: {"columns": {"timestamp": "timestamp"}},
    ),
    "a date and a time of day": (
        lambda b: {"prices": b.drop(columns="timestamp").assign(date=b["timestamp"].dt.date, time="21:00")},
        r"frame.assign\(timestamp=pandas.to_datetime\(frame.pop\('date'\).astype\(str\) \+ ' ' \+ frame.pop\('time'\).astype\(str\)\)\)",
        lambda b: {"prices": b.assign(timestamp=pd.to_datetime(b["timestamp"].dt.date.astype(str) + " " + "21:00"))},
    ),
    "a column that is an index as well": (
        lambda b: {"prices": b.set_index("asset", drop=False)},
        "'asset' is both a column and a level of the index; drop one of them",
        lambda b: {"prices": b},
    ),
    "no time in a row": (
        lambda b: {"prices": b.assign(timestamp=[*b["timestamp"][:4], None])},
        "has no time in 1 row; fill or drop them",
        lambda b: {"prices": b[:4]},
    ),
    "no asset in a row": (
        lambda b: {"prices": b.assign(asset=["AAA", "BBB", "AAA", "AAA", None])},
        "names no asset in 1 row; drop or name them",
        lambda b: {"prices": b},
    ),
    "zones in some": (
        lambda b: {"prices": b.assign(timestamp=[str(t)[: 25 if n else 19] for n, t in enumerate(b["timestamp"])])},
        "give all of them a zone, or none",
        lambda b: {"prices": b.assign(timestamp=b["timestamp"].astype(str))},
    ),
    "assets that were not named": (
        lambda b: {"prices": b, "assets": ["AAA"]},
        "name them there, or take their rows out of the table",
        lambda b: {"assets": ["AAA", "BBB"]},
    ),
    "integers in assets=": (
        lambda b: {"prices": b.assign(asset=b["asset"].map({"AAA": "1", "BBB": "2"})), "assets": [1, 2]},
        "assets are text in the table and integers in assets=; name them as the table does",
        lambda b: {"assets": ["1", "2"]},
    ),
    "two assets for a table without a column of them": (
        lambda b: {"prices": b.iloc[[0, 2, 3]].drop(columns="asset"), "assets": ["AAA", "BBB"]},
        "has no column of assets, but assets= names 2; give the column",
        lambda b: {"prices": b},
    ),
    "two levels without an index": (
        lambda b: {"prices": two_levels(b).reset_index()},
        r"set it with frame.set_index\(...\)",
        lambda b: {"prices": two_levels(b).reset_index().set_index("timestamp")},
    ),
    "a bar_time without dates": (
        lambda b: {"prices": b, **CLOSE_TIME},
        "no table has dates; leave it out",
        lambda b: {"bar_time": None},
    ),
    "a bar_time without a zone": (
        lambda b: {"prices": dated(b), "bar_time": "21:00"},
        "bar_time= names no zone.*write bar_time='16:00 America/New_York', say, or 'UTC' where that is meant",
        lambda b: {"bar_time": "21:00 UTC"},
    ),
    "a bar_time of some assets": (
        lambda b: {"prices": dated(b), "bar_time": {"AAA": "21:00 UTC"}},
        "give the time of each asset, or one for all",
        lambda b: CLOSE_TIME,
    ),
    "times that occur twice": (
        lambda b: {"prices": naive(b).assign(timestamp=pd.Timestamp("2024-11-03 01:30")), "timezone": "America/New_York", "sort": True},
        "occurs twice or never in America/New_York.*give times with their zone",
        lambda b: {"prices": b, "timezone": None},
    ),
    "starts of an unknown length": (
        lambda b: {"prices": b.assign(timestamp=b["timestamp"] - EARLY)[3:], "stamps": "start"},
        "cannot be found from one stamp; give it with bar_length=",
        lambda b: {"bar_length": "1h", "prices": b.assign(timestamp=b["timestamp"] - EARLY)},
    ),
    "a delisting": (
        lambda b: {"prices": b, "actions": pd.DataFrame({"date": b["timestamp"][:1], "asset": "BBB", "kind": "delisting", "value": 0.0})},
        "take them out and close the position while the asset has bars",
        lambda b: {"actions": None},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", PRICES)
def test_advice_about_prices(bars, case):
    given, message, instead = PRICES[case]
    with pytest.raises(DataError, match=message):
        market_data(**given(bars))
    data = market_data(**{**given(bars), **instead(bars)})
    assert sorted(data.close) == sorted(CLOSES[: data.n_rows])
    assert data.n_rows in (4, 5)
    assert data.timestamps[0] == bars["timestamp"][0].value


def published(bars, at):
    return scores(bars).assign(available_at=at)


VALUES = {
    "dates beside times": (
        lambda b: {"signals": dated(scores(b))},
        "signals has only dates, prices has times of day: say when the dates are complete, with bar_time=",
        lambda b: CLOSE_TIME, SEEN,
    ),
    "a zone in one table": (
        lambda b: {"signals": naive(scores(b))},
        r"timezone=",
        lambda b: {"timezone": "UTC"}, SEEN,
    ),
    "published before its time": (
        lambda b: {"signals": published(b, b["timestamp"] - EARLY)},
        "correct the times, or pass on_violation='warn'",
        lambda b: {"signals": published(b, b["timestamp"] + EARLY)}, BEFORE,
    ),
    "of one time twice": (
        lambda b: {"signals": twice(scores(b)).sort_values("timestamp")},
        "drop the repeated rows, or give the time of each in a column available_at",
        lambda b: {"signals": twice(scores(b)).assign(available_at=[*b["timestamp"] + EARLY, b["timestamp"][1] + 2 * EARLY])},
        BEFORE,
    ),
    "of assets without prices": (
        lambda b: {"signals": scores(b).assign(asset=["AAA", "BBB", "ZZZ", "AAA", "BBB"])},
        "name the assets in assets=, or pass on_unknown_assets='drop'",
        lambda b: {"assets": ["AAA", "BBB", "ZZZ"]}, [0.0, 1.0, 0.0, 3.0, 4.0],
    ),
    "of assets without prices, dropped": (
        lambda b: {"signals": scores(b).assign(asset=["AAA", "BBB", "ZZZ", "AAA", "BBB"])},
        "pass on_unknown_assets='drop'",
        lambda b: {"on_unknown_assets": "drop"}, [0.0, 1.0, 0.0, 3.0, 4.0],
    ),
    "without assets": (
        lambda b: {"signals": scores(b).drop(columns="asset")},
        "add the column asset",
        lambda b: {"signals": scores(b)}, SEEN,
    ),
    "a name that is taken": (
        lambda b: {"prices": b.assign(score=0.0), "signals": scores(b)},
        "column 'score' is already in another table; rename or leave out one of them",
        lambda b: {"prices": b}, SEEN,
    ),
    "values of columns that are assets": (
        lambda b: {"signals": Table(scores(b).pivot_table("score", "timestamp", "asset"), values=["score"])},
        "values= does not apply to a table with a column per asset; leave it out",
        lambda b: {"signals": {"score": scores(b).pivot_table("score", "timestamp", "asset")}}, SEEN,
    ),
    "a lag of bars in a provider": (
        lambda b: {"features": PrecomputedFeatureProvider(Table(scores(b), timing="next_bar"))},
        "give the table to market_data, or use available_after=",
        lambda b: {"features": Table(scores(b), timing="next_bar")}, BEFORE,
    ),
    "a lag of time in a provider": (
        lambda b: {"features": PrecomputedFeatureProvider(Table(scores(b), timing="next_bar"))},
        "use available_after=",
        lambda b: {"features": PrecomputedFeatureProvider(Table(scores(b), available_after="1h"))}, BEFORE,
    ),
    "dates that are starts, with a bar_time": (
        lambda b: {"signals": Table(dated(scores(b)), stamps="start", bar_time="21:00 UTC")},
        "both say when dates are complete; give one",
        lambda b: {"signals": Table(dated(scores(b)), bar_time="22:00 UTC")}, BEFORE,
    ),
    "dates of a market beside assets of several": (
        lambda b: {"prices": dated(b), "bar_time": {"AAA": "21:00 UTC", "BBB": "21:00 UTC"},
                   "context": dated(b)[["timestamp"]].drop_duplicates().assign(score=[5.0, 6.0, 7.0])},
        "this table has none; give it its own with Table",
        lambda b: {"context": Table(dated(b)[["timestamp"]].drop_duplicates().assign(score=[5.0, 6.0, 7.0]), bar_time="22:00 UTC")},
        [NAN, 5.0, 6.0],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", VALUES)
def test_advice_about_values(bars, case):
    given, message, instead, seen = VALUES[case]
    with pytest.raises(DataError, match=message):
        market_data(**{"prices": bars, **given(bars)})
    kept = {} if "signals" in instead(bars) or "features" in instead(bars) else given(bars)
    data = market_data(**{"prices": bars, **kept, **instead(bars)})
    np.testing.assert_array_equal({**data.features, **data.context}["score"], seen)


# ---- files --------------------------------------------------------------------------------------


def halves(bars, folder, change=lambda frame: frame):
    for name, rows in (("1", bars[:2]), ("2", change(bars[2:]))):
        rows.to_parquet(folder / f"part-{name}.parquet", index=False)
    return folder


FILES = {
    "of two types": (
        lambda b: b.assign(volume=b["volume"].astype(str)),
        "write them with one type",
    ),
    "of two zones": (
        lambda b: b.assign(timestamp=b["timestamp"].dt.tz_convert("Asia/Tokyo")),
        "write all of them in one zone, or give the files of each as tables of their own",
    ),
    "with a zone and without": (naive, "give all of them a zone, or none"),
}


@pytest.mark.parametrize("case", FILES)
def test_advice_about_files_that_do_not_agree(bars, case, tmp_path):
    change, message = FILES[case]
    with pytest.raises(DataError, match=message):
        market_data(halves(bars, tmp_path, change))
    assert list(market_data(halves(bars, tmp_path)).close) == CLOSES


def test_advice_about_a_file_outside_of_the_folders_of_others(bars, tmp_path):
    for asset, rows in bars.groupby("asset"):
        (tmp_path / f"asset={asset}").mkdir()
        rows.drop(columns="asset").to_parquet(tmp_path / f"asset={asset}" / "a.parquet")
    place = tmp_path / "asset=BBB" / "a.parquet"
    place.rename(tmp_path / "b.parquet")
    with pytest.raises(DataError, match=r"b\.parquet stands in no folder asset=.*; move it"):
        market_data(tmp_path)
    (tmp_path / "b.parquet").rename(place)
    assert sorted(market_data(tmp_path).close) == sorted(CLOSES)


def test_advice_about_files_of_two_kinds(bars, tmp_path):
    bars.to_csv(tmp_path / "bars.csv", index=False)
    bars.to_parquet(tmp_path / "bars.parquet", index=False)
    with pytest.raises(
        DataError, match="files of two kinds; give those of one table, by a pattern"
    ):
        market_data(tmp_path)
    assert list(market_data(tmp_path / "*.csv").close) == CLOSES


def test_advice_about_a_csv_file_of_another_name(bars, tmp_path):
    bars.to_csv(tmp_path / "bars.txt", index=False)
    with pytest.raises(DataError, match=r"not called \.csv; rename it if it is one"):
        market_data(tmp_path / "bars.txt")
    (tmp_path / "bars.txt").rename(tmp_path / "bars.csv")
    assert list(market_data(tmp_path / "bars.csv").close) == CLOSES


def test_advice_about_text_files_of_assets_that_are_integers(bars, tmp_path):
    bars.to_csv(tmp_path / "bars.csv", index=False)
    with pytest.raises(DataError, match=r"names assets that are no integers.*name them in one way"):
        market_data(tmp_path / "bars.csv", assets=[7, 9])
    numbered = bars.assign(asset=bars["asset"].map({"AAA": 7, "BBB": 9}))
    numbered.to_csv(tmp_path / "bars.csv", index=False)
    assert market_data(tmp_path / "bars.csv", assets=[9, 7]).assets == (9, 7)


def test_advice_about_text_as_times_that_is_read_in_parts(bars, tmp_path):
    bars.assign(timestamp=bars["timestamp"].astype(str)).to_parquet(tmp_path / "a.parquet")
    with pytest.raises(DataError, match="write the file anew with such a column"):
        DataFeed.from_parquet(tmp_path / "a.parquet")
    bars.to_parquet(tmp_path / "a.parquet")
    (chunk,) = DataFeed.from_parquet(tmp_path / "a.parquet", chunk=10)
    assert list(chunk.close) == CLOSES


def test_advice_about_rows_of_a_feed(bars, tmp_path):
    path = tmp_path / "a.parquet"
    twice(bars)[::-1].to_parquet(path, index=False)
    backwards = "sort the table, or pass sort=True"
    repeated = r"drop the repeated rows, or pass on_repeated_rows='drop' if they say the same"
    for options, message in (({}, backwards), ({"sort": True}, repeated)):
        with pytest.raises(DataError, match=message):
            list(DataFeed.from_parquet(path, chunk=10, **options))
    bars.iloc[[0, 1, 1, 2, 3, 4]].to_parquet(tmp_path / "b.parquet", index=False)
    with pytest.raises(DataError, match=repeated):
        list(DataFeed.from_parquet(tmp_path / "b.parquet", chunk=2))
    (chunk,) = DataFeed.from_parquet(path, chunk=10, sort=True, on_repeated_rows="drop")
    assert list(chunk.close) == CLOSES


def test_advice_about_a_dataset_that_is_there(bars, tmp_path):
    write_dataset({"prices": bars}, tmp_path / "a", quiet=True)
    with pytest.raises(
        DataError, match="already holds prices; choose another folder, or remove them"
    ):
        write_dataset({"prices": bars}, tmp_path / "a", quiet=True)
    write_dataset({"prices": bars}, tmp_path / "b", quiet=True)
    assert list(market_data(tmp_path / "b" / "prices").close) == CLOSES


def test_advice_about_what_joins_to_a_chunk(bars, tmp_path):
    bars.to_parquet(tmp_path / "prices.parquet")
    scores(bars).to_parquet(tmp_path / "scores.parquet")
    chunk = list(DataFeed.from_parquet(tmp_path / "prices.parquet", chunk=3))[-1]
    with pytest.raises(DataError, match="give its tables to the feed"):
        chunk.with_signals(scores(bars))
    feed = DataFeed.from_parquet(
        tmp_path / "prices.parquet", signals=tmp_path / "scores.parquet", chunk=3
    )
    assert [value for c in feed for value in c.features["score"][c.offsets[c.first_t] :]] == SEEN


def test_advice_about_days_of_objects_that_are_not_over(bars):
    days = [*(time.date() for time in bars["timestamp"][:4]), datetime.datetime(2024, 1, 4, 11, 32)]
    given = bars.assign(timestamp=days)
    with pytest.raises(
        DataError, match="leave out days that were not over yet, and give dates alone"
    ):
        market_data(given, **CLOSE_TIME)
    assert list(market_data(given[:4], **CLOSE_TIME).close) == CLOSES[:4]


def test_advice_about_text_that_is_not_utf8(bars):
    spoiled = pa.array([b"\xff\xfe", b"BBB", b"AAA", b"AAA", b"BBB"]).view(pa.string())
    table = pa.Table.from_pandas(bars, preserve_index=False).set_column(1, "asset", spoiled)
    with pytest.raises(DataError, match="write the file anew, as UTF-8"):
        market_data(table)
