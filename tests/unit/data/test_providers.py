"""Feature providers: what was known at a time, asked for one by one and as columns."""

import itertools
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest

from ml4t.backtest.data import (
    CallableFeatureProvider,
    DataError,
    FeatureProvider,
    LookAheadError,
    PrecomputedFeatureProvider,
    Table,
    market_data,
)


def at(text):
    return pd.Timestamp(text, tz="UTC")


# --- functions -------------------------------------------------------------------------------


def test_a_function_is_called_once_for_an_asset_and_time():
    calls = []

    def features(asset, timestamp):
        calls.append((asset, timestamp))
        return {"score": Fraction(1, 2), "n": len(calls)}

    provider = CallableFeatureProvider(features)
    times = pd.date_range("2024-01-02", periods=50, tz="UTC")
    for before, now in itertools.pairwise(times):
        for _ in range(3):
            # Contexts ask for the bar before (an opening) and for the bar of now.
            for asset in ("AAA", "BBB"):
                assert provider.get_features(asset, before)["score"] == 0.5
                assert provider.get_features(asset, now)["score"] == 0.5
    assert len(calls) == len(set(calls)) == 100
    assert isinstance(provider, FeatureProvider)


def test_only_two_times_an_asset_are_kept():
    provider = CallableFeatureProvider(
        lambda asset, timestamp: {"x": 1.0}, lambda timestamp: {"vix": 13}
    )
    for time in range(1000):
        provider.get_features("AAA", time)
        provider.get_market_features(time)
    assert {asset: sorted(kept) for asset, kept in provider._kept.items()} == {"AAA": [998, 999]}
    assert sorted(provider._market_kept) == [998, 999]


def test_market_values_of_a_function():
    calls = []

    def market(timestamp):
        calls.append(timestamp)
        return {"vix": 13}

    provider = CallableFeatureProvider(lambda asset, timestamp: {}, market)
    assert provider.get_market_features(at("2024-01-02")) == {"vix": 13.0}
    assert provider.get_market_features(at("2024-01-02")) == {"vix": 13.0}
    assert len(calls) == 1
    assert CallableFeatureProvider(lambda asset, timestamp: {}).get_market_features(0) == {}


def test_values_are_read_only(bars):
    values = CallableFeatureProvider(lambda asset, timestamp: {"x": 1.0}).get_features("AAA", 0)
    with pytest.raises(TypeError):
        values["x"] = 2.0


def test_a_function_has_no_columns(bars):
    assert CallableFeatureProvider(lambda asset, timestamp: {}).columns(market_data(bars)) is None


def test_what_is_no_function():
    with pytest.raises(DataError, match="must be callable"):
        CallableFeatureProvider({"x": 1.0})


# --- tables ----------------------------------------------------------------------------------


@pytest.fixture
def table():
    return pd.DataFrame(
        {
            "available_at": pd.to_datetime(
                ["2024-01-02 20:00", "2024-01-03 20:00", "2024-01-03 22:00", "2024-01-02 20:00"],
                utc=True,
            ),
            "date": pd.to_datetime(["2024-01-02", "2024-01-03", "2024-01-01", "2024-01-02"]),
            "asset": ["AAA", "AAA", "AAA", "CCC"],
            "x": [1.0, 2.0, 9.0, 4.0],
        }
    )


def test_what_was_known_at_a_time(table):
    vix = pd.DataFrame(
        {"timestamp": table["available_at"][:2], "vix": [13.0, np.nan], "rate": [np.nan, 2.0]}
    )
    provider = PrecomputedFeatureProvider(table, vix)
    assert np.isnan(provider.get_features("AAA", at("2024-01-02 19:59"))["x"])
    assert provider.get_features("AAA", at("2024-01-02 20:00")) == {"x": 1.0}
    # The row published at 22:00 of the third is older than what is known.
    assert provider.get_features("AAA", at("2024-01-04")) == {"x": 2.0}
    assert provider.get_features("AAA", at("2024-01-04").value) == {"x": 2.0}
    assert np.isnan(provider.get_features("ZZZ", at("2024-01-04"))["x"])
    market = provider.get_market_features(at("2024-01-03 19:00"))
    assert market["vix"] == 13.0
    assert np.isnan(market["rate"])
    assert provider.get_market_features(at("2024-01-04")) == {"vix": 13.0, "rate": 2.0}


