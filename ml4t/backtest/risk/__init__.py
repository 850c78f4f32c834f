"""Risk: rules on positions and orders."""

from ml4t.backtest.risk.composite import AllOf, AnyOf, CompositeRule
from ml4t.backtest.risk.context import RiskContext
from ml4t.backtest.risk.decision import ExitType, InvalidDecisionError, RiskDecision
from ml4t.backtest.risk.manager import RiskManager, RuleError
from ml4t.backtest.risk.rule import InvalidRuleError, RiskRule, RuleFunction, as_rule
from ml4t.backtest.risk.rules import (
    PriceBasedStopLoss,
    PriceBasedTakeProfit,
    TimeBasedExit,
    TrailingStop,
)
from ml4t.backtest.risk.spec import RuleSpec

__all__ = [
    "AllOf",
    "AnyOf",
    "CompositeRule",
    "ExitType",
    "InvalidDecisionError",
    "InvalidRuleError",
    "PriceBasedStopLoss",
    "PriceBasedTakeProfit",
    "RiskContext",
    "RiskDecision",
    "RiskManager",
    "RiskRule",
    "RuleError",
    "RuleFunction",
    "RuleSpec",
    "TimeBasedExit",
    "TrailingStop",
    "as_rule",
]
