from typing import final

from ml4t.backtest.core.reasons import Reasons
from ml4t.backtest.risk.context import RiskContext
from ml4t.backtest.risk.contexts import Contexts
from ml4t.backtest.risk.rule import RuleError
from ml4t.backtest.risk.rule_list import RuleEntry
from ml4t.backtest.risk.rule_plan import RulePlan

@final
class PythonRules:
    def __new__(cls, plan: RulePlan, contexts: Contexts, reasons: Reasons) -> PythonRules: ...

def check_decision(entry: RuleEntry, context: RiskContext, decision: object) -> None: ...
def rule_error(entry: RuleEntry, context: RiskContext, what: str) -> RuleError: ...
