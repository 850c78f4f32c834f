"""Indicators against TA-Lib's and pandas' answers, in chunks, over splits, and without a look ahead."""

import numpy as np
import pandas as pd
import pytest
import talib

from ml4t.backtest.data import (
    ATR,
    EWMA,
    RSI,
    SMA,
    DataError,
    RealizedVolatility,
    RollingMax,
    RollingMin,
    market_data,
)
from ml4t.backtest.market.market_data import ACTION

ALL = [
    ATR(14),
    ATR(1),
    RealizedVolatility(21),
    RollingMax(20),
    RollingMin(5, "close"),
    RollingMax(1),
    EWMA(10),
    SMA(5),
    RSI(14),
]


def random_bars(n_days=300, n_assets=3, seed=1, ragged=True):
    rng = np.random.default_rng(seed)
    close = 100 * np.exp(rng.normal(0, 0.02, (n_days, n_assets)).cumsum(axis=0))
    opened = close * np.exp(rng.normal(0, 0.01, close.shape))
    frame = pd.DataFrame(
        {
            "date": np.repeat(pd.bdate_range("2020-01-01", periods=n_days), n_assets),
            "asset": np.tile([f"A{i}" for i in range(n_assets)], n_days),
            "open": opened.reshape(-1),
            "high": (np.maximum(opened, close) * (1 + rng.uniform(0, 0.01, close.shape))).reshape(
                -1
            ),
            "low": (np.minimum(opened, close) * (1 - rng.uniform(0, 0.01, close.shape))).reshape(
                -1
            ),
            "close": close.reshape(-1),
        }
    )
    return frame[rng.random(len(frame)) < 0.8].reset_index(drop=True) if ragged else frame


@pytest.fixture(
    params=[
        "random walks",
        "daily/aapl_fb_daily_raw",
        "context/sp500_daily",
        "futures/es_minute_20130901",
    ]
)
def market(request):
    if request.param == "random walks":
        return market_data(random_bars())
    return market_data(request.getfixturevalue("shared") / f"open/{request.param}.parquet")


def bars_by_asset(data):
    for code in range(data.n_assets):
        rows = data.asset_codes == code
        fields = ("open", "high", "low", "close")
        yield rows, pd.DataFrame({field: getattr(data, field)[rows] for field in fields})


def wilder(bars, period):
    """ATR of one asset with pandas: the seed, then an exponential mean of alpha 1/period."""
    before = bars["close"].shift(1)
    ranges = pd.concat(
        [bars["high"] - bars["low"], (bars["high"] - before).abs(), (bars["low"] - before).abs()],
        axis=1,
    )
    true_range = ranges.max(axis=1)[1:]
    seeded = true_range[period:].to_numpy()
    seeded = pd.Series(np.concatenate([[true_range[:period].mean()], seeded]))
    values = seeded.ewm(alpha=1 / period, adjust=False).mean()
    return np.concatenate([np.full(min(period, len(bars)), np.nan), values])[: len(bars)]


ANSWERS = {
    ATR(14): lambda bars: wilder(bars, 14),
    ATR(1): lambda bars: wilder(bars, 1),
    RealizedVolatility(21): lambda bars: (
        np.log(bars["close"]).diff().rolling(21).std() * np.sqrt(252)
    ),
    RealizedVolatility(5, 365): lambda bars: (
        np.log(bars["close"]).diff().rolling(5).std() * np.sqrt(365)
    ),
    RollingMax(20): lambda bars: bars["high"].rolling(20).max(),
    RollingMin(5, "close"): lambda bars: bars["close"].rolling(5).min(),
    RollingMax(1): lambda bars: bars["high"],
    EWMA(10): lambda bars: bars["close"].ewm(span=10, adjust=False).mean(),
}


# pandas' deviation is a running one, which leaves some 1e-14 where the window is flat.
@pytest.mark.parametrize("indicator", ANSWERS, ids=str)
def test_against_pandas(indicator, market):
    column = indicator.compute(market)
    for rows, bars in bars_by_asset(market):
        np.testing.assert_allclose(column[rows], ANSWERS[indicator](bars), rtol=1e-11, atol=1e-12)


# From the first value on, since NaN has to stand where TA-Lib has it. Not to the bit: TA-Lib may
# multiply by 1/n, and a recursion that forgets 1/n a step keeps n roundings at most.
@pytest.mark.parametrize("period", [1, 2, 14, 100])
def test_atr_against_talib(period, market):
    column = ATR(period).compute(market)
    for rows, bars in bars_by_asset(market):
        expected = talib.ATR(bars["high"], bars["low"], bars["close"], period)
        np.testing.assert_allclose(column[rows], expected, rtol=1e-13)


