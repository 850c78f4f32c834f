"""Daily rows at midnight of their own zone are dates, however they are written and handed over."""

import datetime
import re

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ml4t.backtest.data import DataError, DataFeed, MarketData, Table, market_data, validate

CLOSE = {"bar_time": "16:00 America/New_York"}
# Clocks change on Sunday, 10 March: midnight is at 05:00 UTC before and at 04:00 after.
DAYS = pd.bdate_range("2024-03-06", "2024-03-13")
NEW_YORK = DAYS.tz_localize("America/New_York")
CLOSES = np.array([100.0, 101.0, 102.0, 103.0, 104.0, 105.0])
COMPLETE = (DAYS + pd.Timedelta("16h")).tz_localize("America/New_York").as_unit("ns").asi8

TIMES = {
    "dates": [day.date() for day in DAYS],
    "naive midnights": DAYS,
    "a zone": NEW_YORK,
    "midnights of UTC": DAYS.tz_localize("UTC"),
    "objects of two offsets": pd.Series(
        [
            day.to_pydatetime().replace(tzinfo=datetime.timezone(day.utcoffset()))
            for day in NEW_YORK
        ],
        dtype=object,
    ),
    "text of dates": [str(day.date()) for day in DAYS],
    "text of two offsets": [str(day) for day in NEW_YORK],
    "text of one offset": [f"{day.date()}T00:00:00-05:00" for day in DAYS],
    "text of UTC": [f"{day.date()}T00:00:00Z" for day in DAYS],
}


def as_frame(times):
    return pd.DataFrame({"date": times, "close": CLOSES})


FORMS = {
    "frame": lambda times, folder: as_frame(times),
    "index": lambda times, folder: as_frame(times).set_index("date"),
    "levels": lambda times, folder: as_frame(times).assign(asset="A").set_index(["date", "asset"]),
    "categories": lambda times, folder: as_frame(times).astype({"date": "category"}),
    "series": lambda times, folder: pd.Series(CLOSES, pd.Index(times, name="date"), name="close"),
    "wide": lambda times, folder: as_frame(times).rename(columns={"close": "A"}),
    "two levels": lambda times, folder: pd.DataFrame(
        {("close", "A"): CLOSES}, index=pd.Index(times, name="date")
    ),
    "mapping": lambda times, folder: {"A": as_frame(times)},
    "arrow": lambda times, folder: pa.Table.from_pandas(as_frame(times)),
    "polars": lambda times, folder: pl.from_pandas(as_frame(times)),
    "csv": lambda times, folder: written(as_frame(times), folder / "prices.csv"),
    "read_csv": lambda times, folder: pd.read_csv(written(as_frame(times), folder / "prices.csv")),
    "parquet": lambda times, folder: written(as_frame(times), folder / "prices.parquet"),
}
# Arrow types such objects by the first of them, before we see them.
BY_OTHERS = {("objects of two offsets", form) for form in ("arrow", "polars", "parquet")}


def written(frame, path):
    if path.suffix == ".csv":
        frame.to_csv(path, index=False)
    else:
        frame.to_parquet(path)
    return path


@pytest.mark.parametrize(
    ("times", "form"),
    [(times, form) for times in TIMES for form in FORMS if (times, form) not in BY_OTHERS],
)
def test_the_same_days_are_the_same_dates(times, form, tmp_path):
    data = market_data(FORMS[form](TIMES[times], tmp_path), **CLOSE)
    assert data.info["times"] == "date"
    np.testing.assert_array_equal(data.timestamps, COMPLETE)
    np.testing.assert_array_equal(data.close, CLOSES)


@pytest.mark.parametrize("times", ["dates", "naive midnights", "a zone", "midnights of UTC"])
def test_a_feed_takes_them_for_dates_too(times, tmp_path):
    feed = DataFeed.from_parquet(
        written(as_frame(TIMES[times]), tmp_path / "p.parquet"), chunk=2, **CLOSE
    )
    seen = np.unique(np.concatenate([chunk.timestamps for chunk in feed]))
    np.testing.assert_array_equal(seen, COMPLETE)


