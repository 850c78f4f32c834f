"""Intraday: buy what breaks out of the first half hour of the US day, flat before the early close."""

from datetime import time

from ml4t.backtest import BacktestConfig, Strategy, run_backtest
from ml4t.backtest.datasets import load_es_minutes
from ml4t.backtest.risk import PriceBasedStopLoss


class OpeningRange(Strategy):
    def on_start(self):
        self.high = None

    def on_market_data(self, event):
        now = event.timestamp.tz_convert("America/New_York").time()
        if time(9, 30) < now <= time(10):
            self.high = max(self.high or event.high, event.high)
        elif time(10) < now < time(11, 15) and self.high and event.close > self.high:
            self.buy(event.asset, percent=0.95)
            self.high = None  # once a day
        elif now >= time(11, 15):
            self.close(event.asset)


# Minutes of an index future: those of stocks may not be shipped. Your own table of them goes here.
config = BacktestConfig(commission=0.0001, slippage=0.0001)
rules = [PriceBasedStopLoss(pct=0.002)]
result = run_backtest(load_es_minutes(), OpeningRange(), rules=rules, config=config)
print(result.summary())