# FB has fewer than 250 bars, and TA-Lib no extreme of one.
@pytest.mark.parametrize("period", [2, 5, 20, 250])
@pytest.mark.parametrize("field", ["high", "low", "close"])
def test_extremes_against_talib(period, field, market):
    largest = RollingMax(period, field).compute(market)
    smallest = RollingMin(period, field).compute(market)
    for rows, bars in bars_by_asset(market):
        np.testing.assert_array_equal(largest[rows], talib.MAX(bars[field], period))
        np.testing.assert_array_equal(smallest[rows], talib.MIN(bars[field], period))


@pytest.mark.parametrize("period", [2, 14, 50])
@pytest.mark.parametrize("field", ["close", "high"])
def test_mean_and_strength_against_talib(period, field, market):
    mean, strength = SMA(period, field).compute(market), RSI(period, field).compute(market)
    for rows, bars in bars_by_asset(market):
        np.testing.assert_allclose(mean[rows], talib.SMA(bars[field], period), rtol=1e-11)
        np.testing.assert_allclose(
            strength[rows], talib.RSI(bars[field], period), rtol=1e-11, atol=1e-9
        )


def test_strength_by_hand():
    # Changes +2, -1, 0, +3. RSI(2): G = (2 + 0)/2 = 1, L = (0 + 1)/2 = 0.5: 100*1/1.5; then G = (1 + 0)/2
    # = 0.5, L = 0.25: the same; then G = (0.5 + 3)/2 = 1.75, L = 0.125: 100*1.75/1.875. SMA(2) beside it.
    frame = pd.DataFrame(
        {
            "date": pd.bdate_range("2024-01-01", periods=5),
            "asset": "A",
            "close": [10.0, 12.0, 11.0, 11.0, 14.0],
        }
    )
    columns = market_data(frame, features=[RSI(2), SMA(2)]).features
    np.testing.assert_allclose(
        columns["rsi_close_2"], [np.nan, np.nan, 200 / 3, 200 / 3, 280 / 3], rtol=1e-15
    )
    np.testing.assert_array_equal(columns["sma_close_2"], [np.nan, 11.0, 11.5, 11.0, 12.5])


def test_strength_of_a_market_that_stands_still_is_zero():
    frame = pd.DataFrame({"date": pd.bdate_range("2024-01-01", periods=3), "A": 5.0})
    np.testing.assert_array_equal(RSI(2).compute(market_data(frame)), [np.nan, np.nan, 0.0])


def test_real_splits_against_talib_on_adjusted_bars(shared):
    # AAPL split 2:1 twice: halving loses no bit, so only the ATR rounds.
    actions = pd.read_parquet(shared / "open/daily/aapl_actions.parquet")
    frame = pd.read_parquet(shared / "open/daily/aapl_fb_daily_raw.parquet")
    frame = frame[frame["symbol"] == "AAPL"].reset_index(drop=True)
    data = market_data(frame, actions=actions)
    splits = actions[actions["kind"] == "split"]
    assert list(splits["value"]) == [2.0, 2.0]
    unit = np.ones(len(frame))
    for ex_date, ratio in zip(splits["date"], splits["value"], strict=True):
        unit[(frame["date"] < ex_date).to_numpy()] *= ratio
    high, low, close = (frame[field].to_numpy() / unit for field in ("high", "low", "close"))
    np.testing.assert_allclose(
        ATR(14).compute(data), talib.ATR(high, low, close, 14) * unit, rtol=1e-13
    )
    np.testing.assert_array_equal(RollingMax(20).compute(data), talib.MAX(high, 20) * unit)
    np.testing.assert_array_equal(RollingMin(20).compute(data), talib.MIN(low, 20) * unit)


def test_atr_by_hand():
    # True ranges from the second bar: max(2, |12-10|, |10-10|) = 2, then max(3, |13-11|, |10-11|) = 3,
    # then max(1, |15-12|, |14-12|) = 3. ATR(2) = (2 + 3)/2 = 2.5, then (2.5*1 + 3)/2 = 2.75.
    frame = pd.DataFrame(
        {
            "date": pd.bdate_range("2024-01-01", periods=4),
            "open": [10.0, 11.0, 12.0, 14.5],
            "high": [11.0, 12.0, 13.0, 15.0],
            "low": [9.0, 10.0, 10.0, 14.0],
            "close": [10.0, 11.0, 12.0, 14.5],
        }
    )
    column = market_data(frame, features=ATR(2)).features["atr_2"]
    np.testing.assert_array_equal(column, [np.nan, np.nan, 2.5, 2.75])


