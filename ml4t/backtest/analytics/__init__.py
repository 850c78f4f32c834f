"""What a run was worth: performance measures and the frames they are made of."""

from ml4t.backtest.analytics.attribution import Attribution
from ml4t.backtest.analytics.errors import AnalysisError
from ml4t.backtest.analytics.metrics import (
    annual_return,
    annual_volatility,
    calmar_ratio,
    exits_by_rule,
    performance_metrics,
    sharpe_ratio,
    simple_returns,
    sortino_ratio,
    trade_metrics,
)
from ml4t.backtest.analytics.overfitting import (
    BacktestOverfitting,
    DeflatedSharpe,
    best_of_luck,
    deflated_sharpe,
    probability_of_backtest_overfitting,
)
from ml4t.backtest.analytics.sharpe_inference import probabilistic_sharpe
from ml4t.backtest.analytics.suggested_levels import SuggestedLevels, suggest_levels
from ml4t.backtest.analytics.years import elapsed_years, periods_per_year
from ml4t.backtest.market.sessions import session_dates, session_ends, session_zone
from ml4t.backtest.records.recorded_columns import recorded_columns

__all__ = [
    "AnalysisError",
    "Attribution",
    "BacktestOverfitting",
    "DeflatedSharpe",
    "SuggestedLevels",
    "annual_return",
    "annual_volatility",
    "best_of_luck",
    "calmar_ratio",
    "deflated_sharpe",
    "elapsed_years",
    "exits_by_rule",
    "performance_metrics",
    "periods_per_year",
    "probabilistic_sharpe",
    "probability_of_backtest_overfitting",
    "recorded_columns",
    "session_dates",
    "session_ends",
    "session_zone",
    "sharpe_ratio",
    "simple_returns",
    "sortino_ratio",
    "suggest_levels",
    "trade_metrics",
]
