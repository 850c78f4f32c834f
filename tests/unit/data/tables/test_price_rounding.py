"""Prices that miss each other by rounding are read; beyond it the message says by how much."""

import pickle

import numpy as np
import pandas as pd
import pytest

from ml4t.backtest import DataFeed, MarketData, Strategy, run_backtest
from ml4t.backtest.backtest.run_errors import StrategyError
from ml4t.backtest.data import DataError, market_data, validate
from ml4t.backtest.risk.rules import PriceBasedStopLoss, TrailingStop


def adjusted_bars(n=1250):
    """Bars as yfinance adjusts them: open, high and low times close / raw close, the close as published."""
    rng = np.random.default_rng(1)
    close = (100 * np.exp(rng.normal(0, 0.01, n).cumsum())).round(2)
    open_ = (close * (1 + rng.normal(0, 0.005, n))).round(2)
    wicks = rng.random((2, n)) > 0.1  # one day in ten opens or closes at its high or low
    high = (np.maximum(open_, close) + 0.5 * wicks[0]).round(2)
    low = (np.minimum(open_, close) - 0.5 * wicks[1]).round(2)
    adjusted = (close * np.linspace(0.8, 1.0, n)).round(6)
    ratio = adjusted / close
    return pd.DataFrame(
        {
            "Date": pd.bdate_range("2019-01-02", periods=n),
            "Open": open_ * ratio,
            "High": high * ratio,
            "Low": low * ratio,
            "Close": adjusted,
        }
    )


@pytest.mark.parametrize("single", [False, True])
def test_adjusted_bars_are_read_and_stretched_to_their_body(single):
    bars = adjusted_bars()
    if single:
        bars = bars.astype(dict.fromkeys(("Open", "High", "Low"), "float32"))
    wide = bars.astype(dict.fromkeys(("Open", "High", "Low"), "float64"))
    body = wide[["Open", "Close"]]
    outside = (body.max(axis=1) > wide["High"]) | (body.min(axis=1) < wide["Low"])
    assert outside.sum() > 3
    data = market_data(bars)
    assert data.info["stretched_bars"] == outside.sum()
    np.testing.assert_array_equal(data.high, np.maximum(wide["High"], body.max(axis=1)))
    np.testing.assert_array_equal(data.low, np.minimum(wide["Low"], body.min(axis=1)))
    np.testing.assert_array_equal(data.close, bars["Close"])
    assert validate(bars, severity={"stale": "off"}).ok
    assert (
        f"{outside.sum()} bars missed open or close by rounding"
        in run_backtest(bars, Hold()).summary()
    )


@pytest.mark.parametrize(
    ("column", "factor", "message"),
    [
        # A close of 10: 0.1% above the high, 2e-9 above, 5% below the low.
        ("high", 1 / 1.001, r"column 'close' is above high by up to 0\.1% in 1 row"),
        ("high", 1 / (1 + 2e-9), r"column 'close' is above high by up to 2e-07% in 1 row"),
        ("low", 1 / 0.95, r"column 'high' is below low by up to 5% in 1 row"),
    ],
)
def test_beyond_rounding_the_message_says_by_how_much(column, factor, message):
    bar = {"date": ["2024-01-02"], "open": 9.9, "high": 10.0, "low": 9.8, "close": 10.0}
    bar[column] = 10.0 * factor
    with pytest.raises(DataError, match=message):
        market_data(pd.DataFrame(bar))


def test_what_is_finite_is_not_stretched_to_what_is_not():
    bar = {"date": ["2024-01-02"], "open": 9.9, "high": 10.0, "low": 9.8, "close": np.inf}
    with pytest.raises(DataError, match="column 'close' is infinite"):
        market_data(pd.DataFrame(bar))


OIL = pd.DataFrame(
    {
        "date": pd.bdate_range("2020-04-15", periods=6),
        "close": [19.87, 19.87, 18.27, -37.63, 10.01, 13.78],
    }
)


class Hold(Strategy):
    def on_market_data(self, event):
        if not self.position(event.asset):
            self.buy(event.asset, 1000)


def test_prices_below_zero_are_run_where_they_are_allowed(tmp_path):
    with pytest.raises(
        DataError, match=r"do not drop the rows, .* pass allow_negative_prices=True"
    ):
        run_backtest(OIL, Hold())
    # Bought at 19.87, marked at -37.63: 1,000 units lose 57,500, which dropping the row hides.
    result = run_backtest(OIL, Hold(), allow_negative_prices=True)
    assert result.equity["equity"].min() - 100_000 == pytest.approx(-57_500, abs=1e-9)
    assert validate(OIL, allow_negative_prices=True, severity={"spike": "off"}).ok
    OIL.to_parquet(tmp_path / "oil.parquet")
    feed = DataFeed.from_parquet(tmp_path / "oil.parquet", chunk=2, allow_negative_prices=["asset"])
    again = run_backtest(feed, Hold())
    assert list(again.equity["equity"]) == list(result.equity["equity"])
    data = MarketData.from_tables(OIL, allow_negative_prices=True)
    assert pickle.loads(pickle.dumps(data)).negative_prices == ("asset",)


def test_of_what_may_be_negative_nothing_is_sized_in_money_or_armed_in_percent():
    class InMoney(Strategy):
        def on_market_data(self, event):
            self.order_target_percent(event.asset, 0.5)

    with pytest.raises(
        StrategyError, match="'asset' may have negative prices, and cannot be ordered by"
    ):
        run_backtest(OIL, InMoney(), allow_negative_prices=True)
    for rule in (PriceBasedStopLoss(pct=0.1), TrailingStop(amount=2.0)):
        with pytest.raises(
            ValueError,
            match="'asset' may have negative prices, and has no levels in percent or at a distance",
        ):
            run_backtest(OIL, Hold(), rules=[rule], allow_negative_prices=True)
    # At a price it has: bought at 19.87, the open of -37.63 is beyond a stop at 15.
    stopped = run_backtest(
        OIL, Hold(), rules=[PriceBasedStopLoss(price=15.0)], allow_negative_prices=True
    )
    assert stopped.trades["exit_price"].iloc[0] == -37.63


@pytest.mark.parametrize(
    ("allowed", "message"),
    [("asset", "must be True or a list"), (["CL"], "names 'CL', which has no prices")],
)
def test_what_may_be_negative_is_named(allowed, message):
    with pytest.raises(DataError, match=f"allow_negative_prices {message}"):
        market_data(OIL, allow_negative_prices=allowed)


def test_repr_says_what_is_left_out():
    data = MarketData.from_tables(OIL.assign(close=1.0, exchange="NYMEX"))
    assert repr(data).endswith("0 actions, without 'exchange')")
