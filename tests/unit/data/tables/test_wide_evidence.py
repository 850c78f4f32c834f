"""Columns are assets only where nothing says that they are the fields of one."""

import re

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from ml4t.backtest.data import DataError, market_data

TIMES = pd.date_range("2024-01-02 21:00", periods=3, tz="UTC", name="date")
BARS = [(100.0, 101.0, 99.0, 100.5, 1000), (101.0, 102.0, 100.0, 101.5, 3000)]


def frame(*names, n_rows=2):
    """Open, high, low, close and volume, as many as there are names, called by them."""
    return pd.DataFrame([row[: len(names)] for row in BARS[:n_rows]], TIMES[:n_rows], list(names))


RECOGNISED = {
    "Alpha Vantage": ["1. open", "2. high", "3. low", "4. close", "5. volume"],
    "MetaTrader 5": ["<OPEN>", "<HIGH>", "<LOW>", "<CLOSE>", "<VOL>"],
    "Bloomberg": ["PX_OPEN", "PX_HIGH", "PX_LOW", "PX_LAST", "PX_VOLUME"],
    "qlib": ["$open", "$high", "$low", "$close", "$volume"],
    "letters": ["o", "h", "l", "c", "v"],
}


@pytest.mark.parametrize("vendor", RECOGNISED)
def test_names_of_vendors_are_recognised_and_told(vendor):
    names = RECOGNISED[vendor]
    data = market_data(frame(*names))
    assert data.assets == ("asset",)
    assert list(data.high) == [101.0, 102.0]
    assert list(data.close) == [100.5, 101.5]
    assert list(data.volume) == [1000.0, 3000.0]
    roles = dict(zip(("open", "high", "low", "close", "volume"), names, strict=True))
    assert {r: data.info["columns"][r] for r in roles} == roles
    assert all(f"{role}={column!r}" in repr(data) for role, column in roles.items())


def test_letters_beside_what_polygon_adds_are_fields():
    data = market_data(frame("o", "h", "l", "c", "v").assign(vw=100.1, n=10))
    assert list(data.close) == [100.5, 101.5]
    assert list(data.features) == ["vw", "n"]


def test_ticks_are_no_volume():
    data = market_data(frame("<OPEN>", "<HIGH>", "<LOW>", "<CLOSE>", "<TICKVOL>"))
    assert data.volume is None
    assert list(data.features) == ["<TICKVOL>"]


def test_klines_of_binance_with_numbers_as_text():
    bars = frame("Open", "High", "Low", "Close", "Volume").astype(str)
    ends = TIMES[:2] + pd.Timedelta("23:59:59.999")
    klines = bars.reset_index(drop=True).assign(**{"Open time": TIMES[:2], "Close time": ends})
    data = market_data(klines)
    assert list(data.close) == [100.5, 101.5]
    # A bar is known at its end.
    assert list(data.timestamps) == [time.value for time in ends]
    assert data.info["left_out"] == ["Open time"]


@pytest.mark.parametrize(
    ("names", "suggested"),
    [
        (("price", "volume"), "{'close': 'price', 'volume': 'volume'}"),
        (("bid", "ask"), "{'close': ..., 'bid': 'bid', 'ask': 'ask'}"),
        (("lastPrice", "vol"), "{'close': 'lastPrice', 'volume': 'vol'}"),
        (("high", "AAA"), "{'close': ...}"),
        (("AAA", "close_price"), "{'close': 'close_price'}"),
        (("first", "top price", "bottom price", "settlement"), "{'close': ...}"),
        (("AAA", "volume"), "{'close': ..., 'volume': 'volume'}"),
        (("LAST", "VOLUME"), "{'close': 'LAST', 'volume': 'VOLUME'}"),
        (("price",), "{'close': 'price'}"),
        (("o", "h", "l", "c", "x"), "{'close': 'c', 'open': 'o', 'high': 'h', 'low': 'l'}"),
        (("opening", "the high", "the low", "the close"), "{'close': 'the close'}"),
        (("c", "v"), "{'close': 'c', 'volume': 'v'}"),
        (("o", "c", "vw"), "{'close': 'c'}"),
        (("vwap", "trade_count"), "{'close': ...}"),
        (("AAA", "index"), "{'close': ...}"),
    ],
)
def test_columns_that_may_be_fields_are_no_assets(names, suggested):
    with pytest.raises(DataError) as error:
        market_data(frame(*names))
    assert f"with columns={suggested}, or, if every column is an asset" in str(error.value)


