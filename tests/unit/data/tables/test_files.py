"""Several files are one table: patterns, lists and folders, of parts or of an asset each."""

from datetime import date

import pandas as pd
import polars as pl
import pytest

from ml4t.backtest import DataFeed, MarketData
from ml4t.backtest.data import DataError, Table, market_data

PRICES = pl.DataFrame(
    {
        "date": [date(2023, 12, 29), date(2023, 12, 29), date(2024, 1, 2), date(2024, 1, 2)],
        "symbol": ["AAPL", "MSFT", "AAPL", "MSFT"],
        "year": [2023, 2023, 2024, 2024],
        "close": [192.5, 376.0, 185.6, 370.9],
    }
)


def closes(*days, close=1.0):
    return pd.DataFrame({"date": pd.to_datetime(list(days)), "close": close})


@pytest.mark.parametrize("keys", [["year"], ["symbol"], ["year", "symbol"]])
def test_folders_that_polars_writes(keys, tmp_path):
    PRICES.write_parquet(tmp_path / "prices", partition_by=keys)
    data = MarketData.from_tables(tmp_path / "prices", sort=True)
    assert (data.assets, data.n_rows) == (("AAPL", "MSFT"), 4)
    # The columns in the files are what counts: a year that is there is a feature.
    assert list(data.features["year"]) == [2023.0, 2023.0, 2024.0, 2024.0]
    (chunk,) = DataFeed.from_parquet(tmp_path / "prices", chunk=10, sort=True)
    assert list(chunk.close) == list(data.close) == [192.5, 376.0, 185.6, 370.9]


@pytest.mark.parametrize(
    "names",
    [
        ("2023", "2024"),
        ("2023-12", "2024-01"),
        ("AAPL_2023", "AAPL_2024"),
        ("0", "1"),
        ("part-0", "part-1"),
    ],
)
def test_files_named_as_parts_are_one_asset(names, tmp_path):
    for name, day in zip(names, ("2023-12-29", "2024-01-02"), strict=True):
        closes(day).to_parquet(tmp_path / f"{name}.parquet")
    assert market_data(tmp_path).assets == ("asset",)
    assert DataFeed.from_parquet(tmp_path).assets == ("asset",)


@pytest.mark.parametrize(
    "names", [("AAPL", "MSFT"), ("000001", "600000"), ("0700", "9988"), ("BRK.B", "A")]
)
@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_files_named_as_assets_are_those(names, suffix, tmp_path):
    # Two companies that never traded at one time are two all the same.
    for name, day in zip(names, ("2001-12-28", "2012-05-18"), strict=True):
        frame = closes(day)
        path = tmp_path / f"{name}.{suffix}"
        frame.to_csv(path, index=False) if suffix == "csv" else frame.to_parquet(path)
    assert market_data(tmp_path).assets == tuple(sorted(names))
    assert market_data(f"{tmp_path}/*.{suffix}", assets=names).assets == names


def test_signals_in_a_file_per_asset(tmp_path):
    prices = pd.concat([closes("2024-01-02").assign(asset=asset) for asset in ("AAA", "BBB")])
    for value, asset in enumerate(("AAA", "BBB")):
        closes("2024-01-02", close=float(value)).rename(columns={"close": "score"}).to_parquet(
            tmp_path / f"{asset}.parquet"
        )
    assert list(market_data(prices, signals=tmp_path).features["score"]) == [0.0, 1.0]
    listed = Table(sorted(tmp_path.iterdir()))
    assert list(market_data(prices, signals=listed).features["score"]) == [0.0, 1.0]


def test_leading_zeros_of_folders_stay(tmp_path):
    for name in ("00700", "600000"):
        (tmp_path / f"asset={name}").mkdir()
        closes("2024-01-02").to_parquet(tmp_path / f"asset={name}" / "a.parquet")
    assert market_data(tmp_path).assets == ("00700", "600000")
    assert market_data(tmp_path, assets=[700, 600000]).assets == (700, 600000)
    assert DataFeed.from_parquet(tmp_path, assets=[700, 600000]).assets == (700, 600000)


