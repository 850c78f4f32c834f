"""with_signals and with_features: what from_tables would have joined, onto bars that are ready."""

import numpy as np
import pandas as pd
import pytest

from ml4t.backtest import MarketData, SignalStrategy, run_backtest
from ml4t.backtest.data import (
    ATR,
    CallableFeatureProvider,
    DataError,
    DataFeed,
    LookAheadError,
    Table,
)

NEW_YORK = "16:00 America/New_York"
DAYS = pd.date_range("2024-01-02", periods=8, freq="B")


def table(column, assets=("A", "B"), times=DAYS, **columns):
    """A long table of random values."""
    random = np.random.default_rng(7)
    n = len(times) * len(assets)
    return pd.DataFrame(
        {
            "timestamp": np.repeat(times, len(assets)),
            "asset": list(assets) * len(times),
            column: 100.0 + random.random(n),
            **columns,
        }
    )


PRICES = table("close")
TIMED = DAYS.tz_localize("America/New_York") + pd.Timedelta("16h")
DAILY_LAGGED = Table(table("score"), available_after="1d")
LATE = table("score", times=DAYS[2:4])


def assert_same(one, other):
    """Every column, its role, and the bars."""
    assert list(one.features) == list(other.features)
    assert one.signal_names == other.signal_names
    assert list(one.context) == list(other.context)
    for name in one.features:
        np.testing.assert_array_equal(one.features[name], other.features[name])
    for name in one.context:
        np.testing.assert_array_equal(one.context[name], other.context[name])
    np.testing.assert_array_equal(one.timestamps, other.timestamps)
    assert {k: v for k, v in one.info.items() if k != "tables"} == {
        k: v for k, v in other.info.items() if k != "tables"
    }


@pytest.mark.parametrize(
    ("prices", "options", "given", "own"),
    [
        (PRICES, {}, table("score"), {}),
        (PRICES, {}, DAILY_LAGGED, {}),
        (PRICES, {}, Table(table("score"), timing="next_bar"), {}),
        (PRICES, {}, Table(LATE, max_age="2d"), {}),
        (PRICES, {}, {"fast": table("score"), "slow": Table(LATE.rename(columns={"score": "late"}))}, {}),
        (PRICES, {"bar_time": NEW_YORK}, table("score"), {}),
        (PRICES, {"bar_time": NEW_YORK}, table("score", times=TIMED), {}),
        (PRICES, {"bar_time": {"A": NEW_YORK, "B": "15:00 Asia/Tokyo"}}, table("score"), {}),
        (PRICES.assign(timestamp=np.repeat(TIMED, 2)), {}, table("score"), {"bar_time": NEW_YORK}),
        (PRICES.assign(timestamp=np.repeat(TIMED, 2)), {}, table("score", times=TIMED.tz_localize(None)),
         {"timezone": "America/New_York"}),
        (PRICES, {}, table("score", ("A", "B", "Z")), {"on_unknown_assets": "drop"}),
        (PRICES, {}, table("score", times=DAYS.as_unit("s").asi8), {"time_unit": "s"}),
    ],
)  # fmt: skip
def test_what_is_joined_later_is_what_is_joined_at_once(prices, options, given, own):
    later = MarketData.from_tables(prices, **options).with_signals(given, **own)
    at_once = MarketData.from_tables(prices, signals=given, **options | own)
    for name in ("score", "fast", "slow"):
        if name in later.features:
            assert np.isfinite(later.features[name]).any()
    told = {"bar_time": at_once.info["bar_time"], "timezone": at_once.info["timezone"]}
    said = later.info | told | {"zone": at_once.info["zone"]}
    assert {k: v for k, v in said.items() if k != "tables"} == {
        k: v for k, v in at_once.info.items() if k != "tables"
    }
    assert later.info["tables"] == at_once.info["tables"]
    assert list(later.features) == list(at_once.features)
    assert later.signal_names == at_once.signal_names
    for name, column in at_once.features.items():
        np.testing.assert_array_equal(later.features[name], column)


def test_features_indicators_and_providers_are_joined_as_at_once():
    # The split halves every price before it of an ATR.
    split = pd.DataFrame({"date": [DAYS[4]], "asset": ["A"], "kind": ["split"], "value": [2.0]})
    provider = CallableFeatureProvider(lambda asset, t: {"mine": 2.0}, lambda t: {"wide": 3.0})
    given = [table("value"), ATR(2), provider]
    base = MarketData.from_tables(PRICES, actions=split, signals=table("score"))
    later = base.with_features(given)
    assert_same(
        later, MarketData.from_tables(PRICES, actions=split, signals=table("score"), features=given)
    )
    assert later.signal_names == ("score",)
    assert list(later.context) == ["wide"]


