from ml4t.backtest.analytics.attribution import Attribution
from ml4t.backtest.analytics.errors import AnalysisError
from ml4t.backtest.analytics.suggested_levels import SuggestedLevels, suggest_levels
from ml4t.backtest.backtest import BacktestEngine, BoundsResult, InternalError, run_backtest
from ml4t.backtest.calendars import Sessions
from ml4t.backtest.config import BacktestConfig, Commission, Slippage
from ml4t.backtest.contribution import RuleContribution, rule_contribution
from ml4t.backtest.core.build import build_profile
from ml4t.backtest.cost_models import CostModelError, PossibleFill
from ml4t.backtest.data import DataError, DataFeed, MarketData
from ml4t.backtest.execution.views import Fill, Order
from ml4t.backtest.lookahead import LookaheadReport, check_lookahead
from ml4t.backtest.market.cross_section import CrossSection
from ml4t.backtest.market.event import MarketEvent
from ml4t.backtest.records.errors import ResultError
from ml4t.backtest.report.story.trade_story import TradeStory
from ml4t.backtest.result import BacktestResult
from ml4t.backtest.risk.rule import ReusedRuleWarning
from ml4t.backtest.strategy.errors import (
    BacktestInterrupted,
    ReusedStrategyWarning,
    StrategyError,
)
from ml4t.backtest.strategy.signal_strategy import SignalStrategy
from ml4t.backtest.strategy.strategy import CompiledStrategy, Strategy
from ml4t.backtest.strategy.target_weights import TargetWeights
from ml4t.backtest.strategy.top_k import TopK

__all__ = [
    "AnalysisError",
    "Attribution",
    "BacktestConfig",
    "BacktestEngine",
    "BacktestInterrupted",
    "BacktestResult",
    "BoundsResult",
    "Commission",
    "CompiledStrategy",
    "CostModelError",
    "CrossSection",
    "DataError",
    "DataFeed",
    "Fill",
    "InternalError",
    "LookaheadReport",
    "MarketData",
    "MarketEvent",
    "Order",
    "PossibleFill",
    "ResultError",
    "ReusedRuleWarning",
    "ReusedStrategyWarning",
    "RuleContribution",
    "Sessions",
    "SignalStrategy",
    "Slippage",
    "Strategy",
    "StrategyError",
    "SuggestedLevels",
    "TargetWeights",
    "TopK",
    "TradeStory",
    "build_profile",
    "check_lookahead",
    "rule_contribution",
    "run_backtest",
    "suggest_levels",
]
