"""Bad input is refused with the column, the count, the first rows and what to do."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from ml4t.backtest import MarketData, Strategy, run_backtest
from ml4t.backtest.data import DataError, market_data


def spoiled(bars, column, value, row=2):
    frame = bars.astype({"volume": float})
    frame.loc[row, column] = value
    return frame


@pytest.mark.parametrize("column", ["open", "high", "low", "close"])
@pytest.mark.parametrize(
    ("value", "what"),
    [
        (np.nan, "is NaN"),
        (np.inf, "is infinite"),
        (0.0, "is zero"),
        (-1.0, "is negative"),
        (1e-13, "is not in [1e-12, 1e+15]"),
        (1.1e15, "is not in [1e-12, 1e+15]"),
    ],
)
def test_a_price_that_is_none(bars, column, value, what):
    with pytest.raises(DataError) as error:
        market_data(spoiled(bars, column, value))
    message = str(error.value)
    assert message.startswith(f"prices: column {column!r} {what} in 1 row: ")
    assert f"(2024-01-03 21:00:00 UTC, AAA, {value:g})" in message
    # A price that is right all the same is not to be dropped with what it lost.
    to_do = (
        "correct or drop the rows"
        if what not in ("is zero", "is negative")
        else "or the names of such assets"
    )
    assert message.endswith(to_do)


def test_a_null_price_is_named_as_nan():
    table = pa.table({"date": pa.array([1, 2], pa.date32()), "close": pa.array([1.0, None])})
    with pytest.raises(
        DataError, match=r"column 'close' is NaN in 1 row: \(1970-01-03, asset, nan\)"
    ):
        market_data(table)


@pytest.mark.parametrize(
    ("column", "value", "what"),
    [
        ("high", 9.0, "column 'high' is below low"),
        ("open", 10.4, "column 'open' is below low"),
        ("open", 11.6, "column 'open' is above high"),
        ("close", 10.4, "column 'close' is below low"),
        ("close", 11.6, "column 'close' is above high"),
        ("volume", -1.0, "column 'volume' is negative"),
        ("volume", 1.1e18, r"column 'volume' is negative or above 1e\+18"),
        ("bid", 1e-13, r"column 'bid' is not in \[1e-12, 1e\+15\]"),
        ("ask", 1.1e15, r"column 'ask' is not in \[1e-12, 1e\+15\]"),
    ],
)
def test_a_bar_that_cannot_be(bars, column, value, what):
    with pytest.raises(DataError, match=what) as error:
        market_data(spoiled(bars, column, value))
    assert f"(2024-01-03 21:00:00 UTC, AAA, {value:g})" in str(error.value)


def test_a_price_at_the_edge_of_its_bar_is_fine(bars):
    frame = bars.assign(open=bars["high"], close=bars["low"])
    assert market_data(frame).n_rows == 5


def test_quotes_are_positive_or_unknown(bars):
    assert np.isnan(market_data(bars.assign(bid=[np.nan, 1, 1, 1, 1])).bid[0])
    with pytest.raises(DataError, match="column 'ask' is not a positive price in 2 rows"):
        market_data(bars.assign(ask=[0.0, 1, -1, 1, 1]))


def test_only_the_first_three_rows_are_shown(bars):
    with pytest.raises(DataError) as error:
        market_data(bars.assign(close=np.nan))
    message = str(error.value)
    assert "in 5 rows" in message
    assert message.count("nan)") == 3
    assert ", ...;" in message


def test_a_repeated_row(bars):
    frame = pd.concat([bars, bars[1:2]]).sort_values("timestamp")
    with pytest.raises(
        DataError, match=r"repeated in 1 row: \(2024-01-02 21:00:00 UTC, BBB\); drop"
    ):
        market_data(frame)
    with pytest.raises(DataError, match="repeated in 1 row"):
        market_data(pd.concat([bars, bars[1:2]]), sort=True)


def test_times_that_run_backwards(bars):
    with pytest.raises(
        DataError, match=r"backwards within an asset in 2 rows: .*sort=True"
    ) as error:
        market_data(bars.iloc[[3, 1, 0, 2, 4]])
    assert "(2024-01-02 21:00:00 UTC, AAA), (2024-01-03 21:00:00 UTC, AAA)" in str(error.value)


EMPTY = pd.DataFrame({"timestamp": pd.to_datetime([]), "close": np.array([], float)})
TIMED = pd.DataFrame({"timestamp": pd.to_datetime(["2024-01-02 16:00"]), "close": [1.0]})


@pytest.mark.parametrize(
    ("prices", "message"),
    [
        (EMPTY, "prices: the table has no rows"),
        ({}, "the mapping holds no table"),
        (TIMED.drop(columns="timestamp"), "no column of times"),
        (TIMED.drop(columns="close"), "has times but no column of values"),
        (TIMED.assign(open=1.0), "no column for high and low"),
        (TIMED.drop(columns="close").assign(open=1.0, high=1.0, low=1.0), "no close"),
        (TIMED.assign(close="ten"), r"column 'close' holds .*string, must hold numbers"),
        (
            TIMED.assign(volume="many"),
            "column 'volume' holds .*, 'many' is none; convert or drop it",
        ),
        (TIMED.assign(parts=[[1.0]]), "column 'parts' holds list.*convert or drop it"),
        (
            TIMED.assign(date=TIMED["timestamp"]),
            "'timestamp' and 'date' could both be the timestamp",
        ),
        (TIMED.assign(Close=1.0), "'close' and 'Close' could both be the close"),
        (TIMED.assign(asset=[None]), "column 'asset' .*drop"),
        (TIMED.assign(asset=[1.5]), "must name assets as text or integers"),
        (pd.concat([TIMED, TIMED], axis=1), "column names must differ"),
        (
            pa.table([pa.array([1.0]), pa.array([1.0])], ["close", "close"]),
            "column names must differ",
        ),
        (
            pd.DataFrame({"timestamp": TIMED["timestamp"], "AAA": [np.nan]}),
            "the table has no prices",
        ),
        (3.0, "prices must be a pandas, Polars or Arrow table"),
        ("nowhere.parquet", "there is no file nowhere.parquet"),
    ],
)
def test_a_table_that_is_none(prices, message):
    with pytest.raises(DataError, match=message):
        market_data(prices)


def test_a_file_that_is_no_table(tmp_path):
    path = tmp_path / "prices.parquet"
    path.write_text("not parquet")
    with pytest.raises(DataError, match="could not be read"):
        market_data(path)


@pytest.mark.parametrize(
    ("assets", "message"),
    [
        (["AAA"], r"1 of its assets are not in assets= \(BBB\)"),
        (["AAA", "BBB", "AAA"], "each asset once"),
    ],
)
def test_an_asset_order_that_does_not_fit(bars, assets, message):
    with pytest.raises(DataError, match=message):
        market_data(bars, assets=assets)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"close": "px_last"}, "names 'px_last' as close"),
        ({"price": "close"}, "unknown role 'price'"),
    ],
)
def test_columns_that_are_not_there(bars, columns, message):
    with pytest.raises(DataError, match=message):
        market_data(bars, columns=columns)


def test_an_argument_that_is_misspelled(bars):
    with pytest.raises(TypeError, match=r"^unknown argument 'signal'; did you mean 'signals'\?$"):
        MarketData.from_tables(bars, signal=bars)
    with pytest.raises(
        TypeError, match=r"^unknown argument 'weights'; there are prices, strategy, signals, fea"
    ):
        run_backtest(bars, Strategy(), weights=bars)


def test_every_refusal_is_a_value_error():
    assert issubclass(DataError, ValueError)


def test_an_entry_of_a_dictionary_that_is_no_name_names_no_asset(bars):
    names = pa.DictionaryArray.from_arrays([0, 1, 0, 0, 1], pa.array(["AAA", None]))
    table = pa.Table.from_pandas(bars.drop(columns="asset")).append_column("asset", names)
    with pytest.raises(DataError, match="column 'asset' names no asset in 2 rows"):
        market_data(table)