def test_the_prices_are_shared_and_the_old_data_stay_as_they_were():
    base = MarketData.from_tables(PRICES)
    later = base.with_signals(table("score"))
    assert dict(base.features) == {}
    assert base.info["tables"] == {"prices": 16}
    assert np.shares_memory(base.close, later.close)
    assert np.shares_memory(base.open, later.open)
    again = later.with_signals(table("other"))
    assert np.shares_memory(later.features["score"], again.features["score"])
    assert again.info["tables"] == {"prices": 16, "signals": 16, "signals#2": 16}


def test_a_run_over_them_is_the_run_over_tables():
    signals = table("entry").assign(entry=lambda t: (np.arange(len(t)) % 5 == 0) * 1.0)
    base = MarketData.from_tables(PRICES)
    strategy = {"entry": "entry", "quantity": 1.0}
    one = run_backtest(base.with_signals(signals), SignalStrategy(**strategy))
    other = run_backtest(PRICES, SignalStrategy(**strategy), signals=signals)
    assert len(one.fills)
    assert one.fingerprint == other.fingerprint
    pd.testing.assert_frame_equal(one.equity, other.equity)
    assert "MarketData in memory" in one.not_reproducible


def test_a_name_that_is_taken_is_refused_unless_it_is_replaced():
    base = MarketData.from_tables(PRICES, signals=[table("score"), table("other")])
    new = table("score").assign(score=5.0)
    with pytest.raises(DataError, match="signals: column 'score' is already in another table"):
        base.with_signals(new)
    later = base.with_signals(new, replace=True)
    assert list(later.features) == ["score", "other"]
    assert set(later.features["score"]) == {5.0}
    assert base.features["score"][0] != 5.0
    # What comes as a feature is no signal any more.
    assert base.with_features(new, replace=True).signal_names == ("other",)


def test_two_new_columns_of_one_name_are_refused_where_one_is_replaced():
    base = MarketData.from_tables(PRICES, signals=table("score"))
    with pytest.raises(DataError, match="column 'score' is already in another table"):
        base.with_signals([table("score"), table("score")], replace=True)


@pytest.mark.parametrize("replace", [False, True])
def test_a_name_of_the_market_is_no_name_of_an_asset(replace):
    vix = pd.DataFrame({"timestamp": DAYS, "vix": 20.0})
    base = MarketData.from_tables(PRICES, context=vix)
    with pytest.raises(DataError, match="'vix' is a value of each asset and one of the market"):
        base.with_signals(table("vix"), replace=replace)


def test_a_feature_becomes_a_signal_by_its_name():
    base = MarketData.from_tables(PRICES.assign(pred=1.0))
    assert base.signal_names == ()
    assert base.with_signals("pred").signal_names == ("pred",)


@pytest.mark.parametrize(
    ("given", "own", "error", "message"),
    [
        (table("score", times=TIMED), {}, DataError, "prices has only dates, signals has times"),
        (table("score", ("A", "Z")), {}, DataError, "Z"),
        (table("score", times=TIMED), {"bar_time": NEW_YORK}, DataError, "bar_time= is the time of day"),
        (table("score"), {"bar_time": "16:00"}, DataError, "names no zone"),
        (table("score", available_at=np.repeat(DAYS - pd.Timedelta(days=3), 2)), {}, LookAheadError,
         "before the value's own time"),
        (table("score", times=DAYS + pd.Timedelta(days=3000)), {}, DataError, "no time in common|signals"),
    ],
)  # fmt: skip
def test_tables_are_refused_as_they_are_at_once(given, own, error, message):
    with pytest.raises(error, match=message):
        MarketData.from_tables(PRICES).with_signals(given, **own)


def test_a_chunk_takes_no_further_columns(tmp_path):
    path = tmp_path / "prices.parquet"
    PRICES.to_parquet(path)
    _, second, *_ = DataFeed.from_parquet(path, chunk=4)
    with pytest.raises(DataError, match="give its tables to the feed"):
        second.with_signals(table("score"))


@pytest.mark.parametrize("times", [DAYS, TIMED])
def test_bars_from_arrays_are_midnights_or_times(times):
    stamps = times.tz_localize("UTC") if times.tz is None else times
    data = MarketData.from_arrays(
        ["A"],
        stamps.as_unit("ns").asi8,
        range(len(DAYS) + 1),
        [0] * len(DAYS),
        *[np.ones(len(DAYS))] * 4,
    )
    if times is DAYS:
        assert np.isfinite(data.with_signals(table("score", ("A",))).features["score"]).all()
        return
    with pytest.raises(DataError, match="say when the dates are complete"):
        data.with_signals(table("score", ("A",)))
    assert np.isfinite(
        data.with_signals(table("score", ("A",)), bar_time=NEW_YORK).features["score"]
    ).all()