@pytest.mark.parametrize("indicator", ALL, ids=str)
@pytest.mark.parametrize("seed", range(3))
def test_chunks_give_the_same_bits(indicator, seed):
    frame = random_bars(seed=seed)
    days = sorted(frame["date"].unique())
    splits = pd.DataFrame(
        {
            "date": [days[100], days[150]],
            "asset": ["A0", "A2"],
            "kind": "split",
            "value": [2.0, 0.5],
        }
    )
    whole = market_data(frame, actions=splits)
    expected = indicator.compute(whole)
    cuts = np.sort(np.random.default_rng(seed).choice(len(days), 20, replace=False))
    progress, pieces = indicator.start(3), []
    for chunk in np.split(np.array(days), cuts):
        part = frame[frame["date"].isin(chunk)]
        if len(part):
            due = splits[splits["date"].isin(chunk)]
            pieces.append(progress.update(market_data(part, assets=whole.assets, actions=due)))
    np.testing.assert_array_equal(np.concatenate(pieces), expected)


@pytest.mark.parametrize("indicator", ALL, ids=str)
def test_one_bar_at_a_time(indicator):
    frame = random_bars(n_days=60)
    whole = market_data(frame)
    progress = indicator.start(whole.n_assets)
    pieces = [
        progress.update(market_data(rows, assets=whole.assets)) for _, rows in frame.groupby("date")
    ]
    np.testing.assert_array_equal(np.concatenate(pieces), indicator.compute(whole))


@pytest.mark.parametrize("indicator", ALL, ids=str)
def test_nothing_changes_when_the_future_does(indicator):
    frame = random_bars()
    expected = indicator.compute(market_data(frame))
    for row in (1, 50, 400):
        other = frame.copy()
        other.loc[row:, ["open", "high", "low", "close"]] *= 1.7
        np.testing.assert_array_equal(indicator.compute(market_data(other))[:row], expected[:row])


@pytest.mark.parametrize("indicator", ALL, ids=str)
def test_a_split_only_changes_the_unit(indicator):
    # The same market told twice: in units of before, and with a 4:1 split on day 150 as an event.
    frame = random_bars(n_assets=1, ragged=False)
    split = frame["date"] >= frame["date"][150]
    raw = frame.copy()
    raw.loc[split, ["open", "high", "low", "close"]] /= 4.0
    actions = pd.DataFrame(
        {"date": [frame["date"][150]], "asset": ["A0"], "kind": ["split"], "value": [4.0]}
    )
    smooth = indicator.compute(market_data(frame))
    told = indicator.compute(market_data(raw, actions=actions))
    unit = 1.0 if isinstance(indicator, RealizedVolatility | RSI) else np.where(split, 4.0, 1.0)
    np.testing.assert_allclose(told * unit, smooth, rtol=1e-12)


def test_a_split_of_an_asset_without_a_row_waits_for_its_next():
    frame = pd.DataFrame(
        {"date": pd.bdate_range("2024-01-01", periods=4), "close": [100.0, 100.0, 50.0, 50.0]}
    )
    actions = np.zeros(1, ACTION)
    actions["value"], actions["time"] = 2.0, pd.Timestamp("2024-01-03").value
    progress = ATR(1).start(1)
    first, second = market_data(frame[:2], assets=["A"]), market_data(frame[2:], assets=["A"])
    times = np.repeat(first.timestamps, np.diff(first.offsets))
    prices = {"high": first.high, "low": first.low, "close": first.close}
    np.testing.assert_array_equal(
        progress.update_bars(times, first.asset_codes, prices, actions), [np.nan, 0.0]
    )
    np.testing.assert_array_equal(progress.update(second), [0.0, 0.0])


def test_indicators_stand_among_features(bars):
    table = pd.DataFrame({"timestamp": bars["timestamp"][:1], "asset": ["AAA"], "x": [1.0]})
    data = market_data(bars, features={"range": ATR(1), "table": table})
    assert list(data.features) == ["x", "range"]
    data = market_data(bars, features=[ATR(1), EWMA(3)])
    assert list(data.features) == ["atr_1", "ewma_close_3"]
    assert data.signal_names == ()
    np.testing.assert_array_equal(data.features["ewma_close_3"], EWMA(3).compute(data))
    with pytest.raises(DataError, match="column 'x' is already"):
        market_data(bars, features={"x": ATR(1), "table": table})


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ATR(0), "period must be a whole number from 1 to 1,000,000, was 0"),
        (lambda: RealizedVolatility(1), "from 2 to"),
        (lambda: RealizedVolatility(5, -1.0), "bars_per_year must be positive"),
        (lambda: RollingMax(2.5), "whole number"),
        (lambda: RollingMin(5, "score"), "field must be open, high, low or close"),
    ],
)
def test_parameters_are_checked(make, message):
    with pytest.raises(DataError, match=message):
        make()
