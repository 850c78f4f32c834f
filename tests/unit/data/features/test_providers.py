"""Feature providers: what was known at a time, asked for one by one and as columns."""

import itertools
import pickle
import sys
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest

from ml4t.backtest import Strategy, run_backtest
from ml4t.backtest.data import (
    ATR,
    CallableFeatureProvider,
    DataError,
    FeatureProvider,
    LookAheadError,
    PrecomputedFeatureProvider,
    Table,
    market_data,
    validate,
)
from ml4t.backtest.risk import PriceBasedStopLoss


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
    assert {asset: sorted(kept) for asset, kept in provider._last.by_asset.items()} == {
        "AAA": [998, 999]
    }
    assert sorted(provider._last.market) == [998, 999]


def test_a_second_run_begins_earlier():
    calls = []
    provider = CallableFeatureProvider(lambda asset, timestamp: calls.append(timestamp) or {})
    for time in (10, 11, 1, 2, 1, 2, 3, 2, 3):
        provider.get_features("AAA", time)
    assert calls == [10, 11, 1, 2, 3]


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


# --- among the features of a run -------------------------------------------------------------------


def scores(name="x"):
    times = pd.to_datetime(["2024-01-02 10:00", "2024-01-03 10:00"], utc=True)
    return pd.DataFrame({"timestamp": times, "asset": "AAA", name: [1.0, 2.0]})


class Counting(FeatureProvider):
    """Answers one by one; says whom it was asked for."""

    def __init__(self, answer=lambda asset, timestamp: {"n": 1.0}):
        self.asked = []
        self.answer = answer

    def get_features(self, asset, timestamp):
        self.asked.append((asset, timestamp))
        return self.answer(asset, timestamp)

    def get_market_features(self, timestamp):
        self.asked.append((None, timestamp))
        return {"rate": 0.5}


class Columnar(FeatureProvider):
    """Has columns, and answers no single question."""

    def __init__(self, features, market=lambda data: {}):
        self.features = features
        self.market = market

    def get_features(self, asset, timestamp):
        raise AssertionError("asked one by one")

    def get_market_features(self, timestamp):
        raise AssertionError("asked one by one")

    def columns(self, data):
        return self.features(data), self.market(data)


@pytest.mark.parametrize("alone", [True, False])
def test_a_provider_among_the_features_is_a_table_among_them(bars, alone):
    vix = pd.DataFrame({"timestamp": bars["timestamp"][:1], "vix": [13.0]})
    provider = PrecomputedFeatureProvider(scores(), vix)
    others = [ATR(2), scores("y")]
    data = market_data(bars, features=provider if alone else [provider, *others])
    table = market_data(bars, features=scores() if alone else [*others, scores()], context=vix)
    assert set(data.features) == set(table.features)
    for name, column in table.features.items():
        np.testing.assert_array_equal(data.features[name], column)
    np.testing.assert_array_equal(data.context["vix"], table.context["vix"])
    assert data.signal_names == ()


def test_every_bar_is_asked_for_once_in_order(bars):
    provider = Counting(lambda asset, timestamp: {"n": len(provider.asked)})
    data = market_data(bars, features={"counts": provider})
    times = np.repeat(data.timestamps, np.diff(data.offsets))
    rows = [
        (data.assets[code], pd.Timestamp(time, tz="UTC"))
        for time, code in zip(times, data.asset_codes, strict=True)
    ]
    assert [question for question in provider.asked if question[0]] == rows
    assert len(provider.asked) == data.n_rows + data.n_times
    assert (np.diff(data.features["n"]) > 0).all()
    np.testing.assert_array_equal(data.context["rate"], np.full(data.n_times, 0.5))


def test_what_an_answer_leaves_out_is_nan(bars):
    provider = CallableFeatureProvider(
        lambda asset, timestamp: {"a": 1} if asset == "AAA" else {"b": 2}
    )
    data = market_data(bars, features=provider)
    is_a = data.asset_codes == data.code("AAA")
    np.testing.assert_array_equal(data.features["a"], np.where(is_a, 1.0, np.nan))
    np.testing.assert_array_equal(data.features["b"], np.where(is_a, np.nan, 2.0))
    assert data.context == {}


