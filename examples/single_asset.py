"""One stock: AAPL is held while its 50-day mean is above its 200-day mean."""

from ml4t.backtest import BacktestConfig, Commission, Strategy, run_backtest
from ml4t.backtest.data import SMA
from ml4t.backtest.datasets import load_aapl, load_aapl_actions


class Crossover(Strategy):
    def on_market_data(self, event):
        if event.fast > event.slow and not self.position(event.asset):
            self.order_target_percent(event.asset, 0.98)  # the rest pays for a gap at the next open
        elif event.fast < event.slow:
            self.close(event.asset)


result = run_backtest(
    load_aapl(),  # prices of the day: splits and dividends are events, not adjustments
    Crossover(),
    actions=load_aapl_actions(),
    features={"fast": SMA(50), "slow": SMA(200)},
    bar_time="16:00 America/New_York",
    config=BacktestConfig(
        commission=Commission(per_unit=0.005, minimum=1.0), slippage=0.0005, quantity="whole"
    ),
)
print(result.summary())