def test_columns_that_the_first_file_lacks_are_read(tmp_path):
    closes("2024-01-02").to_parquet(tmp_path / "2024-01.parquet")
    closes("2024-02-01").assign(volume=5).to_parquet(tmp_path / "2024-02.parquet")
    for data in (market_data(tmp_path), *DataFeed.from_parquet(tmp_path, chunk=10)):
        assert list(data.volume)[1] == 5.0


def test_files_that_do_not_agree_name_the_column(tmp_path):
    closes("2024-01-02").assign(score=1.0).to_parquet(tmp_path / "2024-01.parquet")
    closes("2024-02-01").assign(score="high").to_parquet(tmp_path / "2024-02.parquet")
    for read in (market_data, DataFeed.from_parquet):
        with pytest.raises(
            DataError, match=r"column 'score' holds double in 2024-01.parquet and .*string in 20"
        ):
            read(tmp_path)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("nowhere/*.csv", "no file is called like"),
        ("empty", "there is no file in the folder"),
        ("mixed", "are files of two kinds"),
        ("damaged.parquet", "the Parquet file is damaged"),
        ("image.png", r"it is no Parquet file, and not called \.csv"),
    ],
)
def test_what_is_no_table(given, message, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "mixed").mkdir()
    closes("2024-01-02").to_parquet(tmp_path / "mixed" / "a.parquet")
    (tmp_path / "mixed" / "README.csv").write_text("no table")
    whole = (tmp_path / "mixed" / "a.parquet").read_bytes()
    (tmp_path / "damaged.parquet").write_bytes(whole[:200])
    (tmp_path / "image.png").write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0")
    for read in (market_data, DataFeed.from_parquet):
        with pytest.raises(DataError, match=message):
            read(tmp_path / given)


def test_hidden_files_are_passed_over(tmp_path):
    closes("2024-01-02").to_parquet(tmp_path / "2024-01.parquet")
    (tmp_path / "_SUCCESS").write_text("")
    (tmp_path / ".crc").write_text("x")
    assert market_data(tmp_path).n_rows == 1


@pytest.mark.parametrize("asset", ["BTC/USDT", "A B", "100%", "A=B", "É", "a+b", "A%2FB"])
def test_names_of_assets_that_no_folder_can_have_are_written_as_writers_do(asset, tmp_path):
    frame = closes("2024-01-02", "2024-01-03", close=5.0).assign(asset=asset)
    frame.to_parquet(tmp_path, partition_cols=["asset"], index=False)
    assert market_data(tmp_path).assets == (asset,)
    (chunk,) = DataFeed.from_parquet(tmp_path, chunk=10)
    assert chunk.assets == (asset,)
    assert list(chunk.close) == [5.0, 5.0]


def test_a_folder_of_rows_without_an_asset_is_refused(tmp_path):
    frame = closes("2024-01-02", "2024-01-03", close=5.0).assign(asset=["A", None])
    frame.to_parquet(tmp_path, partition_cols=["asset"], index=False)
    for read in (market_data, DataFeed.from_parquet):
        with pytest.raises(DataError, match="says that its rows have no asset; name it, or leave"):
            read(tmp_path)


@pytest.mark.parametrize("name", ["a.feather", "a.csv.zip", "a.pkl", "a.xlsx", "a.parquet"])
def test_what_is_no_text_is_not_said_to_be_csv(name, tmp_path):
    frame = closes("2024-01-02", "2024-01-03", close=5.0)
    path = tmp_path / name
    {"a.feather": frame.to_feather, "a.csv.zip": frame.to_csv, "a.pkl": frame.to_pickle}.get(
        name, lambda path: path.write_bytes(b"PK\3\4" + bytes(range(256)))
    )(path)
    with pytest.raises(DataError, match=r"or read it with pandas and give the frame$"):
        market_data(path)


def test_an_address_is_no_file():
    with pytest.raises(
        DataError, match=r"is an address, and only files are read; read it with pandas"
    ):
        market_data("https://example.com/bars.csv")
