"""Machine learning: each Friday the five stocks with the highest prediction, with a stop on each."""

import numpy as np

from ml4t.backtest import BacktestConfig, Strategy, run_backtest
from ml4t.backtest.data import Table
from ml4t.backtest.datasets import load_predictions, load_us_stocks
from ml4t.backtest.risk import PriceBasedStopLoss


class Top5(Strategy):
    def on_timestamp_batch(self, timestamp, events, context):
        if timestamp.weekday() == 4 and not np.isnan(events["prediction"]).any():
            best = np.argsort(events["prediction"])[-5:]
            self.order_target_weights({events.assets[i]: 0.19 for i in best})


result = run_backtest(
    load_us_stocks("2014", "2018"),
    Top5(),
    # available_at is 16:05, after the close: seen at the next one. The label stays out.
    signals=Table(load_predictions("2013-12", "2018"), values=["prediction"]),
    bar_time="16:00 America/New_York",
    rules=[PriceBasedStopLoss(pct=0.08)],
    config=BacktestConfig(commission=0.0005, slippage=0.0005),
)
print(result.summary())