@pytest.mark.parametrize("form", ["frame", "csv"])
def test_a_close_of_the_day_is_not_seen_before_it(form, tmp_path):
    hours = [day + pd.Timedelta(hours=hour) for day in NEW_YORK for hour in (10, 13, 16)]
    prices = pd.DataFrame({"timestamp": hours, "close": np.linspace(100, 101, len(hours))})
    scores = pd.DataFrame({"date": NEW_YORK, "score": DAYS.day.astype(float)})
    table = scores if form == "frame" else written(scores, tmp_path / "scores.csv")
    data = market_data(prices, signals=table, **CLOSE)
    np.testing.assert_array_equal(data.features["score"][:9], [np.nan, np.nan, 6, 6, 6, 7, 7, 7, 8])


def test_midnights_of_a_zone_whose_day_begins_at_one():
    # Sao Paulo put its clocks on at midnight of 4 November 2018: that day begins at 01:00.
    days = pd.date_range("2018-11-02", "2018-11-06")
    begins = days.tz_localize("America/Sao_Paulo", nonexistent="shift_forward")
    assert begins[2].hour == 1
    data = market_data(
        pd.DataFrame({"date": begins, "close": 1.0}), bar_time="17:00 America/Sao_Paulo"
    )
    complete = (days + pd.Timedelta("17h")).tz_localize("America/Sao_Paulo")
    np.testing.assert_array_equal(data.timestamps, complete.as_unit("ns").asi8)


# ---- exchanges ---------------------------------------------------------------------------------

TOKYO = DAYS.tz_localize("Asia/Tokyo")
BY_ASSET = {"bar_time": {"US": "16:00 America/New_York", "JP": "15:00 Asia/Tokyo"}}


def exchanges(form):
    if form == "mapping":
        return {"US": as_frame(NEW_YORK), "JP": as_frame(TOKYO)}
    if form == "dates":
        return {"US": as_frame(DAYS), "JP": as_frame(DAYS)}
    both = pd.DataFrame(
        {
            "date": pd.Series([*NEW_YORK, *TOKYO], dtype=object),
            "asset": ["US"] * 6 + ["JP"] * 6,
            "close": np.tile(CLOSES, 2),
        }
    )
    return both if form == "objects" else both.assign(date=both["date"].astype(str))


@pytest.mark.parametrize("form", ["mapping", "dates", "objects", "text"])
def test_assets_of_several_exchanges_have_each_their_dates(form):
    data = market_data(exchanges(form), **BY_ASSET)
    assert data.info["times"] == "date"
    # Tokyo closes at 06:00 UTC, New York at 21:00, and at 20:00 once its clocks have changed.
    tokyo = (DAYS + pd.Timedelta("6h")).as_unit("ns").asi8
    times = np.repeat(data.timestamps, np.diff(data.offsets))
    names = np.array(data.assets)[data.asset_codes]
    np.testing.assert_array_equal(times[names == "JP"], tokyo)
    np.testing.assert_array_equal(times[names == "US"], COMPLETE)


def test_a_value_of_one_exchange_is_seen_when_that_closes():
    scores = exchanges("text").rename(columns={"close": "score"})
    data = market_data(exchanges("mapping"), signals=scores, **BY_ASSET)
    # Each asset's value of a day at its bar of that day: neither a day late nor early.
    np.testing.assert_array_equal(data.features["score"], data.close)


@pytest.mark.parametrize(
    ("bar_time", "message"),
    [
        ({"US": "16:00"}, "bar_time= says nothing of JP"),
        (
            {**BY_ASSET["bar_time"], "DE": "17:30"},
            "bar_time= names 'DE', which the prices do not have",
        ),
        ({}, "bar_time names no asset"),
        ({"US": "4pm", "JP": "15:00"}, "bar_time must read like"),
    ],
)
def test_a_time_for_each_asset_and_no_other(bar_time, message):
    with pytest.raises(DataError, match=message):
        market_data(exchanges("mapping"), bar_time=bar_time)


