"""A split that leaves less than a unit pays it out; no bar decided that."""

import numpy as np
import pandas as pd

from ml4t.backtest import BacktestConfig, Strategy, run_backtest


class BuyOnce(Strategy):
    def on_market_data(self, event):
        if event.score == 0.0:
            self.buy(event.asset, 1)


def test_a_trade_that_ends_in_cash_in_lieu_carries_no_values_of_a_bar_to_come():
    days = pd.date_range("2024-01-01", periods=4, tz="UTC")
    prices = pd.DataFrame(
        {
            "timestamp": days,
            "asset": "A",
            "close": [100.0, 100.0, 200.0, 200.0],
            "score": np.arange(4.0),
        }
    )
    # One unit becomes half a unit on the third day; whole units keep none of it.
    split = pd.DataFrame({"timestamp": days[2:3], "asset": "A", "kind": "split", "value": 0.5})
    result = run_backtest(prices, BuyOnce(), actions=split, config=BacktestConfig(quantity="whole"))
    trade = result.trades.iloc[0]
    assert trade["reason"] == "cash_in_lieu"
    assert trade["exit_price"] == 200.0
    assert trade["net_pnl"] == 0.0
    assert trade["entry_score"] == 0.0
    assert np.isnan(trade["exit_score"])
    assert pd.isna(trade["exit_decision_time"])
