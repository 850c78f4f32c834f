"""Limits of the portfolio."""

from ml4t.backtest.risk.limits.exposure_limits import (
    MaxGrossExposure,
    MaxGroupExposure,
    MaxLeverage,
    MaxNetExposure,
    MaxPositionWeight,
)
from ml4t.backtest.risk.limits.loss_limits import MaxDailyLoss, MaxDrawdown
from ml4t.backtest.risk.limits.portfolio_limit import PortfolioLimit
from ml4t.backtest.risk.limits.portfolio_rule import LimitBreach, PortfolioRule
from ml4t.backtest.risk.limits.position_limits import LongOnly, MaxPositions, RestrictedAssets
from ml4t.backtest.risk.limits.risk_limits import MaxCVaR, MaxVaR, VolatilityTarget
from ml4t.backtest.risk.limits.turnover_limit import MaxTurnover

__all__ = [
    "LimitBreach",
    "LongOnly",
    "MaxCVaR",
    "MaxDailyLoss",
    "MaxDrawdown",
    "MaxGrossExposure",
    "MaxGroupExposure",
    "MaxLeverage",
    "MaxNetExposure",
    "MaxPositionWeight",
    "MaxPositions",
    "MaxTurnover",
    "MaxVaR",
    "PortfolioLimit",
    "PortfolioRule",
    "RestrictedAssets",
    "VolatilityTarget",
]