def test_a_table_without_assets_needs_a_time_of_its_own():
    vix = pd.DataFrame({"date": DAYS, "vix": np.arange(6.0)})
    with pytest.raises(
        DataError, match=r"context: bar_time= goes by asset.*Table\(\.\.\., bar_time="
    ):
        market_data(exchanges("mapping"), context=vix, **BY_ASSET)
    report = validate(exchanges("mapping"), context=vix, **BY_ASSET)
    assert [finding.check for finding in report.errors] == ["unreadable"]
    own = Table(vix, bar_time="16:15 America/New_York")  # as the message says
    data = market_data(exchanges("mapping"), context=own, **BY_ASSET)
    # Of 6 March it is known after both closes of that day, at Tokyo's close of the 7th first.
    np.testing.assert_array_equal(data.context["vix"][:4], [np.nan, np.nan, 0.0, 0.0])


def test_tables_of_assets_that_disagree_are_refused():
    hours = as_frame(TOKYO + pd.Timedelta("9h"))
    with pytest.raises(
        DataError, match=r"prices\['US'\] has only dates, prices\['JP'\] times with a zone"
    ):
        market_data({"US": as_frame(DAYS), "JP": hours})
    dates = as_frame([day.date() for day in DAYS])
    with pytest.raises(
        DataError, match=r"prices\['US'\] has only dates, prices\['JP'\] times of day"
    ):
        market_data({"US": dates, "JP": as_frame(DAYS + pd.Timedelta("9h"))})
    data = market_data({"US": as_frame(NEW_YORK + pd.Timedelta("16h")), "JP": hours})
    assert data.info["times"] == "aware"
    assert data.timestamps[0] == pd.Timestamp("2024-03-06 00:00", tz="UTC").value


# ---- strays ------------------------------------------------------------------------------------

LIVE = pd.Timestamp("2024-03-13 11:32:05")
STRAYS = {
    "naive": [*DAYS[:-1], LIVE],
    "a zone": [*NEW_YORK[:-1], LIVE.tz_localize("America/New_York")],
    "UTC": [*DAYS[:-1].tz_localize("UTC"), LIVE.tz_localize("UTC")],
    "Python dates": pd.Series([*(d.date() for d in DAYS[:-1]), LIVE.to_pydatetime()], dtype=object),
    "text": [*(str(day.date()) for day in DAYS[:-1]), str(LIVE)],
    "text of offsets": [*map(str, NEW_YORK[:-1]), "2024-03-13 11:32:05-04:00"],
}


@pytest.mark.parametrize("form", ["frame", "index", "levels", "mapping", "csv"])
@pytest.mark.parametrize("times", STRAYS)
def test_one_live_row_among_dates_is_refused(times, form, tmp_path):
    table = FORMS[form](STRAYS[times], tmp_path)
    with pytest.raises(
        DataError,
        match=r"prices.* midnights, as dates have, in 5 rows, and times of day in 1 row: 2024-03-13 11:32:05",
    ):
        market_data(table, **CLOSE, timezone="America/New_York")
    report = validate(table, **CLOSE, timezone="America/New_York")
    assert not report.ok


def test_leaving_the_open_bar_out_works_as_the_message_says():
    table = as_frame(STRAYS["naive"])
    closed = table[table["date"] == table["date"].dt.normalize()]
    data = market_data(closed, **CLOSE)
    np.testing.assert_array_equal(data.timestamps, COMPLETE[:-1])


def test_a_live_row_in_a_file_is_refused_by_a_feed(tmp_path):
    path = written(as_frame(STRAYS["naive"]), tmp_path / "p.parquet")
    with pytest.raises(DataError, match="midnights, as dates have, in 5 rows"):
        DataFeed.from_parquet(path, **CLOSE, timezone="America/New_York")
    scores = as_frame(STRAYS["a zone"]).rename(columns={"close": "score"})
    prices = written(as_frame(NEW_YORK), tmp_path / "q.parquet")
    pq.write_table(pa.Table.from_pandas(scores), tmp_path / "s.parquet")
    with pytest.raises(DataError, match="signals has midnights"):
        DataFeed.from_parquet(prices, signals=tmp_path / "s.parquet", **CLOSE)


