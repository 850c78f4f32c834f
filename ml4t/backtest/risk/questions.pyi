from collections.abc import Sequence
from typing import final

from ml4t.backtest.portfolio.portfolio import Portfolio
from ml4t.backtest.risk.plan import RulePlan

@final
class Questions:
    def __new__(cls, portfolio: Portfolio, plan: RulePlan, reasons: Sequence[int]) -> Questions: ...
