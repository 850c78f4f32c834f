"""What is said in options is what an option can be, or refused by this library before anything is read."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from ml4t.backtest import DataFeed, MarketData
from ml4t.backtest.data import SMA, DataError, Table, market_data, validate, write_dataset

IN_ORDER = {
    "list": ["BBB", "AAA"],
    "tuple": ("BBB", "AAA"),
    "array": np.array(["BBB", "AAA"]),
    "index": pd.Index(["BBB", "AAA"]),
    "series": pd.Series(["BBB", "AAA"]),
    "Polars": pl.Series(["BBB", "AAA"]),
    "Arrow": pa.array(["BBB", "AAA"]),
}


@pytest.fixture
def doors(bars, tmp_path):
    """The doors of data, each from its options to what it makes."""
    bars.to_parquet(tmp_path / "prices.parquet")
    return {
        "tables": lambda **options: market_data(bars, **options),
        "validate": lambda **options: validate(bars, **options),
        "feed": lambda **options: DataFeed.from_parquet(tmp_path / "prices.parquet", **options),
    }


@pytest.mark.parametrize("kind", IN_ORDER)
def test_an_order_of_assets_is_any_sequence(bars, doors, kind):
    for door in ("tables", "feed"):
        assets = doors[door](assets=IN_ORDER[kind]).assets
        assert assets == ("BBB", "AAA")
        assert all(type(name) is str for name in assets)
    numbered = bars.assign(asset=bars["asset"].map({"AAA": 7, "BBB": 9}))
    assert list(map(type, market_data(numbered, assets=np.array([9, 7])).assets)) == [int, int]


ODD_ASSETS = (
    ([], "names no asset"),
    ("AAA", "a list of names in their order"),
    ({"AAA", "BBB"}, "a list of names in their order"),
    (5, "a list of names in their order"),
    (["AAA", "BBB", "AAA"], "each asset once"),
    (["AAA", 0], "some assets are named as text and some as integers"),
    (["AAA", np.nan], "nan is the name of an asset, must be text or an integer"),
    ([True], "True is the name of an asset, must be text or an integer"),
    ([b"AAA"], "must be text or an integer"),
    ([["AAA"]], "must be text or an integer"),
    ([""], "is empty"),
    ([2**63], "that no table can hold"),
    (["\ud800"], "that no table can hold"),
)


@pytest.mark.parametrize(("assets", "message"), ODD_ASSETS)
def test_what_names_no_assets_is_refused_at_every_door(doors, assets, message):
    for door in doors.values():
        with pytest.raises(DataError, match=message):
            door(assets=assets)


ARRAY = np.array([1, 2])
ODD_OPTIONS = (
    ({"columns": ["close"]}, "columns= must say the column of each role"),
    ({"columns": {"close": 1}}, "columns= must say the column of each role"),
    ({"on_violation": ARRAY}, "on_violation must be 'raise' or 'warn'"),
    ({"on_unknown_assets": "ignore"}, "on_unknown_assets must be 'raise' or 'drop'"),
    ({"on_repeated_rows": None}, "on_repeated_rows must be 'raise' or 'drop'"),
    ({"stamps": ARRAY}, "stamps must be 'end' or 'start'"),
    ({"time_unit": ["ms"]}, "time_unit must be 's', 'ms', 'us', 'ns'"),
    ({"sort": "no"}, "sort must be True or False"),
)


@pytest.mark.parametrize(("options", "message"), ODD_OPTIONS)
def test_an_option_of_another_type_is_refused_at_every_door(doors, options, message):
    for door in doors.values():
        with pytest.raises(DataError, match=message):
            door(**options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"severity": ["spike"]}, "severity= must say what each check is"),
        ({"calendar": 5}, "calendar must be the name of one"),
        ({"stale_bars": None}, "stale_bars must be a number above 0"),
        ({"spike_z": float("nan")}, "spike_z must be a number above 0"),
        ({"max_rank_correlation": "low"}, "max_rank_correlation must be a number above 0"),
    ],
)
def test_options_of_validation(doors, options, message):
    with pytest.raises(DataError, match=message):
        doors["validate"](**options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"start": "2924-03-05"}, "start must lie between 1678 and 2262"),
        ({"end": "1h"}, "end must lie between 1678 and 2262"),
        (
            {"start": "2024-03-10 02:30", "timezone": "America/New_York"},
            "start is no time of America/New_York or one that occurs twice there.*give it with its offset",
        ),
        ({"values": 5}, "values must be a list of column names"),
        ({"prefetch": "no"}, "prefetch must be True or False"),
    ],
)
def test_options_of_a_feed(doors, options, message):
    with pytest.raises(DataError, match=message):
        doors["feed"](**options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"values": 5}, "values must be a list of column names"),
        ({"values": "score"}, "values must be a list of column names"),
        ({"columns": "score"}, "columns= must say the column of each role"),
        ({"timing": ["strict"]}, "timing must be 'strict', 'next_bar' or 'lag=n'"),
    ],
)
def test_options_of_a_table(bars, options, message):
    with pytest.raises(DataError, match=message):
        Table(bars, **options)


def test_values_are_any_sequence_of_names(bars):
    scores = bars[["timestamp", "asset"]].assign(score=1.0, other=2.0)
    data = market_data(bars, signals=Table(scores, values=scores.columns[2:3]))
    assert data.signal_names == ("score",)


def test_a_lag_longer_than_the_bars_leaves_nothing(bars, tmp_path):
    scores = bars[["timestamp", "asset"]].assign(score=range(5))
    late = Table(scores, timing=f"lag={10**30}")
    assert np.isnan(market_data(bars, signals=late).features["score"]).all()
    # AAA has rows 0, 2 and 3 of the five, BBB 1 and 4.
    second = market_data(bars, signals=Table(scores, timing="lag=1")).features["score"]
    np.testing.assert_array_equal(second, [np.nan, np.nan, 0.0, 2.0, 1.0])
    for name, table in (("prices", bars), ("scores", scores)):
        table.to_parquet(tmp_path / f"{name}.parquet")
    for lag, expected in ((10**30, [np.nan] * 5), (1, second), (2, [np.nan] * 3 + [0.0, np.nan])):
        signals = Table(tmp_path / "scores.parquet", timing=f"lag={lag}")
        feed = DataFeed.from_parquet(tmp_path / "prices.parquet", signals=signals, chunk=1)
        seen = np.concatenate(
            [chunk.features["score"][chunk.offsets[chunk.first_t] :] for chunk in feed]
        )
        np.testing.assert_array_equal(seen, expected)


def test_a_period_longer_than_any_table_is_refused():
    with pytest.raises(DataError, match="from 1 to 1,000,000, was 10000000000"):
        SMA(10**10)


def test_replace_is_said_by_true_or_false(bars):
    with pytest.raises(DataError, match="replace must be True or False"):
        MarketData.from_tables(bars).with_signals(bars, replace="no")


# ---- write_dataset ------------------------------------------------------------------------------


def test_a_dataset_is_written_of_the_columns_that_are_named(bars, tmp_path):
    scores = pd.DataFrame({"when": [1_704_229_200], "asset": "AAA", "score": 1.0, "label": 5.0})
    table = Table(scores, columns={"timestamp": "when"}, values=["score"], time_unit="s")
    prices = Table(bars.rename(columns={"timestamp": "ts"}), columns={"timestamp": "ts"})
    write_dataset({"prices": prices, "signals": table}, tmp_path, quiet=True)
    written = pd.read_parquet(tmp_path / "signals")
    assert list(written) == ["when", "asset", "score"]
    assert len(market_data(tmp_path / "prices", columns={"timestamp": "ts"}).close) == len(bars)


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        (lambda bars: bars, "tables must be a mapping of name to table.*was DataFrame"),
        (lambda bars: {1: bars}, "tables must be a mapping of name to table"),
        (lambda bars: {"s": Table(bars, available_after="1h")}, "s: available_after= changes nothing"),
        (lambda bars: {"s": Table(bars, stamps="start")}, "s: stamps= changes nothing"),
        (lambda bars: {"prices": Table(bars, values=["close"])}, "prices: values= changes nothing"),
        (lambda bars: {"s": Table(bars, values=["no"])}, "s: has no column 'no'"),
    ],
)  # fmt: skip
def test_what_a_dataset_cannot_hold_is_refused(bars, tables, message, tmp_path):
    with pytest.raises(DataError, match=message):
        write_dataset(tables(bars), tmp_path, quiet=True)