@pytest.mark.parametrize("names", [("price", "volume"), ("lastPrice", "vol"), ("price",)])
def test_the_advice_leads_to_the_prices(names):
    given = frame(*names)
    with pytest.raises(DataError) as error:
        market_data(given)
    columns = re.search(r"columns=(\{.*?\})", str(error.value))[1]
    data = market_data(given, columns=eval(columns))
    assert data.assets == ("asset",)
    assert list(data.close) == [100.0, 101.0]
    named = market_data(given, assets=list(names))
    assert named.assets == names


@pytest.mark.parametrize(
    "names",
    [
        ("C", "V", "LOW"),
        ("OPEN", "AAPL", "BRK.B"),
        ("AAPL",),
        ("FLOW", "PLOW", "GLOW"),
        ("O", "H", "C"),
        ("BTC-USD", "ETH-USD"),
    ],
)
def test_tickers_stay_tickers(names):
    assert market_data(frame(*names)).assets == names


def test_a_shares_name_beside_another_doubtful_one_is_refused():
    with pytest.raises(DataError, match="'LOW', 'OPEN' are no assets by their names"):
        market_data(frame("LOW", "OPEN", "AAPL"))


def test_a_date_index_is_the_time_whatever_its_name():
    for name in ("Trade day", None, "AAA time"):
        data = market_data(frame("AAA", "BBB").rename_axis(name))
        assert data.assets == ("AAA", "BBB")
        assert data.timestamps[0] == TIMES[0].value


def test_a_date_index_beside_a_column_of_times_is_refused():
    given = frame("close").rename_axis("when").assign(date=TIMES[:2])
    with pytest.raises(DataError, match="'timestamp' and 'date' could both be the timestamp"):
        market_data(given)
    data = market_data(given, columns={"timestamp": "date"})
    assert list(data.timestamps) == [time.value for time in TIMES[:2]]


def test_labels_that_are_integers_stay_integers_in_every_pandas_form():
    wide = frame("x", "y").set_axis([600519, 9], axis=1)
    data = market_data(wide, signals={"score": wide})
    assert data.assets == (600519, 9)
    assert list(data.features["score"]) == list(data.close)
    levels = pd.concat({"close": wide}, axis=1)
    assert market_data(levels).assets == (600519, 9)
    assert market_data({"close": wide}).assets == (600519, 9)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (["AAA", 9], "some assets are named as text and some as integers"),
        ([1.5, 2.5], "1.5 is the name of an asset, must be text or an integer"),
        (["AAA", " "], "the name of an asset is empty"),
    ],
)
def test_labels_that_name_no_assets(labels, message):
    wide = frame("x", "y").set_axis(labels, axis=1)
    for given in (wide, {"close": wide}, pd.concat({"close": wide}, axis=1)):
        with pytest.raises(DataError, match=message):
            market_data(given)


@pytest.mark.parametrize("form", ["read", "Polars", "Arrow", "CSV", "Parquet"])
def test_an_index_that_became_a_column_is_no_asset(form, tmp_path):
    # As pandas reads a file that was written with its index of 0, 1, 2, ...
    read = frame("AAA", "BBB").rename_axis("date").reset_index()
    read.insert(0, "Unnamed: 0", range(len(read)))
    given = {
        "read": lambda frame: frame,
        "Polars": pl.from_pandas,
        "Arrow": pa.Table.from_pandas,
        "CSV": lambda frame: frame.to_csv(tmp_path / "a.csv", index=False) or tmp_path / "a.csv",
        "Parquet": lambda frame: frame.to_parquet(tmp_path / "a.parquet") or tmp_path / "a.parquet",
    }[form]
    assert market_data(given(read)).assets == ("AAA", "BBB")
    # Some rows of that are no count any more.
    with pytest.raises(DataError, match="'Unnamed: 0' is no asset by its name"):
        market_data(given(read.iloc[1:]))


def test_five_thousand_columns():
    names = [f"A{i}" for i in range(5000)]
    closes = np.full((3, 5000), 10.0)
    assert market_data(pd.DataFrame(closes, TIMES, names)).n_rows == 15_000
