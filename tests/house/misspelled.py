"""What a type checker has to find: an ``ignore`` that it needs not is an error of its own."""

from decimal import Decimal

from ml4t.backtest import BacktestConfig, DataFeed, MarketData, SignalStrategy, run_backtest
from ml4t.backtest.data import validate
from ml4t.backtest.risk import RiskManager
from ml4t.backtest.runfile import RunFile

strategy = SignalStrategy("score")

run_backtest("prices.csv", strategy, bartime="16:00")  # type: ignore[call-overload]
run_backtest("prices.csv", strategy, confg=BacktestConfig())  # type: ignore[call-overload]
MarketData.from_tables("prices.csv", bartime="16:00")  # type: ignore[call-arg]
DataFeed.from_parquet("prices", chunks="year")  # type: ignore[call-arg]
validate("prices.csv", bartime="16:00")  # type: ignore[call-arg]
RunFile.from_python("prices.csv", strategy, bartime="16:00")  # type: ignore[call-arg]
SignalStrategy("score", percnt=0.5)  # type: ignore[call-arg]
RiskManager(rule=[])  # type: ignore[call-arg]
BacktestConfig(comission=0.001)  # type: ignore[call-arg]
BacktestConfig(fill_at="next open")  # type: ignore[arg-type]

# What a setting takes is more than what it keeps.
config = BacktestConfig(commission=Decimal("0.001"), initial_cash=50_000, record_columns=["score"])
paid: float = config.commission.percent
BacktestConfig(commission={"per_unit": 0.005, "minimum": 1})
