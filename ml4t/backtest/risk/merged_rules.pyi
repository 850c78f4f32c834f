from typing import final

from ml4t.backtest.risk.rule_plan import RulePlan

@final
class MergedRules:
    def __new__(cls, plan: RulePlan) -> MergedRules: ...
