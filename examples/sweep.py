"""A sweep: stop and target for breakouts of 19 stocks, chosen on 1996 to 2007, judged on 2008 to 2018."""

from itertools import product

import pandas as pd

from ml4t.backtest import BacktestConfig, MarketData, SignalStrategy, run_backtest
from ml4t.backtest.datasets import load_us_stocks
from ml4t.backtest.risk import PriceBasedStopLoss, PriceBasedTakeProfit

prices = load_us_stocks("1995", "2018")  # of companies that are still there: a demonstration
breakout = (prices >= prices.rolling(100).max()).astype(float)  # a close counts itself
past, future = (  # read and joined once, run many times
    MarketData.from_tables(prices[span], signals={"breakout": breakout[span]})
    for span in (slice("1996", "2007"), slice("2008", "2018"))
)
config = BacktestConfig(commission=0.0005, slippage=0.0005)


def sharpe(data: MarketData, stop: float, target: float) -> float:
    rules = [PriceBasedStopLoss(pct=stop), PriceBasedTakeProfit(pct=target)]
    strategy = SignalStrategy("breakout", percent=0.05)
    return run_backtest(data, strategy, rules=rules, config=config).metrics["sharpe"]


pairs = list(product((0.04, 0.08, 0.12, 0.16), (0.1, 0.2, 0.3, 0.4)))
rows = [(*pair, sharpe(past, *pair), sharpe(future, *pair)) for pair in pairs]
table = pd.DataFrame(rows, columns=["stop", "target", "chosen_on", "judged_on"]).round(2)
print(table.sort_values("chosen_on", ascending=False).to_string(index=False))
