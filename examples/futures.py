"""Futures: one E-mini contract, long above the mean of the last hour and short below it."""

from ml4t.backtest import BacktestConfig, Commission, Strategy, run_backtest
from ml4t.backtest.data import EWMA
from ml4t.backtest.datasets import load_es_minutes
from ml4t.backtest.risk import TrailingStop

POINT = 50.0  # dollars a point of one contract: one contract is 50 units of the index


class Trend(Strategy):
    def on_market_data(self, event):
        if event.timestamp.minute == 0:  # at the end of each hour
            side = 1.0 if event.close > event.mean else -1.0
            self.order_target_quantity(event.asset, side * POINT)


commission = Commission(per_unit=2.25 / POINT)  # 2.25 dollars a contract
config = BacktestConfig(
    initial_cash=25_000, account="margin", max_leverage=5, commission=commission, slippage=0.0001
)  # a slippage of some 0.16 points: more than half a tick
result = run_backtest(
    load_es_minutes(),  # almost 24 hours a day; minutes without a trade are missing
    Trend(),
    features={"mean": EWMA(60)},
    rules=[TrailingStop(pct=0.002)],
    config=config,
)
print(result.summary())