def test_without_a_time_for_dates_a_live_row_moves_nothing_and_is_told_of():
    # Midnights stand for midnight UTC then, whether they are dates or not.
    table = as_frame(STRAYS["naive"])
    assert market_data(table).timestamps[0] == DAYS.as_unit("ns").asi8[0]
    assert [finding.check for finding in validate(table).findings] == ["stray_time"]


@pytest.mark.parametrize("hours", [1, 4, 8, 12])
def test_bars_of_the_day_round_the_clock_are_no_strays(hours):
    times = pd.date_range("2024-03-04", "2024-03-06", freq=f"{hours}h")
    dates = pd.DataFrame({"date": [datetime.date(2024, 3, 4)], "vix": 1.0})
    data = market_data(
        pd.DataFrame({"timestamp": times, "close": 1.0}), context=dates, bar_time="16:00"
    )
    assert data.info["times"] == "naive"


def test_python_dates_beside_a_datetime_keep_its_time():
    times = pd.Series(
        [
            datetime.date(2024, 3, 6),
            datetime.datetime(2024, 3, 6, 11, 30),
            datetime.datetime(2024, 3, 7, 15),
        ],
        dtype=object,
    )
    data = MarketData.from_tables(pd.DataFrame({"date": times, "close": 1.0}))
    expected = pd.DatetimeIndex(["2024-03-06 00:00", "2024-03-06 11:30", "2024-03-07 15:00"])
    np.testing.assert_array_equal(data.timestamps, expected.as_unit("ns").asi8)


WRITTEN = {
    "%Y%m%d": "2024-01-02",
    "%Y/%m/%d": "2024-01-02",
    "%Y.%m.%d": "2024-01-02",
    "%Y.%m.%d %H:%M": "2024-01-02 16:00",
    "%Y/%m/%d %H:%M:%S": "2024-01-02 16:00",
    "%m/%d/%Y": "2024-01-02",
    "%d %b %Y": "2024-01-02",
    "%b %d, %Y": "2024-01-02",
    "%a %d %B %Y %H:%M": "2024-01-02 16:00",
}


@pytest.mark.parametrize("written", WRITTEN)
@pytest.mark.parametrize("form", ["frame", "Polars", "Arrow", "Parquet", "index", "categories"])
def test_text_that_is_not_iso_is_read_as_the_message_says(written, form, tmp_path):
    times = pd.Series(pd.date_range(WRITTEN[written], periods=25, freq="D"))
    frame = pd.DataFrame({"date": times.dt.strftime(written), "close": 100.0})
    given = {
        "frame": lambda: frame,
        "Polars": lambda: pl.from_pandas(frame),
        "Arrow": lambda: pa.Table.from_pandas(frame),
        "Parquet": lambda: frame.to_parquet(tmp_path / "a.parquet") or tmp_path / "a.parquet",
        "index": lambda: frame.set_index("date"),
        "categories": lambda: frame.assign(date=frame["date"].astype("category")),
    }[form]()
    with pytest.raises(DataError, match=r"column 'date' holds '.*', must hold ISO 8601") as error:
        market_data(given)
    call = re.search(r"read them with (pandas\.to_datetime\(column.*?\))", str(error.value))[1]
    read = eval(call, {"pandas": pd, "column": frame["date"]})
    data = market_data(frame.assign(date=read))
    assert list(data.timestamps) == [time.value for time in times.dt.as_unit("ns")]


def test_one_cell_that_is_no_time_is_named():
    frame = pd.DataFrame({"date": [f"2024-01-{day:02}" for day in range(1, 31)], "close": 100.0})
    frame.loc[17, "date"] = "soon"
    with pytest.raises(
        DataError, match=r"holds 'soon', must .*; correct them, or leave the rows out"
    ):
        market_data(frame)
