"""Risk: rules on positions and orders."""

from ml4t.backtest.risk.compiled_rule import CFuncRule, CompiledRule
from ml4t.backtest.risk.composite import AllOf, AnyOf, CompositeRule
from ml4t.backtest.risk.context import RiskContext
from ml4t.backtest.risk.decision import ExitType, InvalidDecisionError, RiskDecision
from ml4t.backtest.risk.function_rule import RuleFunction, as_rule
from ml4t.backtest.risk.limits import (
    LimitBreach,
    LongOnly,
    MaxCVaR,
    MaxDailyLoss,
    MaxDrawdown,
    MaxGrossExposure,
    MaxGroupExposure,
    MaxLeverage,
    MaxNetExposure,
    MaxPositions,
    MaxPositionWeight,
    MaxTurnover,
    MaxVaR,
    PortfolioLimit,
    PortfolioRule,
    RestrictedAssets,
    VolatilityTarget,
)
from ml4t.backtest.risk.manager import RiskManager
from ml4t.backtest.risk.numba_rule import numba_rule
from ml4t.backtest.risk.numba_signature import rule_signature
from ml4t.backtest.risk.portfolio_context import PortfolioContext
from ml4t.backtest.risk.regime_dependent_rule import RegimeDependentRule
from ml4t.backtest.risk.rule import InvalidRuleError, ReusedRuleWarning, RiskRule, RuleError
from ml4t.backtest.risk.rules import (
    BreakEven,
    DynamicTrailingStop,
    MaxLoss,
    PriceBasedStopLoss,
    PriceBasedTakeProfit,
    ScaledExit,
    SessionExit,
    SignalExit,
    TimeBasedExit,
    TrailingStop,
    VolatilityScaledStopLoss,
    VolatilityScaledTakeProfit,
)
from ml4t.backtest.risk.spec import RuleSpec

__all__ = [
    "AllOf",
    "AnyOf",
    "BreakEven",
    "CFuncRule",
    "CompiledRule",
    "CompositeRule",
    "DynamicTrailingStop",
    "ExitType",
    "InvalidDecisionError",
    "InvalidRuleError",
    "LimitBreach",
    "LongOnly",
    "MaxCVaR",
    "MaxDailyLoss",
    "MaxDrawdown",
    "MaxGrossExposure",
    "MaxGroupExposure",
    "MaxLeverage",
    "MaxLoss",
    "MaxNetExposure",
    "MaxPositionWeight",
    "MaxPositions",
    "MaxTurnover",
    "MaxVaR",
    "PortfolioContext",
    "PortfolioLimit",
    "PortfolioRule",
    "PriceBasedStopLoss",
    "PriceBasedTakeProfit",
    "RegimeDependentRule",
    "RestrictedAssets",
    "ReusedRuleWarning",
    "RiskContext",
    "RiskDecision",
    "RiskManager",
    "RiskRule",
    "RuleError",
    "RuleFunction",
    "RuleSpec",
    "ScaledExit",
    "SessionExit",
    "SignalExit",
    "TimeBasedExit",
    "TrailingStop",
    "VolatilityScaledStopLoss",
    "VolatilityScaledTakeProfit",
    "VolatilityTarget",
    "as_rule",
    "numba_rule",
    "rule_signature",
]
