"""Every form a price table comes in gives the same market data."""

from fractions import Fraction

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pytest
from unit.data.tables.forms import FIELDS, FORMS

from ml4t.backtest.data import DataError, MarketData, market_data
from ml4t.backtest.data.errors import DAY_NS


def assert_same(data, expected):
    assert data.assets == expected.assets
    for name in ("timestamps", "offsets", "asset_codes", *FIELDS):
        np.testing.assert_array_equal(getattr(data, name), getattr(expected, name))
    assert {n: list(c) for n, c in data.features.items()} == {
        n: list(c) for n, c in expected.features.items()
    }


@pytest.mark.parametrize("form", FORMS)
def test_all_forms_of_a_table_are_one_table(bars, form):
    assert_same(market_data(FORMS[form](bars)), market_data(bars))


def test_rows_are_stored_by_timestamp_and_asset(bars):
    data = market_data(bars)
    assert data.assets == ("AAA", "BBB")
    assert list(data.offsets) == [0, 2, 3, 5]
    assert list(data.asset_codes) == [0, 1, 0, 0, 1]
    assert list(data.close) == [10.2, 20.2, 11.2, 12.2, 22.2]
    assert list(data.volume) == [100, 200, 110, 120, 220]
    assert data.timestamps[0] == pd.Timestamp("2024-01-02 21:00", tz="UTC").value
    assert data.bid is None
    assert data.info["closes_only"] is False


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_every_time_unit(bars, unit):
    frame = bars.assign(timestamp=bars["timestamp"].dt.as_unit(unit))
    assert_same(market_data(frame), market_data(bars))


@pytest.mark.parametrize("suffix", ["parquet", "csv", "csv.gz", "folder"])
@pytest.mark.parametrize("as_text", [True, False])
def test_files(bars, tmp_path, suffix, as_text):
    path = tmp_path / f"prices.{suffix}"
    if suffix == "parquet":
        bars.to_parquet(path)
    elif suffix == "folder":
        path.mkdir()
        bars[:2].to_parquet(path / "a.parquet")
        bars[2:].to_parquet(path / "b.parquet")
    else:
        bars.to_csv(path, index=False)
    assert_same(market_data(str(path) if as_text else path), market_data(bars))


@pytest.mark.parametrize(
    "kind", [pa.float32(), pa.float64(), pa.int32(), pa.int64(), pa.decimal128(21, 2)]
)
def test_numbers_of_any_type_become_doubles(kind):
    close = pa.array([10, 12, 11]).cast(kind)
    data = market_data(pa.table({"date": pa.array([1, 2, 3], pa.date32()), "close": close}))
    assert data.close.dtype == np.float64
    assert list(data.close) == [10.0, 12.0, 11.0]


def test_a_column_of_doubles_is_not_copied(bars):
    table = pa.Table.from_pandas(bars, preserve_index=False)
    data = market_data(table)
    assert np.shares_memory(data.close, table["close"].chunk(0).to_numpy())


def test_closes_alone_are_all_four_prices(bars):
    data = market_data(bars[["timestamp", "asset", "close"]])
    assert data.info["closes_only"] is True
    assert data.open is data.high is data.low is data.close or np.shares_memory(
        data.open, data.close
    )
    np.testing.assert_array_equal(data.low, data.close)


def test_wide_closes_keep_the_order_of_columns_and_lack_rows_where_nan(bars):
    frame = bars.pivot(index="timestamp", columns="asset", values="close")[["BBB", "AAA"]]  # noqa: PD010
    data = market_data(frame)
    assert data.assets == ("BBB", "AAA")
    assert list(data.offsets) == [0, 2, 3, 5]
    assert list(data.asset_codes) == [0, 1, 1, 0, 1]
    assert list(data.close) == [20.2, 10.2, 11.2, 22.2, 12.2]
    assert data.info["closes_only"] is True


def test_tickers_that_look_like_fields_are_tickers():
    frame = pd.DataFrame(
        {"date": pd.to_datetime(["2024-01-02"]), "C": [50.0], "V": [260.0], "LOW": [220.0]}
    )
    data = market_data(frame)
    assert data.assets == ("C", "V", "LOW")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, ("AAA", "BBB")),
        (["BBB", "AAA"], ("BBB", "AAA")),
        (["CCC", "BBB", "AAA"], ("CCC", "BBB", "AAA")),
    ],
)
def test_asset_order(bars, given, expected):
    data = market_data(bars, assets=given)
    assert data.assets == expected
    assert [data.assets[code] for code in data.asset_codes[:2]] == [
        a for a in expected if a != "CCC"
    ]