def test_a_run_sees_the_columns_of_a_provider(bars):
    seen = []

    class Buys(Strategy):
        def on_market_data(self, event):
            seen.append((event.half, event.indicators["half"], event.context["level"]))
            if not seen[1:]:
                self.buy(event.asset, 1.0)

    provider = Columnar(
        lambda data: {"half": data.close / 2}, lambda data: {"level": data.timestamps / 1e9}
    )
    result = run_backtest(
        bars, Buys(), features=[provider], rules=[PriceBasedStopLoss(price="half")]
    )
    data = market_data(bars, features=provider)
    assert seen[0] == (data.close[0] / 2, data.close[0] / 2, data.timestamps[0] / 1e9)
    entries = [*result.trades["entry_half"], *result.open_positions["entry_half"]]
    assert entries == [data.close[0] / 2]


def test_columns_of_one_name(bars):
    provider = PrecomputedFeatureProvider(scores())
    with pytest.raises(DataError, match=r"features\[1\]: column 'x' is already in another table"):
        market_data(bars, features=[scores(), provider])
    with pytest.raises(DataError, match=r"features\[1\]: column 'x' is already in another table"):
        market_data(bars, features=[provider, PrecomputedFeatureProvider(scores())])
    vix = pd.DataFrame({"timestamp": bars["timestamp"][:1], "x": [13.0]})
    with pytest.raises(DataError, match="features: column 'x' is already in another table"):
        market_data(bars, signals=scores(), features=PrecomputedFeatureProvider(market=vix))


@pytest.mark.parametrize(
    ("provider", "message"),
    [
        (
            Columnar(lambda data: {"n": np.zeros(2)}),
            r"features: column 'n' of the provider must have shape \(5,\), had \(2,\)",
        ),
        (
            Columnar(lambda data: {"n": data.cloze}),
            "features: columns of Columnar raised AttributeError",
        ),
        (
            Counting(lambda asset, timestamp: {"n": [][0]}),
            r"features: get_features of Counting raised IndexError: .* \(2024-01-02 .*, AAA\)",
        ),
        (
            CallableFeatureProvider(lambda asset, time: {}, lambda time: {"vix": "high"}),
            "features: get_market_features of CallableFeatureProvider raised ValueError: .*'high' ",
        ),
    ],
)
def test_a_provider_that_fails(bars, provider, message):
    with pytest.raises(DataError, match=message):
        market_data(bars, features=provider)


def test_dates_of_a_provider_are_not_midnights_beside_times_of_day():
    days = pd.date_range("2024-01-02", periods=3)
    daily = pd.DataFrame({"date": days, "asset": "AAA", "close": 1.0})
    values = pd.DataFrame({"date": days, "asset": "AAA", "x": [1.0, 2.0, 3.0]})
    data = market_data(daily, features=PrecomputedFeatureProvider(values))
    np.testing.assert_array_equal(data.features["x"], [1.0, 2.0, 3.0])
    # 20:00 in New York is a new day in UTC, whose value is not known yet.
    late = {"bar_time": "20:00 America/New_York"}
    with pytest.raises(
        DataError, match=r"features has only dates and is asked for at 2024-01-03 01"
    ):
        market_data(daily, features=PrecomputedFeatureProvider(values), **late)
    data = market_data(daily, features=PrecomputedFeatureProvider(values, **late), **late)
    np.testing.assert_array_equal(data.features["x"], [1.0, 2.0, 3.0])


def test_validation_leaves_providers_alone(bars):
    whole = validate(bars, features=[scores(), PrecomputedFeatureProvider(scores("y"))])
    alone = validate(bars, features=[scores()])
    pd.testing.assert_frame_equal(whole.frame, alone.frame)


def test_a_provider_serves_runs_in_several_threads():
    # Both threads ask about one asset at times of their own, more than are kept: each is answered for
    # its time, and each pair is asked of the function once.
    asked = Counter()

    def fn(asset, timestamp):
        asked[threading.get_ident(), timestamp] += 1
        return {"x": float(timestamp)}

    provider = CallableFeatureProvider(fn, lambda timestamp: {"m": -float(timestamp)})
    together = threading.Barrier(2)

    def run(first):
        together.wait()
        for time in range(first, first + 20_000):
            for _ in range(2):
                assert provider.get_features("A", time)["x"] == time
                assert provider.get_market_features(time)["m"] == -time

    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(2) as pool:
            for done in [pool.submit(run, first) for first in (0, 10**6)]:
                done.result()
    finally:
        sys.setswitchinterval(usual)
    assert len(asked) == 40_000
    assert set(asked.values()) == {1}


def test_a_provider_goes_to_another_process():
    provider = CallableFeatureProvider(_twice)
    provider.get_features("A", 3)
    assert pickle.loads(pickle.dumps(provider)).get_features("A", 4) == {"x": 8.0}


def _twice(asset, timestamp):
    return {"x": 2.0 * timestamp}
