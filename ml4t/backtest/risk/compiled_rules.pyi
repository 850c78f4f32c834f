from typing import final

from ml4t.backtest.core.reasons import Reasons
from ml4t.backtest.portfolio.account import Account
from ml4t.backtest.risk.rule_plan import RulePlan

@final
class CompiledRules:
    def __new__(cls, account: Account, plan: RulePlan, reasons: Reasons) -> CompiledRules: ...
