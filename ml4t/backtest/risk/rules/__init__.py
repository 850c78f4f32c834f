"""The built-in rules, one idea a file."""

from ml4t.backtest.risk.rules.break_even import BreakEven
from ml4t.backtest.risk.rules.dynamic_trailing_stop import DynamicTrailingStop
from ml4t.backtest.risk.rules.max_loss import MaxLoss
from ml4t.backtest.risk.rules.price_based_stop_loss import PriceBasedStopLoss
from ml4t.backtest.risk.rules.price_based_take_profit import PriceBasedTakeProfit
from ml4t.backtest.risk.rules.scaled_exit import ScaledExit
from ml4t.backtest.risk.rules.session_exit import SessionExit
from ml4t.backtest.risk.rules.signal_exit import SignalExit
from ml4t.backtest.risk.rules.time_based_exit import TimeBasedExit
from ml4t.backtest.risk.rules.trailing_stop import TrailingStop
from ml4t.backtest.risk.rules.volatility_scaled_stop_loss import VolatilityScaledStopLoss
from ml4t.backtest.risk.rules.volatility_scaled_take_profit import VolatilityScaledTakeProfit

__all__ = [
    "BreakEven",
    "DynamicTrailingStop",
    "MaxLoss",
    "PriceBasedStopLoss",
    "PriceBasedTakeProfit",
    "ScaledExit",
    "SessionExit",
    "SignalExit",
    "TimeBasedExit",
    "TrailingStop",
    "VolatilityScaledStopLoss",
    "VolatilityScaledTakeProfit",
]
