"""The front doors: BacktestEngine for control, run_backtest for tables in, result out."""

from ml4t.backtest.backtest.backtest_engine import BacktestEngine
from ml4t.backtest.backtest.bounds import BoundsResult
from ml4t.backtest.backtest.over_tables import run_backtest
from ml4t.backtest.backtest.run_errors import InternalError

__all__ = ["BacktestEngine", "BoundsResult", "InternalError", "run_backtest"]