def test_age_and_lag(table):
    table = table.drop(columns="date")
    young = PrecomputedFeatureProvider(Table(table[:1], max_age="1h"))
    assert young.get_features("AAA", at("2024-01-02 21:00")) == {"x": 1.0}
    assert np.isnan(young.get_features("AAA", at("2024-01-02 21:01"))["x"])
    own = table[:1].rename(columns={"available_at": "timestamp"})
    late = PrecomputedFeatureProvider(Table(own, available_after="1h"))
    assert np.isnan(late.get_features("AAA", at("2024-01-02 20:59"))["x"])
    assert late.get_features("AAA", at("2024-01-02 21:00")) == {"x": 1.0}


@pytest.mark.parametrize("seed", range(5))
def test_columns_are_the_single_answers_and_those_of_market_data(bars, seed):
    rng = np.random.default_rng(seed)
    start = pd.Timestamp("2024-01-01", tz="UTC")
    values = pd.DataFrame(
        {
            "available_at": start + pd.to_timedelta(rng.integers(24, 96, 40), "h"),
            "timestamp": start + pd.to_timedelta(rng.integers(0, 24, 40), "h"),
            "asset": rng.choice(["AAA", "BBB"], 40),
            "x": np.where(rng.random(40) < 0.2, np.nan, rng.normal(size=40)),
        }
    ).drop_duplicates(["available_at", "timestamp", "asset"])
    market = (
        values.drop(columns="asset")
        .drop_duplicates(["available_at", "timestamp"])
        .rename(columns={"x": "m"})
    )
    data = market_data(bars, features=values, context=market)
    provider = PrecomputedFeatureProvider(values, market)
    features, context = provider.columns(market_data(bars))
    np.testing.assert_array_equal(features["x"], data.features["x"])
    np.testing.assert_array_equal(context["m"], data.context["m"])
    times = np.repeat(data.timestamps, np.diff(data.offsets))
    single = [
        provider.get_features(data.assets[c], int(t))["x"]
        for t, c in zip(times, data.asset_codes, strict=True)
    ]
    np.testing.assert_array_equal(single, data.features["x"])
    single = [provider.get_market_features(int(t))["m"] for t in data.timestamps]
    np.testing.assert_array_equal(single, data.context["m"])


def test_assets_beyond_those_of_a_run_are_fine(bars, table):
    features, _ = PrecomputedFeatureProvider(table).columns(market_data(bars))
    np.testing.assert_array_equal(features["x"], [1, np.nan, 2, 2, np.nan])


def test_dates_need_their_time_of_day(bars):
    dates = pd.DataFrame({"date": pd.to_datetime(["2024-01-02"]), "asset": ["AAA"], "x": [1.0]})
    provider = PrecomputedFeatureProvider(dates)
    assert provider.get_features("AAA", at("2024-01-02")) == {"x": 1.0}
    with pytest.raises(
        DataError, match="features has only dates and is asked for at 2024-01-02 15:00"
    ):
        provider.get_features("AAA", at("2024-01-02 15:00"))
    with pytest.raises(DataError, match="bar_time="):
        provider.columns(market_data(bars))
    provider = PrecomputedFeatureProvider(dates, bar_time="16:00 America/New_York")
    assert np.isnan(provider.get_features("AAA", at("2024-01-02 15:00"))["x"])
    assert provider.get_features("AAA", at("2024-01-02 21:00")) == {"x": 1.0}
    assert provider.columns(market_data(bars))[0]["x"][0] == 1.0


def test_tables_are_checked_when_given(table):
    early = table.assign(date=table["date"] + pd.Timedelta("2D"))
    with pytest.raises(LookAheadError, match="before the value's own time"):
        PrecomputedFeatureProvider(early)
    with pytest.warns(UserWarning, match="before the value's own time"):
        PrecomputedFeatureProvider(early, on_violation="warn")
    with pytest.raises(DataError, match="counts bars"):
        PrecomputedFeatureProvider(Table(table, timing="next_bar"))
    with pytest.raises(DataError, match="column 'x' is already"):
        PrecomputedFeatureProvider([table, table])
    with pytest.raises(DataError, match="no column of assets"):
        PrecomputedFeatureProvider(table.drop(columns="asset"))
