"""Files that are not quite CSV are recognised, and what the message says to write reads them."""

import re

import pandas as pd
import pytest

from ml4t.backtest.data import DataError, market_data

FILES = {
    "date and time": (
        "Date,Time,Open,High,Low,Close,Volume\n2011.12.08,18:49,77.708,77.710,77.702,77.705,30\n",
        "has the date and the time of day in two columns",
        "2011-12-08 18:49", 77.705,
    ),
    "tabs": (
        "<DATE>\t<TIME>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\n2020.01.02\t09:30:00\t1.1\t1.2\t1.0\t1.15\n",
        "is separated by tabs and has the date and the time of day in two columns",
        "2020-01-02 09:30", 1.15,
    ),
    "semicolons": (
        "Date;Open;High;Low;Close\n2020-01-02;1,12;1,13;1,11;1,125\n",
        "is separated by semicolons and has decimal commas", "2020-01-02", 1.125,
    ),
    "US dates": (
        "Date,Close\n01/30/2024,185.64\n01/31/2024,184.25\n", "has dates that are not ISO 8601",
        "2024-01-30", 185.64,
    ),
    "days first": (
        "Date,Close\n30/01/2024,185.64\n31/01/2024,184.25\n", "has dates that are not ISO 8601",
        "2024-01-30", 185.64,
    ),
    "three lines of names": (
        "Price,Close,High,Low,Open\nTicker,AAPL,AAPL,AAPL,AAPL\nDate,,,,\n2024-01-02,185.64,188.44,183.0,187.0\n",
        "has names of columns in three lines", "2024-01-02", 185.64,
    ),
    "a line before": (
        "https://www.example.com\ndate,symbol,close\n2022-03-01 00:00:00,BTC/USD,43185.48\n"
        "2022-03-01 01:00:00,BTC/USD,43185.48\n",
        "has 1 line before the names of its columns", "2022-03-01", 43185.48,
    ),
    "thousands": (
        'date,close\n2024-01-02,"1,185.64"\n', "has commas in its numbers", "2024-01-02", 1185.64,
    ),
    "another alphabet": (
        "date,close,name\n2024-01-02,185.64,Müller\n".encode("latin-1"), "is not written in UTF-8",
        "2024-01-02", 185.64,
    ),
    "UTF-16": (
        "date,close\n2024-01-02,185.64\n".encode("utf-16"), "is written in UTF-16", "2024-01-02", 185.64,
    ),
}  # fmt: skip


def followed(message):
    """What the code in a message makes: the frame it says to give."""
    named = re.search(
        r"read it with frame = (pandas\.read_csv\(.*?\)), and give (frame\..*)", message
    )
    if named is None:
        return eval(re.search(r"pandas\.read_csv\(.*?\)(?=, and give)", message)[0], {"pandas": pd})
    frame = eval(named[1], {"pandas": pd})
    code = re.sub(r" \(with dayfirst.*", "", named[2])
    return eval(code, {"pandas": pd, "frame": frame})


@pytest.mark.parametrize("kind", FILES)
def test_a_file_that_is_not_quite_csv(kind, tmp_path):
    text, what, time, close = FILES[kind]
    path = tmp_path / "bars.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(DataError) as error:
        market_data(path)
    message = str(error.value)
    assert message.startswith(f"prices: {path} {what}; read it with")
    data = market_data(followed(message))
    assert data.timestamps[0] == pd.Timestamp(time).value
    assert data.close[0] == close


def test_a_text_file_is_recognised_as_what_it_is(tmp_path):
    path = tmp_path / "aapl.txt"
    path.write_text(
        "<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>\nAAPL.US,D,20240102,000000,1,1,1,1\n"
    )
    with pytest.raises(DataError, match=r"it is no Parquet file, and not called \.csv") as error:
        market_data(path)
    data = market_data(followed(str(error.value)))
    assert data.assets == ("AAPL.US",)
    assert data.timestamps[0] == pd.Timestamp("2024-01-02").value
    path = tmp_path / "plain.txt"
    path.write_text("date,close\n2024-01-02,1.0\n")
    with pytest.raises(DataError, match="or read it with pandas and give the frame"):
        market_data(path)


def test_numbers_without_names_ask_for_names(tmp_path):
    path = tmp_path / "BTCUSDT.csv"
    path.write_text("1735603200000,0.31,0.32,0.30,0.31,27.0,1735689599999,8.5,1,0.0,0.0,0\n")
    with pytest.raises(
        DataError, match=r"has numbers in its first line.*header=None, names=\[\.\.\.\]"
    ):
        market_data(path)


def test_a_broken_file_is_named(tmp_path):
    path = tmp_path / "bars.csv"
    path.write_text("date,close\n2024-01-02,1.0\n2024-01-03,1.0,2.0\n2024-01-04,1.0\n")
    with pytest.raises(DataError, match=r"prices: .*bars\.csv could not be read as CSV"):
        market_data(path)


def test_names_in_a_text_file_are_text(tmp_path):
    path = tmp_path / "bars.csv"
    path.write_text(
        "date,symbol,close\n2024-01-02,00700,1.0\n2024-01-02,600000,2.0\n2024-01-02,NA,3.0\n"
    )
    assert market_data(path).assets == ("00700", "600000", "NA")
    path.write_text("date,symbol,close\n2024-01-02,9,1.0\n2024-01-02,10,2.0\n")
    assert market_data(path).assets == ("10", "9")
    assert market_data(path, assets=[9, 10]).assets == (9, 10)
    # Signals of a run over integers are of those.
    prices = pd.DataFrame(
        {"date": pd.to_datetime(["2024-01-02"] * 2), "asset": [9, 10], "close": 1.0}
    )
    assert list(market_data(prices, signals=path).features["close"]) == [1.0, 2.0]


def test_an_index_without_a_name_is_the_same_in_a_file(tmp_path):
    times = pd.to_datetime(["2024-01-02 16:00", "2024-01-03 16:00"])
    for frame in (
        pd.DataFrame({"close": [1.0, 2.0]}, times),
        pd.DataFrame({"time": times, "close": [1.0, 2.0]}),
    ):
        frame.to_csv(tmp_path / "bars.csv")
        frame.to_parquet(tmp_path / "bars.parquet")
        for name in ("bars.csv", "bars.parquet"):
            data = market_data(tmp_path / name)
            assert list(data.timestamps) == list(times.as_unit("ns").asi8)
            assert list(data.features) == []


def test_files_over_a_change_of_clocks_have_dates(tmp_path):
    (tmp_path / "1.csv").write_text("timestamp,close\n2024-03-08T00:00:00-05:00,1\n")
    (tmp_path / "2.csv").write_text("timestamp,close\n2024-03-11T00:00:00-04:00,2\n")
    data = market_data(tmp_path / "*.csv", bar_time="16:00 America/New_York")
    # Five hours behind UTC in winter, four in summer.
    expected = pd.DatetimeIndex(["2024-03-08 21:00", "2024-03-11 20:00"]).as_unit("ns")
    assert list(data.timestamps) == list(expected.asi8)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["1.csv", "2.csv"], "times with a zone in 1.csv and without one in 2.csv"),
        (["2.csv", "1.csv"], "times without a zone in 2.csv and with one in 1.csv"),
    ],
)
def test_files_with_and_without_a_zone_are_no_table(tmp_path, names, message):
    (tmp_path / "1.csv").write_text("timestamp,close\n2024-03-08T16:00:00-05:00,1\n")
    (tmp_path / "2.csv").write_text("timestamp,close\n2024-03-11 16:00:00,2\n")
    with pytest.raises(DataError, match=message):
        market_data([tmp_path / name for name in names])