def test_integer_assets(bars):
    data = market_data(bars.assign(asset=[9, 10, 9, 9, 10]))
    assert data.assets == (9, 10)
    assert data.code(10) == 1


def test_one_asset_needs_no_column(bars):
    frame = bars[bars["asset"] == "AAA"].drop(columns="asset")
    assert market_data(frame).assets == ("asset",)
    assert market_data(frame, assets=["AAA"]).assets == ("AAA",)


def test_a_series_of_closes(bars):
    closes = bars[bars["asset"] == "AAA"].set_index("timestamp")["close"]
    for series in (closes, closes.rename(None), closes.rename("AAA")):
        data = market_data(series)
        assert list(data.close) == [10.2, 11.2, 12.2]
    assert data.assets == ("AAA",)


def test_adjusted_close_is_the_close_only_where_it_is_alone(bars):
    both = market_data(bars.assign(adj_close=1.0))
    assert list(both.close) == list(bars["close"])
    assert list(both.features["adj_close"]) == [1.0] * 5
    alone = market_data(
        bars[["timestamp", "asset", "close"]].rename(columns={"close": "Adj Close"})
    )
    assert list(alone.close) == list(bars["close"])
    assert alone.info["closes_only"] is True


def test_further_columns_are_features_and_signals_by_name(bars):
    frame = bars.assign(
        score=[1.0, np.nan, 3.0, 4.0, 5.0],
        rank=[1, 2, 3, 4, 5],
        halted=[True, False, False, False, True],
    )
    data = market_data(frame, signals=["score"])
    assert list(data.features) == ["score", "rank", "halted"]
    assert data.signal_names == ("score",)
    assert list(data.features["halted"]) == [1.0, 0.0, 0.0, 0.0, 1.0]
    assert np.isnan(data.features["score"][1])


def test_columns_can_be_named(bars):
    frame = bars.rename(columns={"timestamp": "ts", "close": "px_last"})
    assert_same(
        market_data(frame, columns={"timestamp": "ts", "close": "px_last"}), market_data(bars)
    )


def test_bid_and_ask(bars):
    data = market_data(bars.assign(bid=bars["close"] - 0.1, ask_close=bars["close"] + 0.1))
    np.testing.assert_array_equal(data.bid, bars["close"] - 0.1)
    np.testing.assert_array_equal(data.ask, bars["close"] + 0.1)
    assert data.features == {}


def test_unsorted_rows_are_sorted_where_asked_for(bars):
    shuffled = bars.sample(frac=1, random_state=1)
    assert not shuffled["timestamp"].is_monotonic_increasing
    assert_same(market_data(shuffled, sort=True), market_data(bars))


def test_from_tables_is_the_same_door(bars):
    assert_same(MarketData.from_tables(bars), market_data(bars))


def test_dates_stand_for_midnight_utc():
    data = market_data(pa.table({"date": pa.array([1, 2], pa.date32()), "close": [1.0, 2.0]}))
    assert list(data.timestamps) == [DAY_NS, 2 * DAY_NS]
    assert data.info["dates_only"] is True


def test_thousands_of_assets_with_ragged_lives():
    rng = np.random.default_rng(7)
    n_assets, n_days = 3000, 40
    alive = rng.random((n_days, n_assets)) < 0.5
    closes = np.where(alive, rng.uniform(1, 100, (n_days, n_assets)), np.nan)
    frame = pd.DataFrame(
        closes, pd.date_range("2024-01-01", periods=n_days), [f"A{i}" for i in range(n_assets)]
    )
    data = market_data(frame)
    assert data.n_rows == alive.sum()
    assert list(np.diff(data.offsets)) == list(alive.sum(axis=1))
    np.testing.assert_array_equal(data.close, closes[alive])
    long = frame.stack().dropna().rename("close").rename_axis(["date", "asset"]).reset_index()  # noqa: PD013
    again = market_data(long.sort_values(["asset", "date"]), assets=list(frame.columns))
    np.testing.assert_array_equal(again.close, data.close)
    np.testing.assert_array_equal(again.asset_codes, data.asset_codes)


def test_numbers_that_are_no_numbers_are_refused(bars):
    with pytest.raises(DataError, match="column 'volume'"):
        market_data(bars.astype({"volume": object}).assign(volume=[Fraction(1, 3)] * 5))
